//! Statements that read messages in the order of ids, oldest first.

use super::{INT, List, Sql, TEXT, TEXTS, statements};

statements! {
    /// Which of some ids or positions imports brought.
    IMPORTED (TEXTS):
        "SELECT i.id FROM ROWS FROM (unnest($1)) AS d (id)
         JOIN imported AS i ON i.id = d.id";

    /// Notes that an import brought these ids or positions.
    NOTE_IMPORTED (TEXTS):
        "INSERT INTO imported (id)
         SELECT n.id FROM ROWS FROM (unnest($1)) AS n (id)
         ON CONFLICT (id) DO NOTHING";

    /// Forgets those before `$1`, which everybody who follows is past.
    FORGET_IMPORTED (TEXT): "DELETE FROM imported WHERE id > '' AND id < $1";
}

/// A part of one list: `$1` after this id, `$2` up to this one, `$3` at most,
/// `$4` whose list it is, unless it is everybody's. With a hashtag the ids
/// come first, from the index alone.
pub(in crate::store::cockroach) fn after(list: List) -> Sql {
    let columns = "m.id, m.user_name, m.text, m.hashtags";
    let range = "m.id > $1 AND m.id <= $2 ORDER BY m.id LIMIT $3";
    let mut types = vec![TEXT, TEXT, INT];
    let text = match list {
        List::All => format!("SELECT {columns} FROM messages AS m WHERE {range}"),
        List::User => {
            format!("SELECT {columns} FROM messages AS m WHERE m.user_name = $4 AND {range}")
        }
        List::Hashtag => format!(
            "SELECT {columns} FROM ( \
               SELECT l.message_id AS id FROM message_hashtags AS l \
               WHERE l.hashtag = $4 AND l.message_id > $1 AND l.message_id <= $2 \
               ORDER BY l.message_id LIMIT $3) AS p \
             JOIN messages AS m ON m.id = p.id ORDER BY m.id"
        ),
    };
    if list != List::All {
        types.push(TEXT);
    }
    Sql::composed(text, types)
}
