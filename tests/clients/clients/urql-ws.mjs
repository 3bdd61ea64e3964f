// npm @urql/core, over a WebSocket.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { webSocketClient } from "./graphql-ws.mjs";

export const urql = (options, exchanges, close = () => {}) => {
  const client = new Client({ ...options, exchanges, preferGetMethod: false });
  return {
    subscribe(query, next) {
      return client.subscription(query, {}).subscribe((result) => {
        if (result.error) console.error(result.error);
        else if (result.data) next({ data: result.data });
      });
    },
    close,
  };
};

export const connect = (server) => {
  const socket = webSocketClient(server);
  const overSocket = subscriptionExchange({
    forwardSubscription: ({ query, variables }) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
    }),
  });
  return urql({ url: `http://${server.address}` }, [overSocket], () => socket.dispose());
};
