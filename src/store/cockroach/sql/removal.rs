//! Statements that remove messages, and about what stays of them.

use super::{INT, INTS, Sql, TEXT, TEXTS, statements};

statements! {
    /// Tombstones of messages that are deleted, each in `$1`–`$5`: id, user,
    /// when (Unix milliseconds), position, key or ''. Gives the ids that had
    /// none.
    BURY (TEXTS, TEXTS, INTS, TEXTS, TEXTS):
        "INSERT INTO tombstones (id, user_name, deleted_at, position, idempotency_key)
         SELECT d.id, d.user_name, d.deleted_at, d.position, d.idempotency_key
         FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5))
           AS d (id, user_name, deleted_at, position, idempotency_key)
         ON CONFLICT (id) DO NOTHING RETURNING id";

    /// Keys of messages that were deleted elsewhere, each in `$1`–`$3`: user,
    /// key, message.
    KEEP_KEYS (TEXTS, TEXTS, TEXTS):
        "INSERT INTO idempotency_keys (user_name, key, message_id)
         SELECT d.user_name, d.key, d.message_id
         FROM ROWS FROM (unnest($1), unnest($2), unnest($3)) AS d (user_name, key, message_id)
         ON CONFLICT (user_name, key) DO NOTHING";

    /// The rows of messages.
    DELETE_MESSAGES (TEXTS): "DELETE FROM messages WHERE id = ANY ($1)";

    /// The slot `$1` of the owner `$2` until `$3` closes all up to the last
    /// position given out in it, `$5`, of which `$4` is the first: as a batch
    /// does, see `write_batch`.
    FENCE (INTS, TEXTS, INTS, TEXTS, TEXTS):
        "INSERT INTO slots (slot, owner, expires_at, closer, closed, posted)
         SELECT w.slot, w.owner, w.expires_at, w.owner, w.low, w.high
         FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5))
           AS w (slot, owner, expires_at, low, high)
         ON CONFLICT (slot) DO UPDATE SET
           owner = CASE WHEN slots.owner = excluded.owner
             AND slots.closed < excluded.closed THEN slots.owner END,
           expires_at = excluded.expires_at,
           closed = excluded.posted, posted = excluded.posted";

    /// What stays of some messages, of those that were deleted.
    TOMBSTONES_BY_ID (TEXTS):
        "SELECT t.id, t.user_name, t.deleted_at, t.position, t.idempotency_key
         FROM ROWS FROM (unnest($1)) AS d (id)
         JOIN tombstones AS t ON t.id = d.id";

    /// Which of some positions are taken, by deletions or by messages.
    TAKEN_POSITIONS (TEXTS):
        "SELECT t.position FROM ROWS FROM (unnest($1)) AS d (position)
         JOIN tombstones AS t ON t.position = d.position
         UNION ALL
         SELECT m.id FROM ROWS FROM (unnest($1)) AS d (position)
         JOIN messages AS m ON m.id = d.position";

    /// Behind position `$1` and up to `$2`, in their order; `$3` at most.
    TOMBSTONES (TEXT, TEXT, INT):
        "SELECT id, user_name, deleted_at, position, idempotency_key FROM tombstones
         WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3";
}

/// Takes messages out of lists: so many pairs of a hashtag and a message. They
/// are parameters, not arrays to be joined: CockroachDB before 20.1 reads the
/// whole table for a subquery behind `IN`, and looks up pairs that stand there.
pub(in crate::store::cockroach) fn unlist(pairs: usize) -> Sql {
    let list = list_of_pairs(1, pairs);
    let text = format!("DELETE FROM message_hashtags WHERE (hashtag, message_id) IN ({list})");
    Sql::composed(text, vec![TEXT; 2 * pairs])
}

/// Takes keys away where they name messages `$1`: so many pairs of a user and
/// a key.
pub(in crate::store::cockroach) fn forget_keys(pairs: usize) -> Sql {
    let list = list_of_pairs(2, pairs);
    let text = format!(
        "DELETE FROM idempotency_keys \
         WHERE (user_name, key) IN ({list}) AND message_id = ANY ($1)"
    );
    let mut types = vec![TEXTS];
    types.resize(1 + 2 * pairs, TEXT);
    Sql::composed(text, types)
}

/// So many pairs of parameters, from the `first` on.
fn list_of_pairs(first: usize, pairs: usize) -> String {
    let pair = |n: usize| format!("(${}, ${})", first + 2 * n, first + 2 * n + 1);
    let all: Vec<String> = (0..pairs).map(pair).collect();
    all.join(", ")
}
