-- PostgreSQL: its databases may order text as a language does. dunder orders
-- by bytes, as CockroachDB does, and looks prefixes up in that order.
ALTER TABLE users ALTER COLUMN name TYPE text COLLATE "C";
