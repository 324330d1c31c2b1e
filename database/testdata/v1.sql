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

CREATE TABLE msn_login (
    login            TEXT    NOT NULL PRIMARY KEY,
    greeted          BOOLEAN NOT NULL,
    elsewhere        BOOLEAN NOT NULL,
    status           TEXT    NOT NULL,
    personal_message TEXT    NOT NULL
);

CREATE TABLE msn_schema (version INTEGER, compat INTEGER);
INSERT INTO msn_schema (version, compat) VALUES (1, 1);
INSERT INTO msn_login VALUES ('l', true, false, 'BSY', '');
