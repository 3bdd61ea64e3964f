// npm @apollo/client, over HTTP with multipart responses.
import { ApolloLink, HttpLink } from "@apollo/client";
import { RetryLink } from "@apollo/client/link/retry";
import { apollo } from "./apollo-ws.mjs";

export const connect = ({ address, viewer }) => {
  const retry = new RetryLink({ delay: { initial: 50, max: 50 }, attempts: { max: 100 } });
  const http = new HttpLink({ uri: `http://${address}`, headers: viewer });
  return apollo(ApolloLink.from([retry, http]), () => {});
};
