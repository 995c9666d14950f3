//! Statements that store messages.

use super::{INTS, Sql, TEXTS, statements};

statements! {
    /// A batch of messages, in one statement and therefore in one transaction.
    /// From what really went in come its hashtag rows, and from those its
    /// counts: sent again, under the same ids, it adds nothing. A message with
    /// a key goes in only if the key did.
    ///
    /// `$1` users not known to exist; `$2`–`$4` keys: user, key, message; `$5`–
    /// `$9` messages: id, user, text, hashtags separated by blanks, key or '';
    /// `$10`–`$13` contributions, one for each series a message counts in:
    /// message, the hashtag row it hangs on, series, minute; `$14`, `$15`
    /// widths of the counters, each with the writer's slot.
    WRITE_BATCH (
        TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS,
        INTS, INTS, INTS
    ):
        "WITH u (name) AS (
           INSERT INTO users (name)
           SELECT n.name FROM ROWS FROM (unnest($1)) AS n (name)
           ON CONFLICT (name) DO NOTHING
           RETURNING name
         ), k (message_id) AS (
           INSERT INTO idempotency_keys (user_name, key, message_id)
           SELECT n.user_name, n.key, n.message_id
           FROM ROWS FROM (unnest($2), unnest($3), unnest($4)) AS n (user_name, key, message_id)
           ON CONFLICT (user_name, key) DO NOTHING
           RETURNING message_id
         ), m (id) AS (
           INSERT INTO messages (id, user_name, text, hashtags, idempotency_key)
           SELECT d.id, d.user_name, d.text, string_to_array(d.hashtags, ' '), d.key
           FROM ROWS FROM (unnest($5), unnest($6), unnest($7), unnest($8), unnest($9))
             AS d (id, user_name, text, hashtags, key)
           LEFT JOIN u ON u.name = d.user_name
           LEFT JOIN k ON k.message_id = d.id
           WHERE d.key = '' OR k.message_id IS NOT NULL
           ON CONFLICT (id) DO NOTHING
           RETURNING id
         ), h (hashtag, message_id) AS (
           INSERT INTO message_hashtags (hashtag, message_id)
           SELECT c.hashtag, c.message_id
           FROM m
           JOIN ROWS FROM (unnest($10), unnest($11), unnest($12)) AS c (message_id, hashtag, series)
             ON c.message_id = m.id
           WHERE c.series = c.hashtag
           RETURNING hashtag, message_id
         )
         INSERT INTO counters (series, level, bucket, slot, count)
         SELECT g.series, l.level, g.minute - g.minute % l.level, l.slot, cast(sum(g.n) AS INT8)
         FROM (
           SELECT c.series, c.minute, count(*) AS n
           FROM h
           JOIN ROWS FROM (unnest($10), unnest($11), unnest($12), unnest($13))
             AS c (message_id, hashtag, series, minute)
             ON c.message_id = h.message_id AND c.hashtag = h.hashtag
           GROUP BY c.series, c.minute
         ) AS g
         CROSS JOIN ROWS FROM (unnest($14), unnest($15)) AS l (level, slot)
         GROUP BY g.series, l.level, g.minute - g.minute % l.level, l.slot
         ON CONFLICT (series, level, bucket, slot)
           DO UPDATE SET count = counters.count + excluded.count";

    /// Keys that name another message than the one just sent under them.
    /// `$1`–`$3`: user, key, the message sent.
    FIRST_UNDER_KEYS (TEXTS, TEXTS, TEXTS):
        "SELECT d.message_id, k.message_id, m.id, m.user_name, m.text, m.hashtags
         FROM ROWS FROM (unnest($1), unnest($2), unnest($3)) AS d (user_name, key, message_id)
         JOIN idempotency_keys AS k ON k.user_name = d.user_name AND k.key = d.key
         LEFT JOIN messages AS m ON m.id = k.message_id
         WHERE k.message_id <> d.message_id";

    /// Stored messages under some ids, with their keys.
    MESSAGES_BY_ID (TEXTS):
        "SELECT m.id, m.user_name, m.text, m.hashtags, m.idempotency_key
         FROM ROWS FROM (unnest($1)) AS d (id)
         JOIN messages AS m ON m.id = d.id";

    /// Keys already used. `$1`, `$2`: user, key.
    KEYS_IN_USE (TEXTS, TEXTS):
        "SELECT k.user_name, k.key, k.message_id
         FROM ROWS FROM (unnest($1), unnest($2)) AS d (user_name, key)
         JOIN idempotency_keys AS k ON k.user_name = d.user_name AND k.key = d.key";
}
