// npm graphql-ws, with the lines of guide/resume.md.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { retry } from "../clients/graphql-ws.mjs";

export const resumingClient = ({ address, viewer }) => {
  const after = {};
  return createClient({
    url: `ws://${address}`,
    webSocketImpl: WebSocket,
    ...retry,
    connectionParams: () => ({ ...viewer, graphex: { after } }),
    on: {
      message: (m) => { const c = m.payload?.extensions?.graphex?.cursor; if (c) after[m.id] = c; },
      ping: (received, payload) => { if (received) Object.assign(after, payload?.graphex?.after); },
    },
  });
};

export const connect = (server) => {
  const client = resumingClient(server);
  return {
    subscribe(query, next) {
      client.subscribe({ query }, { next, error: (error) => console.error(error), complete() {} });
    },
    close: () => client.dispose(),
  };
};
