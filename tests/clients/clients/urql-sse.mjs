// npm @urql/core, over HTTP with server-sent events. It does not connect again by itself: an
// application asks again when a subscription ends.
import { Client, fetchExchange } from "@urql/core";

export const connect = ({ address, viewer }) => {
  const url = `http://${address}`;
  const fetchOptions = { headers: viewer };
  const options = { url, fetchOptions, fetchSubscriptions: true, preferGetMethod: false };
  return {
    subscribe(query, next) {
      let ended = false;
      let current;
      const again = () => {
        const client = new Client({ ...options, exchanges: [fetchExchange] });
        current = client.subscription(query, {}).subscribe((result) => {
          if (result.data) next({ data: result.data });
          if (!ended && (result.error || !result.hasNext)) setTimeout(() => ended || again(), 50);
        });
      };
      again();
      return {
        unsubscribe() {
          ended = true;
          current.unsubscribe();
        },
      };
    },
    close() {},
  };
};
