//! Statements that read pages of messages, newest first.

use super::{INT, Sql, TEXT};

/// What stands in the order of ids and leads a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::cockroach) enum List {
    /// All messages.
    All,
    /// Those of a user.
    User,
    /// Those with a hashtag.
    Hashtag,
}

impl List {
    /// The ids of a list in a range, `$1` from and `$2` before, newest first.
    fn ids(self, name: &str) -> String {
        let (of, id, table) = match self {
            List::All => (String::new(), "id", "messages"),
            List::User => (format!("l.user_name = {name} AND "), "id", "messages"),
            List::Hashtag => {
                let of = format!("l.hashtag = {name} AND ");
                (of, "message_id", "message_hashtags")
            }
        };
        format!(
            "SELECT l.{id} AS id FROM {table} AS l \
             WHERE {of}l.{id} >= $1 AND l.{id} < $2 ORDER BY l.{id} DESC"
        )
    }
}

/// A page of one list: `$1` from this id, `$2` before this one, `$3` at most,
/// `$4` whose list it is, unless it is everybody's. With a hashtag the ids
/// come first, from the index alone.
pub(in crate::store::cockroach) fn page(list: List) -> Sql {
    let columns = "m.id, m.user_name, m.text, m.hashtags";
    let range = "m.id >= $1 AND m.id < $2 ORDER BY m.id DESC LIMIT $3";
    let mut types = vec![TEXT, TEXT, INT];
    let text = match list {
        List::All => format!("SELECT {columns} FROM messages AS m WHERE {range}"),
        List::User => {
            format!("SELECT {columns} FROM messages AS m WHERE m.user_name = $4 AND {range}")
        }
        List::Hashtag => format!(
            "SELECT {columns} FROM ({} LIMIT $3) AS p \
             JOIN messages AS m ON m.id = p.id ORDER BY m.id DESC",
            list.ids("$4")
        ),
    };
    if list != List::All {
        types.push(TEXT);
    }
    Sql::composed(text, types)
}

/// A page of what is in several lists, out of a part of the list that leads:
/// `$1` from this id, `$2` before this one, `$3` how much of it, `$4` at most,
/// `$5` whose list leads; then the user, where one is asked for and does not
/// lead; then further hashtags. The others are looked up for each id of the
/// part, and never read along. Their names come as columns: CockroachDB v19.1
/// looks up by nothing else, and PostgreSQL sees the values in them.
pub(in crate::store::cockroach) fn page_of_part(lead: List, user: bool, hashtags: usize) -> Sql {
    let mut types = vec![TEXT, TEXT, INT, INT, TEXT];
    let mut joins = String::new();
    if user {
        types.push(TEXT);
        joins += &format!(
            " CROSS JOIN (VALUES (${0})) AS o{0} (user_name) \
             JOIN messages AS x{0} ON x{0}.user_name = o{0}.user_name AND x{0}.id = c.id",
            types.len()
        );
    }
    let first = types.len() + 1;
    types.resize(types.len() + hashtags, TEXT);
    for number in first..first + hashtags {
        joins += &format!(
            " CROSS JOIN (VALUES (${number})) AS o{number} (hashtag) \
             JOIN message_hashtags AS x{number} \
               ON x{number}.hashtag = o{number}.hashtag AND x{number}.message_id = c.id"
        );
    }
    let text = format!(
        "SELECT m.id, m.user_name, m.text, m.hashtags FROM ( \
           SELECT c.id FROM ({} LIMIT $3) AS c{joins} ORDER BY c.id DESC LIMIT $4) AS p \
         JOIN messages AS m ON m.id = p.id ORDER BY m.id DESC",
        lead.ids("$5")
    );
    Sql::composed(text, types)
}

/// Where a part of several lists ends: `$1` from this id, `$2` before this
/// one, `$3` entries before the last one of the part; then the names of the
/// lists. A list that ends before has no row.
pub(in crate::store::cockroach) fn ends_of_parts(lists: &[List]) -> Sql {
    let end = |(number, list): (usize, &List)| {
        let ids = list.ids(&format!("${}", number + 4));
        format!("SELECT cast({number} AS INT8) AS list, e.id FROM ({ids} LIMIT 1 OFFSET $3) AS e")
    };
    let ends: Vec<String> = lists.iter().enumerate().map(end).collect();
    let mut types = vec![TEXT, TEXT, INT];
    types.resize(3 + lists.len(), TEXT);
    Sql::composed(ends.join(" UNION ALL "), types)
}
