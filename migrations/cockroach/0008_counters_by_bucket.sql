-- The busiest hashtags of a range read only that range. All writers append at
-- one end here, but a row is added once a bucket, not once a message.
CREATE INDEX IF NOT EXISTS counters_by_bucket ON counters (level, bucket);
