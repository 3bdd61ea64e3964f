CREATE TABLE users (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    company       bigint NOT NULL,
    name          text   NOT NULL UNIQUE,
    password_hash text   NOT NULL
);

CREATE TABLE messages (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    company bigint      NOT NULL,
    author  bigint      NOT NULL REFERENCES users,
    text    text        NOT NULL,
    created timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX messages_of_company ON messages (company, id);
