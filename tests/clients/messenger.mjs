// The example `messenger` with npm graphql-ws: logins, messages within companies, and the end of a login.
//
// Input: {"server": "<program>", "postgres": "<URL of a server>"}. Output: what each step gave.
import { spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { text } from "node:stream/consumers";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { postgres } from "./databases.mjs";
import { ask, serverOf } from "./server.mjs";

const input = JSON.parse(await text(process.stdin));
const database = postgres(input.postgres, "messenger");
const secret = "a secret of at least thirty-two bytes";
const environment = { DATABASE_URL: database.url, JWT_SECRET: secret };

const add = (company, name, password) => {
  const env = { ...process.env, ...environment };
  const { status } = spawnSync(input.server, ["add-user", company, name], { env, input: `${password}\n` });
  if (status !== 0) throw new Error(`${name} could not be added`);
};
add("1", "ann", "of ann");
add("1", "bob", "of bob");
add("2", "eve", "of eve");

const server = serverOf(input.server, environment, ["serve"]);
const port = await server.start(0);

const post = (path, headers, body) =>
  fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
const login = (name, password) => post("/login", {}, { name, password });
const tokenOf = async (name) => (await (await login(name, `of ${name}`)).json()).token;
const wrongLogins = [(await login("ann", "of bob")).status, (await login("nobody", "of ann")).status];
const [ann, bob, eve] = [await tokenOf("ann"), await tokenOf("bob"), await tokenOf("eve")];
const headers = (token) => ({ authorization: `Bearer ${token}` });
const status = async (token) => (await post("/graphql", headers(token), { query: "{ messages { id } }" })).status;
const send = (token, words) => ask(port, headers(token), `mutation { send(text: "${words}") { id } }`);

/** A subscriber; `closed` is the code with which the server ends its connection. */
const subscriber = (connectionParams) => {
  const heard = [];
  let wake = () => {};
  let end;
  const closed = new Promise((resolve) => (end = resolve));
  const client = createClient({
    url: `ws://127.0.0.1:${port}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams,
    retryAttempts: 0,
    on: { closed: (event) => end({ code: event.code, reason: event.reason }) },
  });
  const next = (result) => {
    heard.push(result.data.messageChanges);
    wake();
  };
  const query = "subscription { messageChanges(ready: true) { action data { company author text } } }";
  client.subscribe({ query }, { next, error() {}, complete() {} });
  return {
    heard,
    closed,
    dispose: () => client.dispose(),
    /** When the last one says so. */
    async until(holds) {
      while (!heard.length || !holds(heard.at(-1))) await new Promise((resolve) => (wake = resolve));
    },
  };
};
const stands = (change) => change.action === "READY";
const says = (words) => (change) => change.data?.text === words;

const ears = { ann: subscriber(headers(ann)), bob: subscriber(headers(bob)), eve: subscriber(headers(eve)) };
for (const ear of Object.values(ears)) await ear.until(stands);
await send(ann, "to the first company");
await ears.bob.until(says("to the first company"));
await send(eve, "to the second company");
await ears.eve.until(says("to the second company"));
await send(bob, "and an answer");
await ears.ann.until(says("and an answer"));
const heard = Object.fromEntries(Object.entries(ears).map(([name, ear]) => [name, ear.heard.map((change) => change.data?.text ?? change.action)]));

/** A token that ends after some seconds, as the server would make it. */
const signed = (seconds, key) => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const said = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: "1", company: 1, exp })}`;
  return `${said}.${createHmac("sha256", key).update(said).digest("base64url")}`;
};
const short = signed(2, secret);
const shortly = subscriber(headers(short));
await shortly.until(stands);
const closes = {
  expires: await shortly.closed,
  expired: await subscriber(headers(short)).closed,
  forged: await subscriber(headers(signed(60, "another secret of thirty-two bytes"))).closed,
  missing: await subscriber({}).closed,
};
const statuses = { good: await status(ann), expired: await status(short), forged: await status(`${ann}x`) };
const anonymous = await (await post("/graphql", {}, { query: "{ messages { id } }" })).json();

const away = ears.ann.closed;
const code = await server.terminate();
closes.drained = await away;
database.drop();
console.log(JSON.stringify({ wrongLogins, heard, closes, statuses, anonymous: anonymous.errors[0].message, code }));
process.exit(0);
