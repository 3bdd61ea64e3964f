CREATE SCHEMA IF NOT EXISTS graphex;

-- CACHE 1: a session that took several numbers ahead would number a later change of a row lower.
-- The bits above 36 choose the table that is written, so that setting the sequence forward moves
-- all writers to another table at once, without a lock.
CREATE SEQUENCE IF NOT EXISTS graphex.log_seq CACHE 1;

-- Counts how often writers took rows away while no process was there. A sequence, because it is
-- counted whatever becomes of the writer's transaction, and nobody waits for it.
CREATE SEQUENCE IF NOT EXISTS graphex.trimmed;

CREATE TABLE IF NOT EXISTS graphex.log (
  xid    xid8        NOT NULL DEFAULT pg_current_xact_id(),
  seq    bigint      NOT NULL DEFAULT nextval('graphex.log_seq'),
  at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  stream text        NOT NULL,
  op     "char"      NOT NULL,
  old    json,
  new    json
) PARTITION BY LIST (((seq >> 36) & 3));
CREATE TABLE IF NOT EXISTS graphex.log_0 PARTITION OF graphex.log FOR VALUES IN (0);
CREATE TABLE IF NOT EXISTS graphex.log_1 PARTITION OF graphex.log FOR VALUES IN (1);
CREATE TABLE IF NOT EXISTS graphex.log_2 PARTITION OF graphex.log FOR VALUES IN (2);
CREATE TABLE IF NOT EXISTS graphex.log_3 PARTITION OF graphex.log FOR VALUES IN (3);
CREATE INDEX IF NOT EXISTS log_xid_seq ON graphex.log (xid, seq);

-- What became visible between two looks. It has the changes of the transactions up to `top` that
-- are not in `unseen`, less those that the batch before it had.
CREATE TABLE IF NOT EXISTS graphex.batch (
  first  bigint      PRIMARY KEY,
  n      bigint      NOT NULL,
  top    xid8        NOT NULL,
  unseen xid8[]      NOT NULL,
  token  bigint      NOT NULL DEFAULT (random() * 9007199254740991)::bigint,
  at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE IF NOT EXISTS graphex.state (
  one      boolean     PRIMARY KEY DEFAULT true CHECK (one),
  version  text        NOT NULL,
  log      bigint      NOT NULL DEFAULT (random() * 9007199254740991)::bigint,
  system   bigint      NOT NULL,
  database oid         NOT NULL,
  trimmed  bigint      NOT NULL DEFAULT 0,
  alive    timestamptz NOT NULL DEFAULT clock_timestamp(),
  keep     interval    NOT NULL DEFAULT '1 day',
  most     bigint      NOT NULL DEFAULT 1073741824
);

-- Called by one write in 256. It takes away the oldest changes of others where no process does.
CREATE OR REPLACE FUNCTION graphex.trim() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $graphex$
DECLARE
  state graphex.state;
  oldest timestamptz;
BEGIN
  SELECT * INTO state FROM graphex.state;
  IF state.alive > clock_timestamp() - interval '1 minute' THEN
    RETURN;
  END IF;
  SELECT l.at INTO oldest FROM graphex.log l ORDER BY l.xid, l.seq LIMIT 1;
  IF oldest < clock_timestamp() - state.keep OR graphex.size() > state.most THEN
    PERFORM nextval('graphex.trimmed');
    DELETE FROM graphex.log WHERE (xid, seq) IN (
      SELECT l.xid, l.seq FROM graphex.log l WHERE l.xid <> pg_current_xact_id()
      ORDER BY l.xid, l.seq LIMIT 512 FOR UPDATE SKIP LOCKED);
  END IF;
EXCEPTION WHEN OTHERS THEN
  -- A serializable writer may not delete what another has; the write itself must not fail.
  NULL;
END $graphex$;

CREATE OR REPLACE FUNCTION graphex.size() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $graphex$
  SELECT sum(pg_total_relation_size(t))::bigint FROM unnest(array['graphex.log_0', 'graphex.log_1',
    'graphex.log_2', 'graphex.log_3', 'graphex.batch']::regclass[]) t
$graphex$;

CREATE OR REPLACE FUNCTION graphex.trims() RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $graphex$
  SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM graphex.trimmed s
$graphex$;

-- Gives up what is committed and in no batch: a batch that has no changes takes its place, and no
-- cursor from before is good any more. The caller holds the lock of `tick`.
CREATE OR REPLACE FUNCTION graphex.skip() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $graphex$
DECLARE
  start bigint;
BEGIN
  SELECT coalesce(max(b.first + b.n), 0) INTO start FROM graphex.batch b;
  DELETE FROM graphex.batch;
  INSERT INTO graphex.batch (first, n, top, unseen)
  SELECT start, 1, (pg_snapshot_xmax(s)::text::bigint - 1)::text::xid8,
         array(SELECT pg_snapshot_xip(s))
  FROM pg_current_snapshot() s;
END $graphex$;

-- A process says that it is there. A log that was copied to another server or database has
-- transaction numbers of the other one, and begins anew.
CREATE OR REPLACE FUNCTION graphex.arrive(keep interval, most bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $graphex$
DECLARE
  state graphex.state;
  this_system bigint := (SELECT c.system_identifier FROM pg_control_system() c);
  this_database oid := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
  trims bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(7235422, 0);
  SELECT * INTO state FROM graphex.state FOR UPDATE;
  trims := graphex.trims();
  IF state.system <> this_system OR state.database <> this_database THEN
    PERFORM set_config('lock_timeout', '2s', true);
    TRUNCATE graphex.log;
    DELETE FROM graphex.batch;
    PERFORM graphex.skip();
    state.log := (random() * 9007199254740991)::bigint;
  ELSIF state.trimmed <> trims OR NOT EXISTS (SELECT 1 FROM graphex.batch) THEN
    PERFORM graphex.skip();
  END IF;
  UPDATE graphex.state t SET log = state.log, system = this_system, database = this_database,
    trimmed = trims, alive = clock_timestamp(), keep = arrive.keep, most = arrive.most;
END $graphex$;

-- Makes the next batch, of at least one transaction and about `most` changes; returns how many
-- changes it has. Any process may call it at any time, in READ COMMITTED.
CREATE OR REPLACE FUNCTION graphex.tick(most bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $graphex$
DECLARE
  prev graphex.batch;
  state graphex.state;
  made bigint;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'graphex.tick() runs in READ COMMITTED only';
  END IF;
  SELECT * INTO prev FROM graphex.batch b ORDER BY b.first DESC LIMIT 1;
  -- Without news it neither locks nor writes.
  IF NOT EXISTS (SELECT 1 FROM graphex.log l WHERE l.xid > prev.top)
     AND NOT EXISTS (SELECT 1 FROM unnest(prev.unseen) u (x),
       LATERAL (SELECT 1 FROM graphex.log l WHERE l.xid = u.x LIMIT 1) f) THEN
    RETURN 0;
  END IF;
  PERFORM pg_advisory_xact_lock(7235422, 0);
  SELECT * INTO state FROM graphex.state;
  IF state.trimmed <> graphex.trims() THEN
    PERFORM graphex.arrive(state.keep, state.most);
    RETURN 1;
  END IF;
  SELECT * INTO prev FROM graphex.batch b ORDER BY b.first DESC LIMIT 1;
  WITH now AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot),
  -- OFFSET 0 keeps the planner from reading the whole log where many transactions are open.
  news AS MATERIALIZED (
    SELECT r.xid, max(r.seq) AS last, count(*) AS n FROM (
      SELECT l.xid, l.seq FROM now, graphex.log l
      WHERE l.xid > prev.top AND l.xid < pg_snapshot_xmax(now.snapshot)
      UNION ALL
      SELECT f.xid, f.seq FROM unnest(prev.unseen) u (x),
        LATERAL (SELECT l.xid, l.seq FROM graphex.log l WHERE l.xid = u.x OFFSET 0) f
    ) r GROUP BY r.xid),
  -- Whole transactions, in the order of their last changes: whoever changed a row after another
  -- had committed has a higher number there.
  taken AS MATERIALIZED (
    SELECT * FROM (SELECT n.*, sum(n.n) OVER (ORDER BY n.last) AS upto FROM news n) t
    WHERE t.upto - t.n < most),
  head AS (
    SELECT sum(t.n)::bigint AS n, (SELECT t.xid FROM taken t ORDER BY t.xid DESC LIMIT 1) AS newest
    FROM taken t)
  INSERT INTO graphex.batch (first, n, top, unseen)
  SELECT prev.first + prev.n, h.n, p.top,
         array(SELECT x FROM pg_snapshot_xip(now.snapshot) x WHERE x <= p.top
               UNION SELECT n.xid FROM news n WHERE n.xid <= p.top
                 AND NOT EXISTS (SELECT 1 FROM taken t WHERE t.xid = n.xid))
  FROM head h, now, LATERAL (SELECT greatest(h.newest, prev.top) AS top) p
  WHERE h.n > 0
  RETURNING n INTO made;
  -- Wakes the readers of other processes. Once for a batch: in the trigger it would make all writers
  -- commit one after the other.
  IF made > 0 THEN
    PERFORM pg_notify('graphex', '');
  END IF;
  RETURN coalesce(made, 0);
END $graphex$;

-- Ticks, and returns the batch that begins at `after` and those that follow it.
CREATE OR REPLACE FUNCTION graphex.next(after bigint, most bigint)
RETURNS TABLE (first text, n text, top text, unseen text, token text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $graphex$
BEGIN
  PERFORM graphex.tick(most);
  RETURN QUERY SELECT b.first::text, b.n::text, b.top::text,
    CASE WHEN b.first > after THEN b.unseen::text END, b.token::text
  FROM graphex.batch b WHERE b.first >= after ORDER BY b.first LIMIT 65;
END $graphex$;

-- The first batch after which this table has nothing that is in no batch.
CREATE OR REPLACE FUNCTION graphex.completed_by(slot integer) RETURNS graphex.batch
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $graphex$
DECLARE
  found graphex.batch;
BEGIN
  EXECUTE format('SELECT b.* FROM graphex.batch b
    WHERE b.top >= (SELECT l.xid FROM graphex.log_%1$s l ORDER BY l.xid DESC LIMIT 1)
      AND NOT EXISTS (SELECT 1 FROM unnest(b.unseen) u (x),
        LATERAL (SELECT 1 FROM graphex.log_%1$s l WHERE l.xid = u.x LIMIT 1) f)
    ORDER BY b.first LIMIT 1', slot) INTO found;
  RETURN found;
END $graphex$;

-- Empties the tables whose changes are all older than `keep`, and moves the writers to another
-- table where theirs is old or large enough. The log takes `keep` and a half, or `most` bytes.
-- Nobody waits for it: a table that somebody uses is left for the next time.
CREATE OR REPLACE FUNCTION graphex.prune(keep interval, most bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $graphex$
DECLARE
  written integer;
  slot integer;
  free integer;
  emptied integer := 0;
  is_full boolean;
  is_old boolean;
  is_empty boolean;
  latest timestamptz;
  done graphex.batch;
BEGIN
  IF NOT pg_try_advisory_xact_lock(7235422, 1) THEN
    RETURN 0;
  END IF;
  PERFORM graphex.arrive(keep, most);
  SELECT (s.last_value >> 36) & 3 INTO written FROM graphex.log_seq s;
  EXECUTE format('SELECT coalesce(pg_total_relation_size(%1$L) > $1 * 3 / 16
    OR (SELECT l.at FROM %1$s l ORDER BY l.xid, l.seq LIMIT 1) < clock_timestamp() - $2 / 2, false)',
    'graphex.log_' || written) INTO is_full USING most, keep;
  FOR i IN REVERSE 3..1 LOOP
    slot := (written + i) & 3;
    EXECUTE format('SELECT NOT EXISTS (SELECT 1 FROM graphex.log_%s)', slot) INTO is_empty;
    free := CASE WHEN is_empty THEN slot ELSE free END;
  END LOOP;
  -- The table after the one that is written has the oldest changes.
  FOR i IN 1..3 LOOP
    slot := (written + i) & 3;
    EXECUTE format('SELECT l.at FROM graphex.log_%s l ORDER BY l.xid DESC, l.seq DESC LIMIT 1', slot)
      INTO latest;
    CONTINUE WHEN latest IS NULL;
    is_old := latest < clock_timestamp() - keep;
    CONTINUE WHEN NOT is_old AND NOT (is_full AND free IS NULL);
    BEGIN
      EXECUTE format('LOCK TABLE graphex.log_%s IN ACCESS EXCLUSIVE MODE NOWAIT', slot);
    EXCEPTION WHEN lock_not_available THEN
      CONTINUE;
    END;
    done := graphex.completed_by(slot);
    CONTINUE WHEN done.first IS NULL;
    CONTINUE WHEN NOT (is_full AND free IS NULL) AND done.at > clock_timestamp() - keep;
    EXECUTE format('TRUNCATE graphex.log_%s', slot);
    DELETE FROM graphex.batch b WHERE b.first < done.first;
    emptied := emptied + 1;
    free := coalesce(free, slot);
  END LOOP;
  IF is_full AND free IS NOT NULL THEN
    PERFORM setval('graphex.log_seq', ((s.last_value >> 36) + ((free - written) & 3)) << 36, false)
    FROM graphex.log_seq s;
  END IF;
  RETURN emptied;
END $graphex$;

INSERT INTO graphex.state (version, system, database)
SELECT '{version}', c.system_identifier, d.oid FROM pg_control_system() c, pg_database d
WHERE d.datname = current_database()
ON CONFLICT (one) DO UPDATE SET version = excluded.version;
SELECT graphex.skip() WHERE NOT EXISTS (SELECT 1 FROM graphex.batch);
