// npm graphql-sse, a connection for each operation, with the lines of guide/resume.md.
import { createClient } from "graphql-sse";

export const resuming =
  (options) =>
  ({ address, viewer }) => {
    const client = createClient({
      url: `http://${address}`,
      headers: () => ({ ...viewer }),
      retryAttempts: 1_000,
      retry: () => new Promise((resolve) => setTimeout(resolve, 50)),
      ...options,
    });
    return {
      subscribe(query, next) {
        let after;
        client.subscribe({ query, variables: { get after() { return after; } } }, {
          next: (result) => { after = result.extensions?.graphex?.cursor ?? after; next(result); },
          error: (error) => console.error(error),
          complete() {},
        });
      },
      close: () => client.dispose(),
    };
  };

export const connect = resuming({});
