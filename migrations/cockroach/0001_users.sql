-- Users exist from their first post; a list of them must not read messages.
CREATE TABLE IF NOT EXISTS users (
    name text NOT NULL,
    PRIMARY KEY (name)
);
