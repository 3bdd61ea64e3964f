// PyPI gql, over a WebSocket, with the lines of guide/resume.md.
import { gql } from "../gql/client.mjs";

export const connect = (server) => gql(server, true);
