-- What each rule of retention has evicted for good: the first and the last
-- message. A rule is named by its hashtag, that of all messages by nothing. A
-- message that is not here and no later than the last may have been evicted,
-- and be counted still: imports do not bring it back.
create table retention (
    rule     text not null primary key,
    first_id blob not null,
    last_id  blob not null
) strict, without rowid;

-- Evicted messages leave no tombstones. How often messages were evicted, and
-- the last of all of them, tells programs what to forget.
create table evictions (
    id      integer primary key check (id = 1),
    number  integer not null,
    last_id blob    not null
) strict;

insert into evictions (id, number, last_id) values (1, 0, x'');

-- Work that one program at a time does, and until when (Unix milliseconds) it
-- is its owner's.
create table leases (
    work       text    not null primary key,
    owner      text    not null,
    expires_at integer not null
) strict, without rowid;
