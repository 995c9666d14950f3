//! Every statement that runs on CockroachDB, beside the migrations and what
//! `server.rs` starts a session with. They run unchanged on CockroachDB from
//! v19.1 and on PostgreSQL, hence: each `WITH` name is used exactly once,
//! parameters are typed by the client, integers are INT8, several arrays are
//! read with `ROWS FROM (unnest(…), …)`, and nothing depends on row order
//! that does not say so.

use std::borrow::Cow;
use std::fmt::Write as _;

use tokio_postgres::types::Type;

/// A statement and the types of its parameters.
pub(super) struct Sql {
    pub(super) text: Cow<'static, str>,
    pub(super) types: Cow<'static, [Type]>,
}

const fn sql(text: &'static str, types: &'static [Type]) -> Sql {
    Sql {
        text: Cow::Borrowed(text),
        types: Cow::Borrowed(types),
    }
}

const TEXT: Type = Type::TEXT;
const TEXTS: Type = Type::TEXT_ARRAY;
const INT: Type = Type::INT8;
const INTS: Type = Type::INT8_ARRAY;

/// What the server is.
pub(super) static VERSION: Sql = sql("SELECT version()", &[]);

/// Whether the server answers.
pub(super) static CHECK: Sql = sql("SELECT 1", &[]);

/// A batch of messages, in one statement and therefore in one transaction.
/// From what really went in come its hashtag rows, and from those its counts:
/// sent again, under the same ids, it adds nothing. A message with a key goes
/// in only if the key did.
///
/// `$1` users not known to exist; `$2`–`$4` keys: user, key, message; `$5`–
/// `$9` messages: id, user, text, hashtags separated by blanks, key or '';
/// `$10`–`$13` contributions, one for each series a message counts in: message,
/// the hashtag row it hangs on, series, minute; `$14` widths of the counters;
/// `$15` the writer's slot.
pub(super) static WRITE_BATCH: Sql = sql(
    "WITH u AS (
       INSERT INTO users (name)
       SELECT n.name FROM ROWS FROM (unnest($1)) AS n (name)
       ON CONFLICT (name) DO NOTHING
       RETURNING name
     ), k AS (
       INSERT INTO idempotency_keys (user_name, key, message_id)
       SELECT n.user_name, n.key, n.message_id
       FROM ROWS FROM (unnest($2), unnest($3), unnest($4)) AS n (user_name, key, message_id)
       ON CONFLICT (user_name, key) DO NOTHING
       RETURNING message_id
     ), m AS (
       INSERT INTO messages (id, user_name, text, hashtags, idempotency_key)
       SELECT d.id, d.user_name, d.text, string_to_array(d.hashtags, ' '), d.key
       FROM ROWS FROM (unnest($5), unnest($6), unnest($7), unnest($8), unnest($9))
         AS d (id, user_name, text, hashtags, key)
       LEFT JOIN u ON u.name = d.user_name
       LEFT JOIN k ON k.message_id = d.id
       WHERE d.key = '' OR k.message_id IS NOT NULL
       ON CONFLICT (id) DO NOTHING
       RETURNING id
     ), h AS (
       INSERT INTO message_hashtags (hashtag, message_id)
       SELECT c.hashtag, c.message_id
       FROM m
       JOIN ROWS FROM (unnest($10), unnest($11), unnest($12)) AS c (message_id, hashtag, series)
         ON c.message_id = m.id
       WHERE c.series = c.hashtag
       RETURNING hashtag, message_id
     )
     INSERT INTO counters (series, level, bucket, slot, count)
     SELECT g.series, l.level, g.minute - g.minute % l.level, $15, cast(sum(g.n) AS INT8)
     FROM (
       SELECT c.series, c.minute, count(*) AS n
       FROM h
       JOIN ROWS FROM (unnest($10), unnest($11), unnest($12), unnest($13))
         AS c (message_id, hashtag, series, minute)
         ON c.message_id = h.message_id AND c.hashtag = h.hashtag
       GROUP BY c.series, c.minute
     ) AS g
     CROSS JOIN ROWS FROM (unnest($14)) AS l (level)
     GROUP BY g.series, l.level, g.minute - g.minute % l.level
     ON CONFLICT (series, level, bucket, slot)
       DO UPDATE SET count = counters.count + excluded.count",
    &[
        TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, INTS,
        INTS, INT,
    ],
);

/// Keys that name another message than the one just sent under them.
/// `$1`–`$3`: user, key, the message sent.
pub(super) static FIRST_UNDER_KEYS: Sql = sql(
    "SELECT d.message_id, k.message_id, m.id, m.user_name, m.text, m.hashtags
     FROM ROWS FROM (unnest($1), unnest($2), unnest($3)) AS d (user_name, key, message_id)
     JOIN idempotency_keys AS k ON k.user_name = d.user_name AND k.key = d.key
     LEFT JOIN messages AS m ON m.id = k.message_id
     WHERE k.message_id <> d.message_id",
    &[TEXTS, TEXTS, TEXTS],
);

/// Stored messages under some ids, with their keys.
pub(super) static MESSAGES_BY_ID: Sql = sql(
    "SELECT m.id, m.user_name, m.text, m.hashtags, m.idempotency_key
     FROM ROWS FROM (unnest($1)) AS d (id)
     JOIN messages AS m ON m.id = d.id",
    &[TEXTS],
);

/// Keys already used. `$1`, `$2`: user, key.
pub(super) static KEYS_IN_USE: Sql = sql(
    "SELECT k.user_name, k.key, k.message_id
     FROM ROWS FROM (unnest($1), unnest($2)) AS d (user_name, key)
     JOIN idempotency_keys AS k ON k.user_name = d.user_name AND k.key = d.key",
    &[TEXTS, TEXTS],
);

/// The last message, to start ids after it.
pub(super) static LAST_ID: Sql = sql("SELECT id FROM messages ORDER BY id DESC LIMIT 1", &[]);

/// One message.
pub(super) static MESSAGE: Sql = sql(
    "SELECT id, user_name, text, hashtags FROM messages WHERE id = $1",
    &[TEXT],
);

/// A part of all messages, oldest first. `$1` after this id; `$2` at most.
pub(super) static EXPORT: Sql = sql(
    "SELECT id, user_name, text, hashtags, idempotency_key FROM messages
     WHERE id > $1 ORDER BY id LIMIT $2",
    &[TEXT, INT],
);

/// The first part of all messages. `$1` at most.
pub(super) static EXPORT_FIRST: Sql = sql(
    "SELECT id, user_name, text, hashtags, idempotency_key FROM messages
     ORDER BY id LIMIT $1",
    &[INT],
);

/// Users of a range of names. `$1` from; `$2` before; `$3` at most.
pub(super) static USERS: Sql = sql(
    "SELECT name FROM users WHERE name >= $1 AND name < $2 ORDER BY name LIMIT $3",
    &[TEXT, TEXT, INT],
);

/// The busiest hashtags. The range is cut into five parts, each read at the
/// coarsest counters that fit: `$1`–`$3` minutes before the first whole hour
/// (level, from, before), `$4`–`$6` hours before the first whole day, `$7`–
/// `$9` days, `$10`–`$12` hours after, `$13`–`$15` minutes after; `$16`, `$17`
/// range of hashtags; `$18` at most.
pub(super) static HASHTAGS: Sql = sql(
    "SELECT p.series, cast(sum(p.count) AS INT8) AS total
     FROM (
       SELECT series, count FROM counters
       WHERE level = $1 AND bucket >= $2 AND bucket < $3 AND series >= $16 AND series < $17
       UNION ALL
       SELECT series, count FROM counters
       WHERE level = $4 AND bucket >= $5 AND bucket < $6 AND series >= $16 AND series < $17
       UNION ALL
       SELECT series, count FROM counters
       WHERE level = $7 AND bucket >= $8 AND bucket < $9 AND series >= $16 AND series < $17
       UNION ALL
       SELECT series, count FROM counters
       WHERE level = $10 AND bucket >= $11 AND bucket < $12 AND series >= $16 AND series < $17
       UNION ALL
       SELECT series, count FROM counters
       WHERE level = $13 AND bucket >= $14 AND bucket < $15 AND series >= $16 AND series < $17
     ) AS p
     GROUP BY p.series ORDER BY total DESC, p.series LIMIT $18",
    &[
        INT, INT, INT, INT, INT, INT, INT, INT, INT, INT, INT, INT, INT, INT, INT, TEXT, TEXT, INT,
    ],
);

/// Keeps a token. `$1`–`$6`: id, hash, user, note, expires, revoked. Sent
/// again it does nothing.
pub(super) static CREATE_TOKEN: Sql = sql(
    "INSERT INTO tokens (id, secret_hash, user_name, note, expires_at, revoked_at)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
    &[TEXT, TEXT, TEXT, TEXT, INT, INT],
);

/// The token of a hash.
pub(super) static TOKEN: Sql = sql(
    "SELECT id, user_name, note, expires_at, revoked_at FROM tokens WHERE secret_hash = $1",
    &[TEXT],
);

/// All tokens; few, and read by people only.
pub(super) static TOKENS: Sql = sql(
    "SELECT id, user_name, note, expires_at, revoked_at FROM tokens ORDER BY id",
    &[],
);

/// Revokes `$1` at `$2`, unless it was revoked before.
pub(super) static REVOKE_TOKEN: Sql = sql(
    "UPDATE tokens SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1
     RETURNING id, user_name, note, expires_at, revoked_at",
    &[TEXT, INT],
);

/// All slots of the counters; a few rows.
pub(super) static SLOTS: Sql = sql(
    "SELECT slot, owner, expires_at FROM slots ORDER BY slot",
    &[],
);

/// A new slot `$1` for the owner `$2` until `$3`.
pub(super) static ADD_SLOT: Sql = sql(
    "INSERT INTO slots (slot, owner, expires_at) VALUES ($1, $2, $3)
     ON CONFLICT (slot) DO NOTHING",
    &[INT, TEXT, INT],
);

/// Slot `$1` for the owner `$2` until `$3`, as long as it is still the one
/// that `$4` held until `$5`.
pub(super) static TAKE_SLOT: Sql = sql(
    "UPDATE slots SET owner = $2, expires_at = $3
     WHERE slot = $1 AND owner = $4 AND expires_at = $5",
    &[INT, TEXT, INT, TEXT, INT],
);

/// Slot `$1` stays with the owner `$2` until `$3`.
pub(super) static RENEW_SLOT: Sql = sql(
    "UPDATE slots SET expires_at = $3 WHERE slot = $1 AND owner = $2",
    &[INT, TEXT, INT],
);

/// The tables of the database, to tell dunder's from others'.
pub(super) static TABLES: Sql = sql(
    "SELECT cast(table_name AS text) FROM information_schema.tables
     WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
     ORDER BY 1",
    &[],
);

/// Which steps of the migrations were done here, first step first.
pub(super) static STEPS: Sql = sql("SELECT step, name FROM dunder_schema ORDER BY step", &[]);

/// Step `$1` named `$2` came to `$3` ("applied" or "skipped") at `$4`.
pub(super) static RECORD_STEP: Sql = sql(
    "INSERT INTO dunder_schema (step, name, outcome, done_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (step) DO NOTHING",
    &[INT, TEXT, TEXT, INT],
);

/// The one row of the lock, held by nobody at first.
pub(super) static MAKE_LOCK: Sql = sql(
    "INSERT INTO dunder_lock (name, owner, beat) VALUES ('migrate', '', 0)
     ON CONFLICT (name) DO NOTHING",
    &[],
);

/// Who holds the lock, and that it is alive: the beat rises while it is.
pub(super) static READ_LOCK: Sql = sql(
    "SELECT owner, beat FROM dunder_lock WHERE name = 'migrate'",
    &[],
);

/// The lock goes from `$2` at beat `$3` to `$1`; to oneself it is a sign of
/// life, to '' a release.
pub(super) static PASS_LOCK: Sql = sql(
    "UPDATE dunder_lock SET owner = $1, beat = beat + 1
     WHERE name = 'migrate' AND owner = $2 AND beat = $3",
    &[TEXT, TEXT, INT],
);

/// The tables that migrating itself needs, made before the lock is there.
pub(super) const MAKE_SCHEMA_TABLE: &str = "CREATE TABLE IF NOT EXISTS dunder_schema (
    step INT8 NOT NULL,
    name text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('applied', 'skipped')),
    done_at INT8 NOT NULL,
    PRIMARY KEY (step)
)";

/// See [`MAKE_SCHEMA_TABLE`].
pub(super) const MAKE_LOCK_TABLE: &str = "CREATE TABLE IF NOT EXISTS dunder_lock (
    name text NOT NULL,
    owner text NOT NULL,
    beat INT8 NOT NULL,
    PRIMARY KEY (name)
)";

/// Makes a database; its name is quoted as an identifier.
pub(super) fn create_database(name: &str) -> String {
    format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""))
}

/// A page: `$1` from this id, `$2` before this one, `$3` at most, then the
/// user if there is one, then the hashtags. With hashtags the ids of the page
/// come first, from indexes alone, each read from the edge of the range and
/// no further than needed; whole messages are fetched for the page only.
pub(super) fn feed(user: bool, hashtags: usize) -> Sql {
    let mut types = vec![TEXT, TEXT, INT];
    types.resize(3 + usize::from(user) + hashtags, TEXT);
    let columns = "m.id, m.user_name, m.text, m.hashtags";
    let by_user = if user { "m.user_name = $4 AND " } else { "" };
    let first = if user { 5 } else { 4 };
    let text = if hashtags == 0 {
        format!(
            "SELECT {columns} FROM messages AS m \
             WHERE {by_user}m.id >= $1 AND m.id < $2 ORDER BY m.id DESC LIMIT $3"
        )
    } else {
        // The range stands once: said of every side, a planner without
        // statistics multiplies it and takes each side for one row.
        let mut ids = format!("SELECT h{first}.message_id AS id FROM message_hashtags AS h{first}");
        for n in first + 1..first + hashtags {
            let _ = write!(
                ids,
                " JOIN message_hashtags AS h{n} ON h{n}.message_id = h{first}.message_id \
                 AND h{n}.hashtag = ${n}"
            );
        }
        if user {
            let _ = write!(
                ids,
                " JOIN messages AS u ON u.id = h{first}.message_id \
                 AND u.user_name = $4"
            );
        }
        format!(
            "SELECT {columns} FROM ({ids} WHERE h{first}.hashtag = ${first} \
             AND h{first}.message_id >= $1 AND h{first}.message_id < $2 \
             ORDER BY h{first}.message_id DESC LIMIT $3) AS p \
             JOIN messages AS m ON m.id = p.id ORDER BY m.id DESC"
        )
    };
    Sql {
        text: Cow::Owned(text),
        types: Cow::Owned(types),
    }
}

/// Counts in buckets: `$1` width, `$2` level, `$3` from, `$4` before, then the
/// series. `stale` reads the nearest replica, where the server can.
pub(super) fn trend(series: usize, stale: bool) -> Sql {
    let list: Vec<String> = (0..series).map(|n| format!("${}", n + 5)).collect();
    let source = if stale {
        "counters AS OF SYSTEM TIME follower_read_timestamp()"
    } else {
        "counters"
    };
    let text = format!(
        "SELECT series, bucket - bucket % $1 AS start, cast(sum(count) AS INT8) AS total \
         FROM {source} WHERE series IN ({}) AND level = $2 AND bucket >= $3 AND bucket < $4 \
         GROUP BY 1, 2 ORDER BY 1, 2",
        list.join(", ")
    );
    let mut types = vec![INT, INT, INT, INT];
    types.resize(4 + series, TEXT);
    Sql {
        text: Cow::Owned(text),
        types: Cow::Owned(types),
    }
}

/// The same where a bucket has too many counters of one level: `$1` width,
/// `$2` and `$3` the minutes and hours that no day inside a bucket holds, `$4`
/// from, `$5` before, then the series. Days that lie in one bucket are known
/// by their remainder.
pub(super) fn trend_in_pieces(series: usize, stale: bool) -> Sql {
    let list: Vec<String> = (0..series).map(|n| format!("${}", n + 6)).collect();
    let list = list.join(", ");
    let moment = match stale {
        true => " AS OF SYSTEM TIME follower_read_timestamp()",
        false => "",
    };
    let part = format!("SELECT series, bucket, count FROM counters WHERE series IN ({list})");
    let text = format!(
        "SELECT p.series, p.bucket - p.bucket % $1 AS start, cast(sum(p.count) AS INT8) AS total \
         FROM ({part} AND level = 60 AND bucket = ANY ($2) \
         UNION ALL {part} AND level = 3600 AND bucket = ANY ($3) \
         UNION ALL {part} AND level = 86400 AND bucket >= $4 AND bucket < $5 \
           AND bucket % $1 + 86400 <= $1) AS p{moment} \
         GROUP BY 1, 2 ORDER BY 1, 2"
    );
    let mut types = vec![INT, INTS, INTS, INT, INT];
    types.resize(5 + series, TEXT);
    Sql {
        text: Cow::Owned(text),
        types: Cow::Owned(types),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_two_hashtags_is_one_statement_with_its_types() {
        let sql = feed(true, 2);
        assert_eq!(sql.types.len(), 6);
        assert_eq!(sql.text.matches("JOIN").count(), 3);
        assert!(sql.text.contains("u.user_name = $4") && sql.text.contains("h6.hashtag = $6"));
        assert!(feed(false, 0).text.ends_with("ORDER BY m.id DESC LIMIT $3"));
    }

    #[test]
    fn a_database_name_cannot_leave_its_quotes() {
        assert_eq!(create_database("a\"b"), "CREATE DATABASE \"a\"\"b\"");
    }
}
