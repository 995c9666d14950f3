-- What tells this store from all others, so that none takes another's archive
-- for its own. A copy of the file has the same.
create table identity (
    id text not null
) strict;

insert into identity (id) values (lower(hex(randomblob(16))));
