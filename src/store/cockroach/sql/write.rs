//! Statements that store messages.

use tokio_postgres::types::Type;

use super::{INTS, Sql, TEXTS, statements};

statements! {
    /// Keys that name another message than the one just sent under them, or
    /// none since that was evicted, and whether it was deleted.
    /// `$1`–`$3`: user, key, the message sent.
    FIRST_UNDER_KEYS (TEXTS, TEXTS, TEXTS):
        "SELECT d.message_id, k.message_id, t.id, m.id, m.user_name, m.text, m.hashtags
         FROM ROWS FROM (unnest($1), unnest($2), unnest($3)) AS d (user_name, key, message_id)
         LEFT JOIN idempotency_keys AS k ON k.user_name = d.user_name AND k.key = d.key
         LEFT JOIN messages AS m ON m.id = k.message_id
         LEFT JOIN tombstones AS t ON t.id = k.message_id
         WHERE k.message_id IS NULL OR k.message_id <> d.message_id";

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

/// A batch of messages, in one statement and therefore in one transaction.
/// From what really went in come its hashtag rows, and from those its counts:
/// sent again, under the same ids, it adds nothing. A message with a key goes
/// in only if the key did.
///
/// With `fence` the whole batch goes in only if its slot is its writer's still
/// and all of its ids are above what is closed there; they are closed with it.
/// Else the slot would have no owner, which its table does not take (23502).
/// An error is what a batch with keys ends by as a whole: each part of a WITH
/// can be used once. The key is a column, as where counters are added to.
///
/// Parameters, in this order. With `fence`: slot, writer, until when the slot
/// is the writer's, first and last id. With `users`: users not known to exist.
/// With `keys`: user, key and message of each. Then the messages: id, user, text,
/// hashtags separated by blanks, and with `keys` the key or ''. Then the
/// hashtag rows: message, hashtag. Then the counts.
///
/// Without keys a batch goes in as a whole or not at all, so its counts come
/// added up: series, level, bucket, slot, count. With keys each count hangs on
/// a hashtag row: message, hashtag, series, minute; and then the widths of the
/// counters, each with the slot.
pub(in crate::store::cockroach) fn write_batch(fence: bool, users: bool, keys: bool) -> Sql {
    let mut arrays = Arrays::default();
    let mut text = String::from("WITH ");
    if fence {
        text += &format!(
            "f (slot) AS ( \
               INSERT INTO slots (slot, owner, expires_at, closer, closed, posted) \
               SELECT w.slot, w.owner, w.expires_at, w.owner, w.low, w.high \
               FROM {} AS w (slot, owner, expires_at, low, high) \
               ON CONFLICT (slot) DO UPDATE SET \
                 owner = CASE WHEN slots.owner = excluded.owner \
                   AND slots.closed < excluded.closed THEN slots.owner END, \
                 expires_at = excluded.expires_at, \
                 closed = excluded.posted, posted = excluded.posted \
               RETURNING slot), ",
            arrays.read(&[INTS, TEXTS, INTS, TEXTS, TEXTS])
        );
    }
    if users {
        text += &format!(
            "u (name) AS ( \
               INSERT INTO users (name) \
               SELECT n.name FROM {} AS n (name) \
               ON CONFLICT (name) DO NOTHING RETURNING name), ",
            arrays.texts(1)
        );
    }
    if keys {
        text += &format!(
            "k (message_id) AS ( \
               INSERT INTO idempotency_keys (user_name, key, message_id) \
               SELECT n.user_name, n.key, n.message_id \
               FROM {} AS n (user_name, key, message_id) \
               ON CONFLICT (user_name, key) DO NOTHING RETURNING message_id), ",
            arrays.texts(3)
        );
    }
    let (key, of_key) = match keys {
        true => ("d.key", ", key"),
        false => ("''", ""),
    };
    text += &format!(
        "m (id) AS ( \
           INSERT INTO messages (id, user_name, text, hashtags, idempotency_key) \
           SELECT d.id, d.user_name, d.text, string_to_array(d.hashtags, ' '), {key} \
           FROM {} AS d (id, user_name, text, hashtags{of_key}) {}{}{}\
           ON CONFLICT (id) DO NOTHING RETURNING id), ",
        arrays.texts(4 + usize::from(keys)),
        // Every subquery has to be used.
        if fence { "CROSS JOIN f " } else { "" },
        if users {
            "LEFT JOIN u ON u.name = d.user_name "
        } else {
            ""
        },
        if keys {
            "LEFT JOIN k ON k.message_id = d.id WHERE d.key = '' OR k.message_id IS NOT NULL "
        } else {
            ""
        },
    );
    // A batch that goes in as a whole is not looked through for each row.
    let stored = match keys {
        true => "JOIN m ON m.id = c.message_id ",
        false => "CROSS JOIN (SELECT count(*) AS n FROM m) AS stored WHERE stored.n > 0 ",
    };
    text += &format!(
        "h (message_id, hashtag) AS ( \
           INSERT INTO message_hashtags (message_id, hashtag) \
           SELECT c.message_id, c.hashtag \
           FROM {} AS c (message_id, hashtag) {stored}\
           RETURNING message_id, hashtag) ",
        arrays.texts(2)
    );
    text += &match keys {
        true => keyed_counts(&mut arrays),
        false => whole_counts(&mut arrays),
    };
    text += " ON CONFLICT (series, level, bucket, slot) \
             DO UPDATE SET count = counters.count + excluded.count";
    Sql::composed(text, arrays.0)
}

fn whole_counts(arrays: &mut Arrays) -> String {
    format!(
        "INSERT INTO counters (series, level, bucket, slot, count) \
         SELECT c.series, c.level, c.bucket, c.slot, c.count \
         FROM {} AS c (series, level, bucket, slot, count) \
         CROSS JOIN (SELECT count(*) AS n FROM h) AS stored \
         WHERE stored.n > 0",
        arrays.read(&[TEXTS, INTS, INTS, INTS, INTS])
    )
}

fn keyed_counts(arrays: &mut Arrays) -> String {
    format!(
        "INSERT INTO counters (series, level, bucket, slot, count) \
         SELECT g.series, l.level, g.minute - g.minute % l.level, l.slot, cast(sum(g.n) AS INT8) \
         FROM ( \
           SELECT c.series, c.minute, count(*) AS n \
           FROM h JOIN {} AS c (message_id, hashtag, series, minute) \
             ON c.message_id = h.message_id AND c.hashtag = h.hashtag \
           GROUP BY c.series, c.minute) AS g \
         CROSS JOIN {} AS l (level, slot) \
         GROUP BY g.series, l.level, g.minute - g.minute % l.level, l.slot",
        arrays.read(&[TEXTS, TEXTS, TEXTS, INTS]),
        arrays.read(&[INTS, INTS])
    )
}

/// The parameters so far, all of them arrays.
#[derive(Default)]
struct Arrays(Vec<Type>);

impl Arrays {
    /// So many more arrays of texts, side by side.
    fn texts(&mut self, count: usize) -> String {
        self.read(&vec![TEXTS; count])
    }

    /// More arrays, read side by side.
    fn read(&mut self, types: &[Type]) -> String {
        let first = self.0.len() + 1;
        self.0.extend_from_slice(types);
        let numbers = first..first + types.len();
        let list: Vec<String> = numbers.map(|n| format!("unnest(${n})")).collect();
        format!("ROWS FROM ({})", list.join(", "))
    }
}
