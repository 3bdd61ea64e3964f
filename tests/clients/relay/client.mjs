// npm relay-runtime, over the client of graphql-ws. What it asks is compiled from the `.js` files here by
// relay-compiler: with the schema of the chat in `schema.graphql`, `npx relay-compiler relay.config.json`.
import { parse, print } from "graphql";
import relay from "relay-runtime";
import hear from "./__generated__/hearSubscription.graphql.js";
import watch from "./__generated__/watchSubscription.graphql.js";

/** The compiled form of what a script asks. */
const compiled = (query) => {
  const same = ({ params }) => print(parse(params.text)) === print(parse(query));
  const found = [hear, watch].find(same);
  if (!found) throw new Error(`not compiled for Relay: ${query}`);
  return found;
};

export const relayOver = (socket) => {
  const fetch = () => Promise.reject(new Error("subscriptions alone"));
  const subscribe = ({ name, text }, variables) =>
    relay.Observable.create((sink) => socket.subscribe({ operationName: name, query: text, variables }, sink));
  const environment = new relay.Environment({
    network: relay.Network.create(fetch, subscribe),
    store: new relay.Store(new relay.RecordSource()),
  });
  return {
    subscribe(query, next) {
      const { dispose } = relay.requestSubscription(environment, {
        subscription: compiled(query),
        variables: {},
        onNext: (data) => next({ data }),
        onError: (error) => console.error(error),
      });
      return { unsubscribe: dispose };
    },
    close: () => socket.dispose(),
  };
};
