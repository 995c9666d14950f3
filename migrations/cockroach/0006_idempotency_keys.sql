-- A key belongs to one user and names one message, for ever.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    user_name text NOT NULL,
    key text NOT NULL,
    message_id text NOT NULL,
    PRIMARY KEY (user_name, key)
);
