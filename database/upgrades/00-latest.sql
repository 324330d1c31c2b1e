-- v0 -> v2 (compatible with v1+): Latest revision
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

CREATE TABLE msn_group (
    login TEXT NOT NULL,
    room  TEXT NOT NULL,
    id    TEXT NOT NULL,
    name  TEXT NOT NULL,
    PRIMARY KEY (login, room)
);

CREATE TABLE msn_group_contact (
    login    TEXT NOT NULL,
    room     TEXT NOT NULL,
    passport TEXT NOT NULL,
    chat     TEXT NOT NULL,
    PRIMARY KEY (login, room, passport)
);

CREATE TABLE msn_ghost_status (
    ghost TEXT NOT NULL PRIMARY KEY,
    told  TEXT NOT NULL
);
