// Subscriptions as browsers and other clients open them, in each protocol: `open` gives
// the text that has come so far, and says how it ended.
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import WebSocket from "ws";

/** What comes over one connection. */
class Heard {
  text = "";
  ended = null;
  #waiting = new Set();
  #changed() {
    for (const look of this.#waiting) look();
  }
  more(text) {
    this.text += text;
    this.#changed();
  }
  end(how) {
    this.ended ??= how;
    this.#changed();
  }
  /** When `holds` does, the moment that it did. */
  until(what, holds, seconds) {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!holds(this)) return;
        clearTimeout(deadline);
        this.#waiting.delete(look);
        resolve(performance.now());
      };
      const late = () => reject(new Error(`waited ${seconds} s for ${what}, ended: ${this.ended}, got: ${this.text.slice(-500)}`));
      const deadline = setTimeout(late, seconds * 1000);
      this.#waiting.add(look);
      look();
    });
  }
}

const accepts = {
  sse: "text/event-stream",
  multipart: 'multipart/mixed;subscriptionSpec="1.0", application/json',
};
const tls = { rejectUnauthorized: false };

const listen = (heard, stream) => {
  stream.setEncoding("utf8");
  stream.on("data", (text) => heard.more(text));
  stream.on("end", () => heard.end("end"));
  stream.on("error", (error) => heard.end(`error ${error.message}`));
};

const overHttp1 = ({ host, origin, viewer, query, format, plain }) => {
  const heard = new Heard();
  const headers = { ...viewer, origin, accept: accepts[format], "content-type": "application/json" };
  const { Agent, request: send } = plain ? http : https;
  const agent = new Agent({ ...tls, keepAlive: false });
  const url = `${plain ? "http" : "https"}://${host}/graphql`;
  const request = send(url, { method: "POST", headers, agent });
  request.on("response", (response) => {
    heard.version = response.httpVersion;
    listen(heard, response);
  });
  request.on("error", (error) => heard.end(`error ${error.message}`));
  request.end(JSON.stringify({ query }));
  return { heard, close: () => request.destroy() };
};

const overHttp2 = ({ host, origin, viewer, query, format }) => {
  const heard = new Heard();
  const session = http2.connect(`https://${host}`, tls);
  session.on("error", (error) => heard.end(`error ${error.message}`));
  const stream = session.request({
    ":method": "POST",
    ":path": "/graphql",
    ...viewer,
    origin,
    accept: accepts[format],
    "content-type": "application/json",
  });
  heard.version = "2.0";
  listen(heard, stream);
  stream.end(JSON.stringify({ query }));
  return { heard, close: () => session.destroy() };
};

const overWebSocket = ({ host, origin, viewer, query }) => {
  const heard = new Heard();
  const socket = new WebSocket(`wss://${host}/graphql`, "graphql-transport-ws", { ...tls, origin });
  heard.version = "1.1";
  socket.on("open", () => socket.send(JSON.stringify({ type: "connection_init", payload: viewer })));
  socket.on("message", (data) => {
    const message = JSON.parse(data);
    if (message.type === "connection_ack") {
      socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query } }));
    } else if (message.type === "ping") socket.send('{"type":"pong"}');
    else heard.more(`${data}\n`);
  });
  socket.on("unexpected-response", (_, response) => heard.end(`refused ${response.statusCode}`));
  socket.on("error", (error) => heard.end(`error ${error.message}`));
  socket.on("close", (code) => heard.end(`close ${code}`));
  return { heard, close: () => socket.terminate() };
};

/** Every way to subscribe through a proxy, by its name. */
export const ways = {
  "WebSocket": (asked) => overWebSocket(asked),
  "SSE over HTTP/1.1": (asked) => overHttp1({ ...asked, format: "sse" }),
  "SSE over HTTP/2": (asked) => overHttp2({ ...asked, format: "sse" }),
  "multipart over HTTP/1.1": (asked) => overHttp1({ ...asked, format: "multipart" }),
  "multipart over HTTP/2": (asked) => overHttp2({ ...asked, format: "multipart" }),
};

/** Without TLS. */
export const plainWays = {
  "SSE over HTTP/1.1": (asked) => overHttp1({ ...asked, format: "sse", plain: true }),
};
