-- PostgreSQL: as for users.
ALTER TABLE message_hashtags
    ALTER COLUMN hashtag TYPE text COLLATE "C",
    ALTER COLUMN message_id TYPE text COLLATE "C";
