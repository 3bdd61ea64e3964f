// Databases of a script's own, with a change log that it can empty.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file. */
export const sqlite = () => {
  const directory = mkdtempSync(join(tmpdir(), "graphex-drops-"));
  const drop = () => rmSync(directory, { recursive: true, force: true });
  process.on("exit", drop);
  const url = join(directory, "chat.sqlite");
  return {
    url,
    /** All positions of before are gone. */
    forget: () => execFileSync("sqlite3", [url, "DELETE FROM graphex_log"]),
    drop,
  };
};

/** One of the server that this URL names. */
export const postgres = (server, name) => {
  const database = `graphex_client_${name.replaceAll("-", "_")}`;
  const psql = (url, ...commands) => {
    const each = commands.flatMap((command) => ["-c", command]);
    return execFileSync("psql", ["-q", "-v", "ON_ERROR_STOP=1", "-d", url, ...each], { stdio: ["ignore", "ignore", "inherit"] });
  };
  const drop = () => psql(server, "SET client_min_messages = warning", `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  drop();
  psql(server, `CREATE DATABASE ${database}`);
  const url = new URL(server);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    /** Nothing is kept for any time: what was written before goes, table after table of the log. */
    forget: () => {
      for (let table = 0; table < 6; table += 1) {
        psql(
          url.href,
          "UPDATE messages SET pinned = NOT pinned WHERE id = (SELECT max(id) FROM messages)",
          "SELECT graphex.tick(1000000)",
          "SELECT graphex.prune('0', 1 << 30)",
        );
      }
    },
    drop,
  };
};
