// PyPI gql, as a process of its own for each subscription.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("listen.py", import.meta.url));
const python = process.env.GRAPHEX_GQL_PYTHON;

export const gql = ({ address, viewer }, resumes) => {
  if (!python) throw new Error("GRAPHEX_GQL_PYTHON is not set: run ./tests/run.sh, which installs gql");
  const listeners = new Set();
  process.on("exit", () => listeners.forEach((listener) => listener.kill("SIGKILL")));
  return {
    subscribe(query, next) {
      const asked = JSON.stringify({ url: `ws://${address}`, params: viewer, query, resumes });
      const listener = spawn(python, [program, asked], { stdio: ["ignore", "pipe", "inherit"] });
      listeners.add(listener);
      createInterface({ input: listener.stdout }).on("line", (line) => next(JSON.parse(line)));
      return { unsubscribe: () => listener.kill("SIGKILL") };
    },
    close: () => listeners.forEach((listener) => listener.kill("SIGKILL")),
  };
};
