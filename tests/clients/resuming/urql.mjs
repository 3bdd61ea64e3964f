// npm @urql/core, over the client of graphql-ws.
import { subscriptionExchange } from "@urql/core";
import { urql } from "../clients/urql-ws.mjs";
import { resumingClient } from "./graphql-ws.mjs";

export const connect = (server) => {
  const socket = resumingClient(server);
  const overSocket = subscriptionExchange({
    forwardSubscription: ({ query, variables }) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
    }),
  });
  return urql({ url: `http://${server.address}` }, [overSocket], () => socket.dispose());
};
