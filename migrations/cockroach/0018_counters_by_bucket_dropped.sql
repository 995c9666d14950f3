-- CockroachDB: the index of the step before stands in its place.
DROP INDEX IF EXISTS counters@counters_by_bucket;
