-- v3 -> v4 (compatible with v1+): What users call contacts where the service keeps no names
CREATE TABLE msn_nickname (
    login    TEXT NOT NULL,
    passport TEXT NOT NULL,
    name     TEXT NOT NULL,
    PRIMARY KEY (login, passport)
);
