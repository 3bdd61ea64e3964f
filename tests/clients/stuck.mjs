// Starts a program that holds a connection to a port, and never ends; nor does that.
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

const { port } = JSON.parse(await text(process.stdin));
const program = `require("node:net").connect(${port}, "127.0.0.1"); setInterval(() => {}, 1000)`;
spawn(process.execPath, ["-e", program], { stdio: "ignore" });
setInterval(() => {}, 1000);
