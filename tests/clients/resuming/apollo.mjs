// npm @apollo/client, over the client of graphql-ws.
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { apollo } from "../clients/apollo-ws.mjs";
import { resumingClient } from "./graphql-ws.mjs";

export const connect = (server) => {
  const socket = resumingClient(server);
  return apollo(new GraphQLWsLink(socket), () => socket.dispose());
};
