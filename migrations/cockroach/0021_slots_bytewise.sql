-- PostgreSQL: as for users.
ALTER TABLE slots
    ALTER COLUMN owner TYPE text COLLATE "C",
    ALTER COLUMN closer TYPE text COLLATE "C",
    ALTER COLUMN closed TYPE text COLLATE "C",
    ALTER COLUMN posted TYPE text COLLATE "C";
