// npm graphql-ws, over a WebSocket.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

export const retry = {
  retryAttempts: 100,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
  shouldRetry: () => true,
};

export const webSocketClient = ({ address, viewer }) =>
  createClient({
    url: `ws://${address}`,
    webSocketImpl: WebSocket,
    connectionParams: viewer,
    ...retry,
  });

export const connect = (server) => {
  const client = webSocketClient(server);
  return {
    subscribe(query, next) {
      const sink = { next, error: (error) => console.error(error), complete() {} };
      const unsubscribe = client.subscribe({ query }, sink);
      return { unsubscribe };
    },
    close: () => client.dispose(),
  };
};
