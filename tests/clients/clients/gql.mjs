// PyPI gql, over a WebSocket.
import { gql } from "../gql/client.mjs";

export const connect = (server) => gql(server, false);
