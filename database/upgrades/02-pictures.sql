-- v2 -> v3 (compatible with v1+): Pictures and own profiles
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
