// An application with Apollo Client whose list of a room is live. What is between the marks is in guide/lists.md.
import { ApolloClient, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";

export const application = ({ url, login }) => {
  // guide: begin
  const after = {};
  const socket = createClient({
    url, shouldRetry: () => true, retryAttempts: Infinity,
    connectionParams: () => ({ ...login, graphex: { after } }),
    on: { message: (m) => { const c = m.payload?.extensions?.graphex?.cursor; if (c) after[m.id] = c; } },
  });
  const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
  const ROOM = gql`query ($room: Int!) { inRoom(room: $room) { id text } }`;
  const CHANGES = gql`subscription ($room: Int!) {
    messageChanges(snapshot: true, filters: { room: $room }) { action id data { id text } }
  }`;
  function follow(room) {
    const rows = new Map();
    let ready = false;
    const changes = client.subscribe({ query: CHANGES, variables: { room }, fetchPolicy: "no-cache" });
    const running = changes.subscribe(({ data: { messageChanges: { action, id, data } } }) => {
      if (action === "RESYNC") { running.unsubscribe(); return follow(room); }
      if (action === "READY") ready = true;
      else if (action === "DELETE" || action === "LEAVE") rows.delete(id);
      else rows.set(id, { ...data, __typename: "Message" });
      if (ready) client.writeQuery({ query: ROOM, variables: { room }, data: { inRoom: [...rows.values()] } });
    });
  }
  // guide: end
  const watch = (room, show) => {
    const list = client.watchQuery({ query: ROOM, variables: { room }, fetchPolicy: "cache-only" });
    list.subscribe(({ data }) => data?.inRoom && show(data.inRoom));
  };
  return { follow, watch };
};
