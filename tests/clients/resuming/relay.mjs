// npm relay-runtime, over the client of graphql-ws.
import { relayOver } from "../relay/client.mjs";
import { resumingClient } from "./graphql-ws.mjs";

export const connect = (server) => relayOver(resumingClient(server));
