-- v1 -> v2 (compatible with v1+): Remember the sub-spaces of contact groups and the status fields of ghosts
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

ALTER TABLE msn_login ADD COLUMN lost TEXT NOT NULL DEFAULT '';
ALTER TABLE msn_login ADD COLUMN place TEXT NOT NULL DEFAULT '';
