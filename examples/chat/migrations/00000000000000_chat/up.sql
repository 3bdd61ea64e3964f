-- AUTOINCREMENT: the id of a deleted row is not given to a new one, so an event that a client
-- still has in hand can never mean another row.
CREATE TABLE users (
    id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL,
    tenant        INTEGER NOT NULL,
    password_hash TEXT    NOT NULL
);

CREATE TABLE messages (
    id       INTEGER   NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant   INTEGER   NOT NULL,
    room     INTEGER   NOT NULL,
    author   INTEGER,
    text     TEXT      NOT NULL,
    priority INTEGER   NOT NULL,
    pinned   BOOLEAN   NOT NULL,
    score    DOUBLE,
    created  TIMESTAMP NOT NULL,
    meta     JSON      NOT NULL
);

CREATE TABLE notes (
    id    INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL,
    text  TEXT    NOT NULL
);

INSERT INTO users (id, name, tenant, password_hash)
VALUES (1, 'ann', 1, '!'),
       (2, 'bob', 1, '!'),
       (3, 'eve', 2, '!');
