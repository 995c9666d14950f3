//! Statements that read messages and names.

use std::fmt::Write as _;

use super::{INT, Sql, TEXT, statements};

statements! {
    /// Whether the server can read data: one row, or none.
    CHECK (): "SELECT name FROM users LIMIT 1";

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

/// A page: `$1` from this id, `$2` before this one, `$3` at most, then the
/// user if there is one, then the hashtags. With hashtags the ids of the page
/// come first, from indexes alone, each read from the edge of the range and
/// no further than needed; whole messages are fetched for the page only.
pub(in crate::store::cockroach) fn feed(user: bool, hashtags: usize) -> Sql {
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
    Sql::composed(text, types)
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
}
