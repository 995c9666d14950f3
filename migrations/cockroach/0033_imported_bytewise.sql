-- PostgreSQL: as for users; these are compared with ids of messages.
ALTER TABLE imported
    ALTER COLUMN id TYPE text COLLATE "C";
