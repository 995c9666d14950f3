-- What stays of messages that were deleted: enough to answer for them, and to
-- keep an import of an older export from bringing them back. The key is in
-- idempotency_keys too, where a retried post finds it. Times in Unix
-- milliseconds; the position is an id of the deletion, for those who follow.
CREATE TABLE IF NOT EXISTS tombstones (
    id text NOT NULL CHECK (length(id) = 26),
    user_name text NOT NULL,
    deleted_at INT8 NOT NULL,
    position text NOT NULL,
    idempotency_key text NOT NULL,
    PRIMARY KEY (id)
);
