// A client of another project, cut off again and again while others write, and at last for longer
// than the log goes back.
//
// Input: {"client": "<a module in resuming/>", "server": "<the program>", "arguments": […], "drops": <how
// often>}, and "postgres": "<URL of a server>" if the log is to be there, and not in SQLite.
// Output: how many were written, what was wrong with those that came, and the RESYNCs before and
// after the log was emptied.
import { text } from "node:stream/consumers";
import { cutting } from "./cutting.mjs";
import { postgres, sqlite } from "./databases.mjs";
import { ask, serverOf } from "./server.mjs";

const input = JSON.parse(await text(process.stdin));
const { connect } = await import(`./resuming/${input.client}.mjs`);
const viewer = { "x-user": "1" };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const database = input.postgres ? postgres(input.postgres, input.client) : sqlite();
const newProcess = () => serverOf(input.server, { DATABASE_URL: database.url }, input.arguments);
let server = newProcess();

let port = await server.start(0);
const way = await cutting(() => port);

let written = 0;
const write = async (count) => {
  const texts = Array.from({ length: count }, (_, at) => `"${written + at + 1}"`);
  await ask(port, viewer, `mutation { createMessages(room: 1, texts: [${texts}]) { id } }`);
  written += count;
};

let seen = 0;
let resyncs = 0;
let standing = false;
let ended = false;
const wrong = [];
const client = connect({ address: way.address, viewer });
client.subscribe(
  `subscription watchSubscription($after: Cursor) { messageChanges(ready: true, after: $after, action: CREATE) { action id data { text } } }`,
  (result) => {
    // urql tells the last result again when its client ends.
    if (ended) return;
    const change = result.data.messageChanges;
    if (change.action === "READY") standing = true;
    else if (change.action === "RESYNC") resyncs += 1;
    else if (Number(change.data.text) === seen + 1) seen += 1;
    else {
      if (wrong.length < 10) wrong.push(`${change.data.text} after ${seen}`);
      seen = Number(change.data.text);
    }
  },
);
const until = async (what, holds) => {
  for (let waited = 0; !holds(); waited += 10) {
    if (waited > 40_000) throw new Error(`${input.client}: waited for ${what}; ${seen} of ${written} came`);
    await sleep(10);
  }
};
await until("READY", () => standing);

// Some 500 a second.
let paused = false;
let stopped = false;
const writing = (async () => {
  while (!stopped) {
    if (!paused) await write(25);
    await sleep(50);
  }
})();
let random = 2026;
const below = (sides) => (random = (random * 48271) % 2147483647) % sides;
for (let drop = 0; drop < input.drops; drop += 1) {
  const upTo = seen + 1 + below(60);
  await until("events", () => seen >= upTo);
  way.cutOff();
  if (drop === input.drops >> 1) {
    // Another process, which has nothing in its memory.
    const other = newProcess();
    const otherPort = await other.start(0);
    paused = true;
    await sleep(300);
    await server.stop();
    [server, port] = [other, otherPort];
    way.cutOff();
    paused = false;
  }
}
stopped = true;
await writing;
await until("the last event", () => seen === written);
const resyncsBefore = resyncs;

// Away for longer than the log goes back.
way.close();
await write(5);
await server.stop();
database.forget();
await server.start(port);
standing = false;
way.open();
await until("READY", () => standing);
seen = written;
await write(5);
await until("what follows the gap", () => seen === written);
await sleep(200);

ended = true;
await client.close();
await server.stop();
database.drop();
console.log(JSON.stringify({ written, wrong, resyncs: [resyncsBefore, resyncs] }));
process.exit(0);
