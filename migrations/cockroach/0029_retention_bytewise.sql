-- PostgreSQL: as for users; ids are compared with those of messages.
ALTER TABLE retention
    ALTER COLUMN rule TYPE text COLLATE "C",
    ALTER COLUMN first_id TYPE text COLLATE "C",
    ALTER COLUMN last_id TYPE text COLLATE "C";
