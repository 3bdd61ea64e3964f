CREATE TABLE users (
    id            SERIAL  PRIMARY KEY,
    name          TEXT    NOT NULL,
    tenant        INTEGER NOT NULL,
    password_hash TEXT    NOT NULL
);

CREATE TABLE messages (
    id       SERIAL      PRIMARY KEY,
    tenant   INTEGER     NOT NULL,
    room     INTEGER     NOT NULL,
    author   INTEGER,
    text     TEXT        NOT NULL,
    priority INTEGER     NOT NULL,
    pinned   BOOLEAN     NOT NULL,
    score    DOUBLE PRECISION,
    created  TIMESTAMPTZ NOT NULL,
    meta     JSONB       NOT NULL
);

CREATE TABLE notes (
    id    SERIAL  PRIMARY KEY,
    owner INTEGER NOT NULL,
    text  TEXT    NOT NULL
);

INSERT INTO users (name, tenant, password_hash)
VALUES ('ann', 1, '!'),
       ('bob', 1, '!'),
       ('eve', 2, '!');
