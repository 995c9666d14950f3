-- Names are stored once and rows refer to them by number: an index entry of a
-- user or a hashtag then takes a byte or two beside the message's id.

create table users (
    id   integer primary key,
    name text not null unique
) strict;

create table hashtags (
    id   integer primary key,
    name text not null unique
) strict;

-- Clustered by id: a page of the feed is one walk along neighbouring rows, and
-- new messages are appended at one end.
create table messages (
    id              blob    not null primary key,
    user_id         integer not null,
    -- The names, separated by a space (which no hashtag holds): they are
    -- always wanted all together and in their order.
    hashtags        text    not null,
    idempotency_key text,
    -- Last, so that a long text's overflow pages hold nothing else.
    text            text    not null
) strict, without rowid;

create index messages_by_user on messages (user_id, id);

-- Few messages have a key: the others take no room here.
create unique index messages_by_key on messages (user_id, idempotency_key)
    where idempotency_key is not null;

create table message_hashtags (
    hashtag_id integer not null,
    message_id blob    not null,
    primary key (hashtag_id, message_id)
) strict, without rowid;

-- How many messages fell into [bucket, bucket + level), all in seconds.
-- Series 0 counts every message, the others those of one hashtag. An era is a
-- run of buckets of one level, numbered from the Unix epoch: with it in front
-- of the series, messages of about one time count on neighbouring pages.
create table counters (
    level  integer not null,
    era    integer not null,
    series integer not null,
    bucket integer not null,
    count  integer not null,
    primary key (level, era, series, bucket)
) strict, without rowid;

create table tokens (
    id         blob not null primary key,
    -- SHA-256 of the secret, which is kept nowhere.
    hash       blob not null unique,
    user_name  text not null,
    note       text not null,
    -- Unix milliseconds.
    expires_at integer,
    revoked_at integer
) strict, without rowid;

-- Where a writer that failed tries whether the disk takes data again.
create table probe (
    id      integer primary key,
    padding blob not null
) strict;
