// npm @apollo/client, over a WebSocket.
import { ApolloClient, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { webSocketClient } from "./graphql-ws.mjs";

export const apollo = (link, close) => {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  return {
    subscribe(query, next) {
      const observer = { next, error: (error) => console.error(error) };
      return client.subscribe({ query: gql(query), fetchPolicy: "no-cache" }).subscribe(observer);
    },
    async close() {
      client.stop();
      await close();
    },
  };
};

export const connect = (server) => {
  const socket = webSocketClient(server);
  return apollo(new GraphQLWsLink(socket), () => socket.dispose());
};
