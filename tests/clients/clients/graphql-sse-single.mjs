// npm graphql-sse, one connection for all operations.
import { streams } from "./graphql-sse.mjs";

export const connect = streams({ singleConnection: true });
