-- What each rule of retention has evicted for good: the first and the last
-- message. A rule is named by its hashtag, that of all messages by ''; what was
-- moved to an archive is noted under a blank. A message that is not here and no
-- later than the last of a rule may have been evicted, and be counted still:
-- imports do not bring it back.
CREATE TABLE IF NOT EXISTS retention (
    rule text NOT NULL,
    first_id text NOT NULL,
    last_id text NOT NULL,
    PRIMARY KEY (rule)
);
