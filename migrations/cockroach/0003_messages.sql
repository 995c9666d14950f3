-- The id is the time: a range of dates is a range of ids. Hashtags stand here
-- whole, so that a page needs no second look, and the idempotency key too (''
-- for none), so that an export needs no join.
CREATE TABLE IF NOT EXISTS messages (
    id text NOT NULL CHECK (length(id) = 26),
    user_name text NOT NULL,
    text text NOT NULL,
    hashtags text[] NOT NULL,
    idempotency_key text NOT NULL,
    PRIMARY KEY (id)
);
