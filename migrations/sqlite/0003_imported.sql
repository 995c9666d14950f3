-- Ids that an import brought, and that were ahead of the clock then or only
-- just behind it. Ids of posts go on after the last one that was posted, even
-- if the clock stepped back a little since; those here were not posted, and
-- move no clock. Once the clock is well past them they are removed.

create table imported (
    id blob not null primary key
) strict, without rowid;
