-- What stays of messages that were deleted: enough to answer for them, and to
-- keep an import of an older export, or a retried post, from bringing them
-- back. Rows stay for ever, so a larger number than before says that something
-- was removed, whichever program did it.
create table tombstones (
    number          integer primary key,
    -- The id that the message had.
    id              blob    not null unique,
    user_id         integer not null,
    -- Unix milliseconds.
    deleted_at      integer not null,
    -- An id of the deletion, for those who follow.
    position        blob    not null unique,
    idempotency_key text
) strict;

-- A retry finds out that its message was deleted.
create index tombstones_by_key on tombstones (user_id, idempotency_key)
    where idempotency_key is not null;
