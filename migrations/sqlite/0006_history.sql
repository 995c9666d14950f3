-- What imports put behind the last message of their time: those after `low`
-- and up to `high` are history, and who follows is not told of them. Only the
-- newest such range is kept: those who follow are past the others. Imports of
-- what is about as new as the clock are in `imported`, one by one.

create table history (
    id   integer primary key check (id = 1),
    low  blob not null,
    high blob not null
) strict;
