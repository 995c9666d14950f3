-- CockroachDB: the busiest hashtags are read from the index alone, without a
-- look into the table for each counter.
CREATE INDEX IF NOT EXISTS counters_by_bucket_stored ON counters (level, bucket) STORING (count);
