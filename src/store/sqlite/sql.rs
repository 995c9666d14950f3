//! Every statement the readers run. The text that a test explains is the text
//! that runs.

use crate::domain::FeedFilter;

/// Whether the file answers.
pub const CHECK: &str = "SELECT EXISTS (SELECT 1 FROM counters WHERE level = 86400 AND series = 0)";

/// One message. Parameters: id.
pub const MESSAGE: &str = "SELECT m.id, u.name, m.text, m.hashtags FROM messages m JOIN users u ON u.id = m.user_id WHERE m.id = ?1";

/// The number of a hashtag. Parameters: name.
pub const HASHTAG_ID: &str = "SELECT id FROM hashtags WHERE name = ?1";

/// The number of a user. Parameters: name.
pub const USER_ID: &str = "SELECT id FROM users WHERE name = ?1";

/// How many messages a series has on whole days of a range: what driving a
/// query by it would cost. Parameters: series, first day, last day.
pub const SERIES_SIZE: &str = "SELECT coalesce(sum(count), 0) FROM counters WHERE level = 86400 AND series = ?1 AND bucket BETWEEN ?2 AND ?3";

/// Counts in buckets. Parameters: level, series, from, to, width.
pub const TREND: &str = "SELECT bucket - bucket % ?5 AS start, sum(count) FROM counters WHERE level = ?1 AND series = ?2 AND bucket >= ?3 AND bucket < ?4 GROUP BY start ORDER BY start";

/// Counts of every hashtag with a prefix. Parameters: level, from, to, first
/// name, name after the last.
pub const HASHTAG_COUNTS: &str = "SELECT h.name, (SELECT sum(c.count) FROM counters c WHERE c.level = ?1 AND c.series = h.id AND c.bucket >= ?2 AND c.bucket < ?3) AS total FROM hashtags h WHERE h.name >= ?4 AND h.name < ?5 AND total > 0 ORDER BY total DESC, h.name LIMIT ?6";

/// User names in a range. Parameters: first name, name after the last, limit.
pub const USERS: &str =
    "SELECT name FROM users WHERE name >= ?1 AND name < ?2 ORDER BY name LIMIT ?3";

/// Records after an id. Parameters: id, limit.
pub const EXPORT: &str = "SELECT m.id, u.name, m.text, m.hashtags, (SELECT k.key FROM idempotency_keys k WHERE k.message_id = m.id) FROM messages m CROSS JOIN users u ON u.id = m.user_id WHERE m.id > ?1 ORDER BY m.id LIMIT ?2";

/// The token of a hash. Parameters: hash.
pub const TOKEN: &str =
    "SELECT id, user_name, note, expires_at, revoked_at FROM tokens WHERE hash = ?1";

/// What drives a page: which index is walked, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// All messages.
    Messages,
    /// The user's messages.
    User,
    /// The messages of the rarest hashtag asked for.
    Hashtag,
}

/// A page of messages. Parameters: low id, high id, limit, then the user's
/// number if there is one, then the hashtags' numbers, the driving one first.
///
/// `CROSS JOIN` keeps SQLite from turning the order around: it has no
/// statistics, and we know which side is small.
pub fn feed(driver: Driver, filter: &FeedFilter) -> String {
    let has_user = filter.user.is_some();
    let mut sql = String::from("SELECT m.id, u.name, m.text, m.hashtags FROM ");
    let first_hashtag = if has_user { 5 } else { 4 };
    let driving = match driver {
        Driver::Hashtag => {
            sql += "message_hashtags d CROSS JOIN messages m ON m.id = d.message_id";
            "d.message_id"
        }
        Driver::User => {
            sql += "messages m INDEXED BY messages_by_user";
            "m.id"
        }
        Driver::Messages => {
            sql += "messages m";
            "m.id"
        }
    };
    sql += " CROSS JOIN users u ON u.id = m.user_id WHERE ";
    sql += &format!("{driving} >= ?1 AND {driving} < ?2");
    let mut probed = first_hashtag;
    if driver == Driver::Hashtag {
        sql += &format!(" AND d.hashtag_id = ?{first_hashtag}");
        probed += 1;
    }
    if has_user {
        // A plus keeps the user's index out of it where the hashtag drives.
        let plus = if driver == Driver::Hashtag { "+" } else { "" };
        sql += &format!(" AND {plus}m.user_id = ?4");
    }
    for number in probed..first_hashtag + filter.hashtags.len() {
        sql += &format!(
            " AND EXISTS (SELECT 1 FROM message_hashtags p WHERE p.hashtag_id = ?{number} AND p.message_id = m.id)"
        );
    }
    sql += &format!(" ORDER BY {driving} DESC LIMIT ?3");
    sql
}
