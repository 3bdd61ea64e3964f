// An application with urql whose list of a room is live. What is between the marks is in guide/lists.md.
import { Client, gql, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";

export const application = ({ url, login }) => {
  // guide: begin
  const after = {};
  const socket = createClient({
    url, shouldRetry: () => true, retryAttempts: Infinity,
    connectionParams: () => ({ ...login, graphex: { after } }),
    on: { message: (m) => { const c = m.payload?.extensions?.graphex?.cursor; if (c) after[m.id] = c; } },
  });
  const forwardSubscription = ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
  });
  const client = new Client({ url, exchanges: [subscriptionExchange({ forwardSubscription })] });
  const CHANGES = gql`subscription ($room: Int!) {
    messageChanges(snapshot: true, filters: { room: $room }) { action id data { id text } }
  }`;
  function follow(room, show) {
    const rows = new Map();
    let ready = false;
    const running = client.subscription(CHANGES, { room }).subscribe(({ data: { messageChanges: { action, id, data } } }) => {
      if (action === "RESYNC") { running.unsubscribe(); return follow(room, show); }
      if (action === "READY") ready = true;
      else if (action === "DELETE" || action === "LEAVE") rows.delete(id);
      else rows.set(id, data);
      if (ready) show([...rows.values()]);
    });
  }
  // guide: end
  return { follow, watch: null };
};
