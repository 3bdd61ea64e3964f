// A client of another project against the chat example: it subscribes, hears of a create, an update
// and a delete, unsubscribes, and hears again after the server was stopped and started.
//
// Input: {"client": "<a module in clients/>", "server": "<program>"}. Output: what it received.
import { text } from "node:stream/consumers";
import { ask, serverOf } from "./server.mjs";

const input = JSON.parse(await text(process.stdin));
const { connect } = await import(`./clients/${input.client}.mjs`);

const viewer = { "x-user": "1" };
const query = "subscription hearSubscription { messageChanges { action id data { room text } } }";

const { start, stop } = serverOf(input.server);
const port = await start(0);
const address = `127.0.0.1:${port}/graphql`;

const mutate = (query) => ask(port, viewer, query);
const create = async (words) =>
  (await mutate(`mutation { createMessage(room: 1, text: "${words}") { id } }`)).createMessage.id;

/** The results of a subscription, one after the other. */
class Results {
  #waiting = [];
  #come = [];
  push(result) {
    const next = this.#waiting.shift();
    next ? next(result) : this.#come.push(result);
  }
  async next() {
    const come = this.#come.shift();
    return come ?? new Promise((resolve) => this.#waiting.push(resolve));
  }
  get left() {
    return this.#come.length;
  }
}

/** Writes until the subscription has joined, which no client can see otherwise. */
const joined = async (results) => {
  let heard;
  const first = results.next().then((result) => (heard = result));
  while (!heard) {
    await create("are you there?");
    await Promise.race([first, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
};
/** Everything written so far has been heard of when this has. */
const upTo = async (results, words) => {
  await create(words);
  for (;;) {
    const change = await results.next();
    if (change.data.messageChanges.data.text === words) return;
  }
};

const client = connect({ address, viewer });
const results = new Results();
const subscription = client.subscribe(query, (result) => results.push(result));
await joined(results);
await upTo(results, "begin");

const id = await create("hello");
await mutate(`mutation { updateMessage(id: ${id}, text: "hello again") { id } }`);
await mutate(`mutation { deleteMessage(id: ${id}) }`);
const received = [];
for (let count = 0; count < 3; count += 1) received.push(await results.next());

// A second subscription tells when the first would have heard.
const witness = new Results();
const second = client.subscribe(query, (result) => witness.push(result));
await joined(witness);
await upTo(results, "both");
await subscription.unsubscribe();
await upTo(witness, "unsubscribed");
// The server has heard of it when it goes on without: then nothing more comes.
const before = results.left;
await upTo(witness, "silence");
const silent = results.left === before;

await stop();
await start(port);
await joined(witness);
await upTo(witness, "after the restart");

await second.unsubscribe();
await client.close();
await stop();
console.log(JSON.stringify({ received, id, silent }));
process.exit(0);
