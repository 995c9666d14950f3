-- PostgreSQL: as for users; hashtags of equal counts are listed in this order.
ALTER TABLE counters ALTER COLUMN series TYPE text COLLATE "C";
