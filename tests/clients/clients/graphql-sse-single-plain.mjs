// npm graphql-sse, one connection for all operations, with headers as an object: the client keeps
// the token of its stream in it, and brings the last one when it reserves the next.
import { streams } from "./graphql-sse.mjs";

export const connect = (to) =>
  streams({ singleConnection: true, headers: { ...to.viewer } })(to);
