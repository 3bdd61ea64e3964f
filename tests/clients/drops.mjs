// A client of another project, cut off again and again while others write, and at last for longer
// than the log goes back.
//
// Input: {"client": "<a module in resuming/>", "server": "<the chat>", "drops": <how often>}.
// Output: how many were written, what was wrong with those that came, and the RESYNCs before and
// after the log was emptied.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { ask, serverOf } from "./server.mjs";

const input = JSON.parse(await text(process.stdin));
const { connect } = await import(`./resuming/${input.client}.mjs`);
const viewer = { "x-user": "1" };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const directory = mkdtempSync(join(tmpdir(), "graphex-drops-"));
const database = join(directory, "chat.sqlite");
const { start, stop } = serverOf(input.server, { DATABASE_URL: database });
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));

// What the client connects to; it cuts everybody off when it is told to.
const port = await start(0);
const sockets = new Set();
let open = true;
const proxy = net.createServer((near) => {
  if (!open) return near.destroy();
  const far = net.connect(port, "127.0.0.1");
  for (const [one, other] of [[near, far], [far, near]]) {
    sockets.add(one);
    one.on("error", () => {});
    one.on("close", () => {
      sockets.delete(one);
      other.destroy();
    });
    one.pipe(other);
  }
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
const cutOff = () => sockets.forEach((socket) => socket.destroy());

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
const client = connect({ address: `127.0.0.1:${proxy.address().port}/graphql`, viewer });
client.subscribe(
  `subscription Watch($after: Cursor) { messageChanges(ready: true, after: $after, action: CREATE) { action id data { text } } }`,
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
  cutOff();
  if (drop === input.drops >> 1) {
    // Another process, which has nothing in its memory.
    paused = true;
    await sleep(300);
    await stop();
    await start(port);
    paused = false;
  }
}
stopped = true;
await writing;
await until("the last event", () => seen === written);
const resyncsBefore = resyncs;

// Away for longer than the log goes back.
open = false;
cutOff();
await write(5);
await stop();
execFileSync("sqlite3", [database, "DELETE FROM graphex_log"]);
await start(port);
standing = false;
open = true;
await until("READY", () => standing);
seen = written;
await write(5);
await until("what follows the gap", () => seen === written);
await sleep(200);

ended = true;
await client.close();
await stop();
console.log(JSON.stringify({ written, wrong, resyncs: [resyncsBefore, resyncs] }));
process.exit(0);
