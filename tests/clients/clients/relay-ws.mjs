// npm relay-runtime, over a WebSocket.
import { relayOver } from "../relay/client.mjs";
import { webSocketClient } from "./graphql-ws.mjs";

export const connect = (server) => relayOver(webSocketClient(server));
