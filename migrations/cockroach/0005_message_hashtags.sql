-- Pages of one or several hashtags are driven from here. A message without
-- hashtags has one row under '': the trend counters are added from the rows
-- that really went in here, and every message has to be among them.
CREATE TABLE IF NOT EXISTS message_hashtags (
    hashtag text NOT NULL,
    message_id text NOT NULL,
    PRIMARY KEY (hashtag, message_id)
);
