// npm eventsource, which is the EventSource of browsers: nothing has to be done.
import { EventSource } from "eventsource";

export const connect = ({ address, viewer }) => {
  let source;
  return {
    subscribe(query, next) {
      const url = new URL(`http://${address}`);
      url.searchParams.set("query", query);
      url.searchParams.set("user", viewer["x-user"]);
      source = new EventSource(url);
      source.addEventListener("next", ({ data }) => next(JSON.parse(data)));
    },
    close: () => source.close(),
  };
};
