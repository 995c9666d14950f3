-- PostgreSQL: as for users.
ALTER TABLE messages
    ALTER COLUMN id TYPE text COLLATE "C",
    ALTER COLUMN user_name TYPE text COLLATE "C";
