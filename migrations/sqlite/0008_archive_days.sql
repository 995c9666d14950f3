-- Which file of the archive has the messages of which UTC day, counted from
-- 1970-01-01; a day that is about to be archived has none yet.
create table archive_days (
    day      integer primary key,
    name     text,
    messages integer,
    bytes    integer,
    first_id blob,
    last_id  blob,
    -- SHA-256.
    checksum blob,
    -- Messages of the day that were deleted since it was begun, and how many
    -- of them are known not to be in the file.
    removals integer not null default 0,
    cleaned  integer not null default 0,
    -- The file that this one took the place of, until it is known to be gone.
    replaced text
) strict;
