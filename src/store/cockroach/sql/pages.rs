//! Statements that read pages of messages, newest first.

use tokio_postgres::types::Type;

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

/// What a page of several names is made of: the kinds of its lists, in the
/// order in which their names are given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store::cockroach) struct Parts {
    /// Lists that lead: messages of any of them.
    pub lead: Vec<List>,
    /// Whether a user is looked up.
    pub user: bool,
    /// How many hashtags are looked up.
    pub hashtags: usize,
    /// Names of which one is enough: all of a kind, as many.
    pub any: Vec<(List, usize)>,
    /// How many hashtags are excluded.
    pub without: usize,
}

/// The names that a statement is given, one parameter each.
struct Names(Vec<Type>);

impl Names {
    /// The next one.
    fn next(&mut self) -> String {
        self.0.push(TEXT);
        format!("${}", self.0.len())
    }

    /// The ids of what is in any of some lists, newest first, without a limit:
    /// of each as many are read as `limit` says.
    fn ids(&mut self, lists: &[List], limit: &str) -> String {
        let mut one = |list: &List| match list {
            List::All => list.ids(""),
            List::User | List::Hashtag => list.ids(&self.next()),
        };
        if let [list] = lists {
            return one(list);
        }
        let lists = lists.iter().enumerate().map(|(number, list)| {
            let ids = one(list);
            format!("SELECT a{number}.id FROM ({ids} LIMIT {limit}) AS a{number}")
        });
        let lists: Vec<String> = lists.collect();
        let all = lists.join(" UNION ");
        format!("SELECT u.id FROM ({all}) AS u ORDER BY u.id DESC")
    }

    /// What a row of a message has to be, so that it is in one of as many lists
    /// of a kind.
    fn in_any(&mut self, list: List, number: usize) -> String {
        let names: Vec<String> = (0..number).map(|_| self.next()).collect();
        match list {
            List::User => format!("m.user_name IN ({})", names.join(", ")),
            List::All | List::Hashtag => {
                let has = names
                    .iter()
                    .map(|name| format!("{name} = ANY (m.hashtags)"));
                let has: Vec<String> = has.collect();
                format!("({})", has.join(" OR "))
            }
        }
    }
}

/// A page of what several names are given for, out of a part of what leads:
/// `$1` from this id, `$2` before this one, `$3` how much of it, `$4` at most;
/// then the names, in the order of [`Parts`]. A name alone is looked up for
/// each id of the part, and never read along. Such names come as columns:
/// CockroachDB v19.1 looks up by nothing else, and PostgreSQL sees the values
/// in them. Of which one is enough, or none is wanted, is read off the
/// message.
pub(in crate::store::cockroach) fn page_of_part(parts: &Parts) -> Sql {
    let mut names = Names(vec![TEXT, TEXT, INT, INT]);
    let lead = names.ids(&parts.lead, "$3");
    let mut joins = String::new();
    if parts.user {
        let name = names.next();
        let number = names.0.len();
        joins += &format!(
            " CROSS JOIN (VALUES ({name})) AS o{number} (user_name) \
             JOIN messages AS x{number} \
               ON x{number}.user_name = o{number}.user_name AND x{number}.id = c.id"
        );
    }
    for _ in 0..parts.hashtags {
        let name = names.next();
        let number = names.0.len();
        joins += &format!(
            " CROSS JOIN (VALUES ({name})) AS o{number} (hashtag) \
             JOIN message_hashtags AS x{number} \
               ON x{number}.hashtag = o{number}.hashtag AND x{number}.message_id = c.id"
        );
    }
    let any = parts.any.iter();
    let mut conditions: Vec<String> = any
        .map(|&(list, number)| names.in_any(list, number))
        .collect();
    if parts.without > 0 {
        let excluded = names.in_any(List::Hashtag, parts.without);
        conditions.push(format!("NOT {excluded}"));
    }
    let columns = "m.id, m.user_name, m.text, m.hashtags";
    let found = format!("SELECT c.id FROM ({lead} LIMIT $3) AS c{joins}");
    let text = match conditions.is_empty() {
        true => format!(
            "SELECT {columns} FROM ({found} ORDER BY c.id DESC LIMIT $4) AS p \
             JOIN messages AS m ON m.id = p.id ORDER BY m.id DESC"
        ),
        false => format!(
            "SELECT {columns} FROM ({found}) AS p JOIN messages AS m ON m.id = p.id \
             WHERE {} ORDER BY m.id DESC LIMIT $4",
            conditions.join(" AND ")
        ),
    };
    Sql::composed(text, names.0)
}

/// Where a part of several groups of lists ends: `$1` from this id, `$2` before
/// this one, `$3` entries before the last one of the part, `$4` entries with
/// it; then the names of the lists. A group that ends before has no row.
pub(in crate::store::cockroach) fn ends_of_parts(groups: &[Vec<List>]) -> Sql {
    let mut names = Names(vec![TEXT, TEXT, INT, INT]);
    let end = |(number, lists): (usize, &Vec<List>)| {
        let ids = names.ids(lists, "$4");
        format!(
            "SELECT cast({number} AS INT8) AS list, e.id FROM \
             (SELECT p.id FROM ({ids} LIMIT $4) AS p ORDER BY p.id DESC LIMIT 1 OFFSET $3) AS e"
        )
    };
    let ends: Vec<String> = groups.iter().enumerate().map(end).collect();
    Sql::composed(ends.join(" UNION ALL "), names.0)
}
