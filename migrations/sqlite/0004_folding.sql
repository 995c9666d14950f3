-- Which folding the names of hashtags went through; 0 is the one before the
-- program kept a number of it. A program that folds otherwise folds the names
-- that are here again when it opens the file.

create table folding (
    id      integer primary key check (id = 1),
    version integer not null
) strict;

insert into folding (id, version) values (1, 0);
