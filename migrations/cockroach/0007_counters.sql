-- Messages per bucket: the series is a hashtag, or '' for all messages; the
-- level is the bucket's width in seconds; the bucket is its start in Unix
-- seconds. Every writer adds in a slot of its own, so that no two fight over
-- a row; readers sum the slots.
CREATE TABLE IF NOT EXISTS counters (
    series text NOT NULL,
    level INT8 NOT NULL CHECK (level IN (60, 3600, 86400)),
    bucket INT8 NOT NULL,
    slot INT8 NOT NULL,
    count INT8 NOT NULL CHECK (count > 0),
    PRIMARY KEY (series, level, bucket, slot)
);
