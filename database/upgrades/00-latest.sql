-- v0 -> v5 (compatible with v1+): Latest revision
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
    personal_message TEXT    NOT NULL,
    lost             TEXT    NOT NULL DEFAULT '',
    place            TEXT    NOT NULL DEFAULT ''
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

CREATE TABLE msn_picture (
    sha1d TEXT   NOT NULL PRIMARY KEY,
    mxc   TEXT   NOT NULL,
    bytes BIGINT NOT NULL,
    used  BIGINT NOT NULL
);

CREATE TABLE msn_profile (
    login         TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    message_fixed BOOLEAN NOT NULL,
    message       TEXT    NOT NULL,
    picture_fixed BOOLEAN NOT NULL,
    source        TEXT    NOT NULL,
    stored        TEXT    NOT NULL,
    -- only: postgres
    png           BYTEA
    -- only: sqlite (line commented)
--  png           BLOB
);

CREATE TABLE msn_nickname (
    login    TEXT NOT NULL,
    passport TEXT NOT NULL,
    name     TEXT NOT NULL,
    PRIMARY KEY (login, passport)
);

CREATE TABLE msn_owner (
    login TEXT NOT NULL PRIMARY KEY,
    mxid  TEXT NOT NULL
);
