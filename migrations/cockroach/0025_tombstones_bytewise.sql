-- PostgreSQL: as for users; ids and positions are compared with those of messages.
ALTER TABLE tombstones
    ALTER COLUMN id TYPE text COLLATE "C",
    ALTER COLUMN position TYPE text COLLATE "C";
