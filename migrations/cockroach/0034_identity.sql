-- What tells this store from all others, so that none takes another's archive
-- for its own: one row, which the first who needs it makes. A restored copy of
-- the database has the same.
CREATE TABLE IF NOT EXISTS identity (
    one INT8 NOT NULL CHECK (one = 1),
    id text NOT NULL,
    PRIMARY KEY (one)
);
