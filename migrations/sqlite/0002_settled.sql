-- A message is stored with its own row alone. Its places in the lists of its
-- user and hashtags, and what it adds to counts, are written some thousand
-- messages later, for all of them at once and in the order of the tables: a
-- page that every batch would change is then changed once for many batches.
-- Until then they are derived from the newest messages, in memory.

create table settled (
    id    integer primary key check (id = 1),
    -- The last message that lists and counters know; empty when they know
    -- none. They know all up to it and none after it.
    until blob    not null
) strict;

insert into settled (id, until)
    values (1, coalesce((select max(id) from messages), x''));

-- As an index these entries were made with the row.
create table user_messages (
    user_id    integer not null,
    message_id blob    not null,
    primary key (user_id, message_id)
) strict, without rowid;

insert into user_messages (user_id, message_id)
    select user_id, id from messages indexed by messages_by_user order by user_id, id;

drop index messages_by_user;

-- What is posted is listed in runs: ids that follow each other in a list, up to
-- some dozens in a row, 16 bytes each. Runs of one list never overlap. The
-- tables above have one id a row, for what came in any order: imports.
create table user_runs (
    user_id  integer not null,
    first_id blob    not null,
    -- From the first on, rising.
    ids      blob    not null,
    primary key (user_id, first_id)
) strict, without rowid;

create table hashtag_runs (
    hashtag_id integer not null,
    first_id   blob    not null,
    ids        blob    not null,
    primary key (hashtag_id, first_id)
) strict, without rowid;

alter table message_hashtags rename to hashtag_messages;

-- The new name keeps out a dunder that still runs on this file and knows
-- nothing of `settled`: every post of it writes counters, and fails, instead of
-- being counted and listed twice.
alter table counters rename to counts;
