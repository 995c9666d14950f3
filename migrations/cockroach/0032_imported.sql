-- Ids and positions that an import brought, of those that were ahead of the
-- clock then or only just behind it: who follows may not have come so far, and
-- is not told of them as if they were posted. They are removed once the clock
-- is well past them.
CREATE TABLE IF NOT EXISTS imported (
    id text NOT NULL,
    PRIMARY KEY (id)
);
