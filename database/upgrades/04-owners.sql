-- v4 -> v5 (compatible with v1+): Whose the rooms are that stay behind a logout
CREATE TABLE msn_owner (
    login TEXT NOT NULL PRIMARY KEY,
    mxid  TEXT NOT NULL
);
