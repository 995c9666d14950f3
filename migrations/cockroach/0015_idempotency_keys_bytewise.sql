-- PostgreSQL: as for users; ids are compared with those of messages.
ALTER TABLE idempotency_keys
    ALTER COLUMN user_name TYPE text COLLATE "C",
    ALTER COLUMN key TYPE text COLLATE "C",
    ALTER COLUMN message_id TYPE text COLLATE "C";
