//! Statements that read everything, part by part and each in the order of its
//! key, to see whether it agrees.

use super::{INT, Sql, TEXT, TEXTS, statements};

statements! {
    /// After message `$1`, `$2` at most.
    EACH_MESSAGE (TEXT, INT):
        "SELECT id, user_name, hashtags FROM messages WHERE id > $1 ORDER BY id LIMIT $2";

    /// After the place of message `$2` in the list of hashtag `$1`, `$3` at most.
    EACH_PLACE (TEXT, TEXT, INT):
        "SELECT hashtag, message_id FROM message_hashtags
         WHERE (hashtag, message_id) > ($1, $2) ORDER BY hashtag, message_id LIMIT $3";

    /// After the counter of series `$1`, level `$2`, bucket `$3` and slot `$4`;
    /// `$5` at most.
    EACH_COUNTER (TEXT, INT, INT, INT, INT):
        "SELECT series, level, bucket, slot, count FROM counters
         WHERE (series, level, bucket, slot) > ($1, $2, $3, $4)
         ORDER BY series, level, bucket, slot LIMIT $5";

    /// Of the tombstones after message `$1`, `$2` of them: those whose message
    /// is there.
    EACH_UNDEAD (TEXT, INT):
        "SELECT t.id, m.id FROM (SELECT id FROM tombstones WHERE id > $1 ORDER BY id LIMIT $2) AS t
         LEFT JOIN messages AS m ON m.id = t.id ORDER BY t.id";

    /// The last message that was moved to the archive, of a few rows.
    LAST_ARCHIVED ():
        "SELECT last_id FROM archive_days WHERE length(last_id) > 0
         ORDER BY last_id DESC LIMIT 1";

    /// Lists messages under hashtags, each in `$1` and `$2`, where they are
    /// still there.
    LIST_THERE (TEXTS, TEXTS):
        "INSERT INTO message_hashtags (hashtag, message_id)
         SELECT d.hashtag, m.id
         FROM ROWS FROM (unnest($1), unnest($2)) AS d (hashtag, message_id)
         JOIN messages AS m ON m.id = d.message_id
         ON CONFLICT (hashtag, message_id) DO NOTHING";

}

/// Begins a transaction that reads, all of it at one moment.
pub(in crate::store::cockroach) const BEGIN_READING: &str = "BEGIN READ ONLY";
