// An application that keeps a list live, beside writers, while it is cut off and the server restarted.
//
// Input: {"application": "<a module in lists/>", "server": "<the chat>", "drops": <how often>}.
// Output: how often the list was compared with the database, how many rows it had, and what was done.
import { text } from "node:stream/consumers";
import WebSocket from "ws";
import { cutting } from "./cutting.mjs";
import { sqlite } from "./databases.mjs";
import { ask, serverOf } from "./server.mjs";

// As a browser has it.
globalThis.WebSocket = WebSocket;

const input = JSON.parse(await text(process.stdin));
const { application } = await import(`./lists/${input.application}.mjs`);
const login = { "x-user": "1" };
const room = 7;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const database = sqlite();
const server = serverOf(input.server, { DATABASE_URL: database.url });
const port = await server.start(0);
const way = await cutting(() => port);

let random = 2026;
const below = (sides) => (random = (random * 48271) % 2147483647) % sides;
const rows = async () => (await ask(port, login, "{ messages { id room text } }")).messages;
const inRoom = async () => {
  const found = (await rows()).filter((row) => row.room === room);
  return JSON.stringify(found.map(({ id, text }) => [id, text]));
};
let word = 0;
const done = { created: 0, changed: 0, entered: 0, left: 0, deleted: 0 };
/** Some row is written, deleted, or moved into the room or out of it. */
const write = async () => {
  const all = await rows();
  const row = all[below(all.length || 1)];
  const what = below(6);
  if (!row || what < 2) {
    await ask(port, login, `mutation { createMessage(room: ${room + below(2)}, text: "word ${(word += 1)}") { id } }`);
    done.created += 1;
  } else if (what === 2) {
    await ask(port, login, `mutation { updateMessage(id: ${row.id}, text: "word ${(word += 1)}") { id } }`);
    done.changed += 1;
  } else if (what === 3) {
    await ask(port, login, `mutation { deleteMessage(id: ${row.id}) }`);
    done.deleted += 1;
  } else {
    const to = row.room === room ? room + 1 : room;
    await ask(port, login, `mutation { updateMessage(id: ${row.id}, room: ${to}) { id } }`);
    done[to === room ? "entered" : "left"] += 1;
  }
};

let shown = null;
const show = (list) => {
  const listed = list.map(({ id, text }) => [id, text]);
  shown = JSON.stringify(listed.sort(([one], [other]) => one - other));
};
const { follow, watch } = application({ url: `ws://${way.address}`, login });
watch?.(room, show);

let compared = 0;
const agrees = async (when) => {
  const expected = await inRoom();
  for (let waited = 0; shown !== expected; waited += 20) {
    if (waited > 20_000) throw new Error(`${input.application}, ${when}: shown ${shown}, there is ${expected}`);
    await sleep(20);
  }
  compared += 1;
};

for (let before = 0; before < 10; before += 1) await write();
follow(room, show);
await agrees("at the beginning");
for (let drop = 0; drop < input.drops; drop += 1) {
  for (let beside = 0; beside < 5; beside += 1) await write();
  if (drop % 2) await agrees(`before drop ${drop}`);
  way.cutOff();
  for (let away = below(10); away > 0; away -= 1) await write();
  if (drop === input.drops >> 1) {
    await server.stop();
    await server.start(port);
  }
  await agrees(`after drop ${drop}`);
}

// Away for longer than the log goes back.
way.close();
for (let away = 0; away < 10; away += 1) await write();
await server.stop();
database.forget();
await server.start(port);
way.open();
await agrees("after the log was emptied");
for (let last = 0; last < 10; last += 1) await write();
await agrees("at the end");
await server.stop();
database.drop();
console.log(JSON.stringify({ compared, done }));
process.exit(0);
