// Every protocol through a proxy that stands in front of the chat example.
//
// Input: {"chat": <its port>, "process": <its id>, "proxy": <the port of the proxy>,
// "idle": <seconds without a change>, "rounds": <of twenty events>, "plain": <whether without TLS, and
// then nothing but the measuring>}.
// Output: for each way to subscribe what was measured and heard.
import { text } from "node:stream/consumers";
import { plainWays, ways as tlsWays } from "./proxied/streams.mjs";
import { ask } from "./server.mjs";

const input = JSON.parse(await text(process.stdin));
const viewer = { "x-user": "1" };
const ways = input.plain ? plainWays : tlsWays;
const host = `localhost:${input.proxy}`;
const origin = `https://${host}`;
const query = 'subscription { messageChanges(ready: true, action: CREATE) { action data { text } } }';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const open = (way, asked) => ways[way]({ host, origin, viewer, query, ...asked });
const create = (words) => ask(input.chat, viewer, `mutation { createMessage(room: 1, text: "${words}") { id } }`);
const channels = async () => {
  const metrics = await (await fetch(`http://127.0.0.1:${input.chat}/metrics`)).text();
  const counts = [...metrics.matchAll(/^graphex_channels\{.*\} (\d+)/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
};

let written = 0;
/** How long twenty events took from the moment before each was written, in milliseconds. */
const measure = async (heard) => {
  const took = [];
  for (let event = 0; event < 20; event += 1) {
    const words = `event ${(written += 1)}.`;
    const begun = performance.now();
    const [come] = await Promise.all([
      heard.until(words, ({ text }) => text.includes(words), 10),
      create(words),
    ]);
    took.push(Math.round(come - begun));
    // A proxy that holds events back would let the second one push the first.
    await sleep(20);
  }
  return took;
};

const output = {};
const standing = {};
for (const way of Object.keys(ways)) {
  const { heard } = (standing[way] = open(way));
  await heard.until(`READY (${way})`, ({ text }) => text.includes('"READY"'), 10);
  const slowest = [];
  for (let round = 0; round < input.rounds; round += 1) {
    const took = await measure(heard);
    slowest.push(Math.max(...took));
    if (slowest.at(-1) < 50) break;
  }
  output[way] = { version: heard.version, slowest };
}
if (input.plain) {
  console.log(JSON.stringify(output));
  process.exit(0);
}

// Long without a change, all at once.
await sleep(input.idle * 1000);
await create("after all that time");
for (const way of Object.keys(ways)) {
  const { heard } = standing[way];
  await heard.until(`the event after the idle time (${way})`, ({ text }) => text.includes("after all that time"), 10);
}

// A denial arrives, with its sentence.
const denied = "subscription { noteChanges { action } }";
for (const way of Object.keys(ways)) {
  const { heard, close } = open(way, { query: denied, viewer: {} });
  await heard.until(`a denial (${way})`, ({ text }) => text.includes('"errors"') || text.includes('"error"'), 10);
  output[way].denied = heard.text;
  close();
}

// A page of another origin is refused, by the answer of the server.
const foreign = open("WebSocket", { origin: "https://evil.example" });
await foreign.heard.until("the refusal of a foreign page", ({ ended }) => ended, 10);
output.foreign = foreign.heard.ended;

// The server hears that a client has gone.
for (const way of Object.keys(ways)) {
  const before = await channels();
  const { heard, close } = open(way);
  await heard.until(`READY (${way})`, ({ text }) => text.includes('"READY"'), 10);
  close();
  const begun = performance.now();
  while ((await channels()) !== before) {
    if (performance.now() - begun > 20_000) throw new Error(`${way}: the server did not hear that its client went`);
    await sleep(50);
  }
}

// The server ends.
process.kill(input.process, "SIGTERM");
for (const way of Object.keys(ways)) {
  const { heard } = standing[way];
  await heard.until(`the end (${way})`, ({ ended }) => ended, 20);
  output[way].ended = heard.ended;
  output[way].last = heard.text.slice(-300);
}
console.log(JSON.stringify(output));
process.exit(0);
