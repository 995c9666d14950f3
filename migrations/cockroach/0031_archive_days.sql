-- Which file of the archive has the messages of which UTC day, counted from
-- 1970-01-01; a day without one has the name ''. `removals` are the messages of
-- the day that were deleted since it was begun, `cleaned` as many as are known
-- not to be in the file, whose SHA-256 is in hexadecimal. `replaced` is the file
-- that this one took the place of, until it is known to be gone.
CREATE TABLE IF NOT EXISTS archive_days (
    day INT8 NOT NULL,
    name text NOT NULL DEFAULT '',
    messages INT8 NOT NULL DEFAULT 0,
    bytes INT8 NOT NULL DEFAULT 0,
    first_id text NOT NULL DEFAULT '',
    last_id text NOT NULL DEFAULT '',
    checksum text NOT NULL DEFAULT '',
    removals INT8 NOT NULL DEFAULT 0,
    cleaned INT8 NOT NULL DEFAULT 0,
    replaced text NOT NULL DEFAULT '',
    PRIMARY KEY (day)
);
