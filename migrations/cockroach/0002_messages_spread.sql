-- CockroachDB from 22.2. Ids rise with time, so every writer would append to
-- the one range at the end; eight shards spread them. The next step makes the
-- same table without shards and does nothing where this one has run.
CREATE TABLE IF NOT EXISTS messages (
    id text NOT NULL CHECK (length(id) = 26),
    user_name text NOT NULL,
    text text NOT NULL,
    hashtags text[] NOT NULL,
    idempotency_key text NOT NULL,
    PRIMARY KEY (id) USING HASH WITH (bucket_count = 8)
);
