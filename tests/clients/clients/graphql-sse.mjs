// npm graphql-sse, a connection for each operation.
import { createClient } from "graphql-sse";

export const streams =
  (options) =>
  ({ address, viewer }) => {
    const client = createClient({
      url: `http://${address}`,
      // A function, because the client adds to what it gets.
      headers: () => ({ ...viewer }),
      retryAttempts: 100,
      retry: () => new Promise((resolve) => setTimeout(resolve, 50)),
      ...options,
    });
    return {
      subscribe(query, next) {
        const sink = { next, error: (error) => console.error(error), complete() {} };
        const unsubscribe = client.subscribe({ query }, sink);
        return { unsubscribe };
      },
      close: () => client.dispose(),
    };
  };

export const connect = streams({});
