-- v0 -> v1: Latest revision
CREATE TABLE msn_conference (
    login    TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    members  TEXT   NOT NULL,
    everyone TEXT   NOT NULL,
    used     BIGINT NOT NULL,
    PRIMARY KEY (login, id)
);

CREATE TABLE msn_server (
    server   TEXT NOT NULL PRIMARY KEY,
    versions TEXT NOT NULL
);
