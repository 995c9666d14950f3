//! Statements that give hashtags another name.

use super::{INT, INTS, Sql, TEXT, TEXTS, statements};

statements! {
    /// Names that another folding can change: none of ASCII.
    FOREIGN_HASHTAGS ():
        "SELECT DISTINCT hashtag FROM message_hashtags
         WHERE NOT (octet_length(hashtag) = length(hashtag))";

    /// `$2` messages of hashtag `$1`.
    SOME_OF_HASHTAG (TEXT, INT):
        "SELECT m.id, m.user_name, m.text, m.hashtags
         FROM message_hashtags AS h JOIN messages AS m ON m.id = h.message_id
         WHERE h.hashtag = $1 ORDER BY h.message_id LIMIT $2";

    /// The hashtags of message `$1`, separated by blanks, are `$2`.
    SET_HASHTAGS (TEXT, TEXT):
        "UPDATE messages SET hashtags = string_to_array($2, ' ') WHERE id = $1";

    /// Lists messages under hashtags, each in `$1` and `$2`, and says which
    /// were not.
    LIST_UNDER (TEXTS, TEXTS):
        "INSERT INTO message_hashtags (hashtag, message_id)
         SELECT d.hashtag, d.message_id
         FROM ROWS FROM (unnest($1), unnest($2)) AS d (hashtag, message_id)
         ON CONFLICT (hashtag, message_id) DO NOTHING
         RETURNING message_id";

    /// Takes message `$2` from the list of hashtag `$1`.
    UNLIST (TEXT, TEXT):
        "DELETE FROM message_hashtags WHERE hashtag = $1 AND message_id = $2";

    /// Takes the counts of a series away.
    CLEAR_COUNTS (TEXT): "DELETE FROM counters WHERE series = $1";

    /// Adds to counters, each in `$1`–`$5`: series, level, bucket, slot, count.
    ADD_COUNTS (TEXTS, INTS, INTS, INTS, INTS):
        "INSERT INTO counters (series, level, bucket, slot, count)
         SELECT d.series, d.level, d.bucket, d.slot, d.count
         FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5))
           AS d (series, level, bucket, slot, count)
         ON CONFLICT (series, level, bucket, slot)
           DO UPDATE SET count = counters.count + excluded.count";
}
