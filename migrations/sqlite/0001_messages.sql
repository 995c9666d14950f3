-- Names are kept once and referred to by number: every index below repeats
-- them.
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE hashtags (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- The 16 bytes of a ULID sort by time, so the table itself is the index that
-- serves paging and dates. A message's hashtags are read whole, in order,
-- separated by blanks, which no hashtag contains.
CREATE TABLE messages (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    user_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    hashtags TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX messages_by_user ON messages (user_id, id);

CREATE TABLE message_hashtags (
    hashtag_id INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    PRIMARY KEY (hashtag_id, message_id)
) STRICT, WITHOUT ROWID;

-- Both ways: a retried post looks its key up, an export looks the key of a
-- message up.
CREATE TABLE idempotency_keys (
    user_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    message_id BLOB NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX idempotency_keys_by_message ON idempotency_keys (message_id);

-- Messages in a bucket of a level (its width in seconds), of a series: a
-- hashtag, or 0 for all messages.
CREATE TABLE counters (
    level INTEGER NOT NULL,
    series INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (level, series, bucket)
) STRICT, WITHOUT ROWID;

-- The secret itself is never stored.
CREATE TABLE tokens (
    id BLOB PRIMARY KEY NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    user_name TEXT NOT NULL,
    note TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
