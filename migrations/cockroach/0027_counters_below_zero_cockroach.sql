-- CockroachDB, by its name for the same check: as the step before.
ALTER TABLE counters DROP CONSTRAINT IF EXISTS check_count;
