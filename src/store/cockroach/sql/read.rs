//! Statements that read messages and names.

use super::{INT, Sql, TEXT, statements};

statements! {
    /// Whether the server can read data: one row, or none.
    CHECK (): "SELECT name FROM users LIMIT 1";

    /// PostgreSQL: whether the server only reads (`on`), as a standby does.
    READ_ONLY (): "SELECT cast(current_setting('transaction_read_only') AS text)";

    /// PostgreSQL: whether the server is a standby (`true`).
    STANDBY (): "SELECT cast(pg_is_in_recovery() AS text)";

    /// The last message, to start ids after it.
    LAST_ID (): "SELECT id FROM messages ORDER BY id DESC LIMIT 1";

    /// One message.
    MESSAGE (TEXT): "SELECT id, user_name, text, hashtags FROM messages WHERE id = $1";

    /// A part of all messages, oldest first. `$1` after this id; `$2` at most.
    EXPORT (TEXT, INT):
        "SELECT id, user_name, text, hashtags, idempotency_key FROM messages
         WHERE id > $1 ORDER BY id LIMIT $2";

    /// The first part of all messages. `$1` at most.
    EXPORT_FIRST (INT):
        "SELECT id, user_name, text, hashtags, idempotency_key FROM messages
         ORDER BY id LIMIT $1";

    /// Users of a range of names. `$1` from; `$2` before; `$3` at most.
    USERS (TEXT, TEXT, INT):
        "SELECT name FROM users WHERE name >= $1 AND name < $2 ORDER BY name LIMIT $3";
}
