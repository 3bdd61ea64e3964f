-- AUTOINCREMENT: a number is not given again when the newest row is deleted.
CREATE TABLE IF NOT EXISTS graphex_log (
  seq    INTEGER PRIMARY KEY AUTOINCREMENT,
  at     INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)),
  token  INTEGER NOT NULL DEFAULT (random() & 4294967295),
  stream TEXT NOT NULL,
  op     TEXT NOT NULL,
  old    TEXT,
  new    TEXT
);

CREATE TABLE IF NOT EXISTS graphex_state (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  version TEXT    NOT NULL,
  log     INTEGER NOT NULL DEFAULT (random() & 9007199254740991)
);
INSERT INTO graphex_state (one, version) VALUES (1, '{version}')
  ON CONFLICT (one) DO UPDATE SET version = excluded.version;

-- One write in 256 looks at the 512 oldest rows, and takes away the first of them up to one that is
-- to be kept: a row whose clock was wrong does not leave a hole before it. The size is that of as many
-- rows as there are, as long as the oldest or the newest of them, whichever are longer. With `seq < NEW.seq`
-- beside it SQLite would go through the whole log; it is said within.
DROP TRIGGER IF EXISTS graphex_log_trim;
CREATE TRIGGER graphex_log_trim AFTER INSERT ON graphex_log WHEN NEW.seq % 256 = 0 BEGIN
  DELETE FROM graphex_log WHERE seq < (
    SELECT min(NEW.seq, ifnull(min(CASE WHEN is_old THEN NULL ELSE seq END), max(seq) + 1)) FROM (
      SELECT seq, at < CAST(strftime('%s', 'now') AS INTEGER) - {keep}
        OR {most} < (NEW.seq - (SELECT min(seq) FROM graphex_log)) * (
          SELECT max(mean) FROM (
            SELECT avg(64 + ifnull(length(old), 0) + ifnull(length(new), 0)) AS mean
              FROM (SELECT old, new FROM graphex_log ORDER BY seq LIMIT 512)
            UNION ALL
            SELECT avg(64 + ifnull(length(old), 0) + ifnull(length(new), 0))
              FROM (SELECT old, new FROM graphex_log ORDER BY seq DESC LIMIT 256))) AS is_old
      FROM (SELECT seq, at FROM graphex_log ORDER BY seq LIMIT 512)));
END;
