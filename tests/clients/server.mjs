// A server as a process of its own, which a script starts, stops and starts again.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** `program`, with `environment` beside that of the script. Whatever happens, it does not stay behind. */
export const serverOf = (program, environment = {}, given = []) => {
  let server;
  process.on("exit", () => server?.kill("SIGKILL"));
  return {
    /** The port on which it listens; 0 takes a free one. */
    async start(port) {
      const env = { ...process.env, ...environment, PORT: String(port) };
      server = spawn(program, given, { env, stdio: ["ignore", "pipe", "inherit"] });
      for await (const line of createInterface({ input: server.stdout })) {
        const address = /127\.0\.0\.1:(\d+)/.exec(line);
        if (address) {
          server.stdout.resume();
          return Number(address[1]);
        }
      }
      throw new Error("the server did not start");
    },
    /** Ends it, as if the machine did. */
    async stop() {
      const gone = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGKILL");
      await gone;
    },
    /** Asks it to end; its exit code. */
    async terminate() {
      const gone = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGTERM");
      return gone;
    },
  };
};
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(1));

/** The data that the server answers with. */
export const ask = async (port, viewer, query) => {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...viewer },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
};
