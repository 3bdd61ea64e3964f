// npm graphql-sse, one connection for all operations.
import { resuming } from "./graphql-sse.mjs";

export const connect = resuming({ singleConnection: true });
