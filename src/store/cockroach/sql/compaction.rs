//! Statements that put the shards of a counter together. A writer's slot is
//! not below zero; deletions, repairs and other foldings have slots of their
//! own, whose counts stay apart.

use super::{INT, Sql, TEXT, statements};

statements! {
    /// Months (30 days from the Unix epoch on), from `$1` and before `$2`, with counters that
    /// writers have more than one row of, told by the series of all messages:
    /// whatever counts a hashtag counts there. `$3` is the slot of what was put
    /// together.
    SHARDED_MONTHS (INT, INT, INT):
        "SELECT bucket - bucket % 2592000 AS month FROM counters
         WHERE series = '' AND level = 86400 AND bucket >= $1 AND bucket < $2
           AND (slot >= 0 OR slot = $3)
         GROUP BY bucket - bucket % 2592000 HAVING count(*) > count(DISTINCT bucket)
         ORDER BY month";

    /// Hashtags with such counters of level `$1`, `$2` from and `$3` before, and
    /// how many rows they have there; `$5` at most, in no order. `$4` is the slot
    /// of what was put together. No range of series is given, see `hashtags`.
    SHARDED_HASHTAGS (INT, INT, INT, INT, INT):
        "SELECT series, count(*) FROM counters
         WHERE level = $1 AND bucket >= $2 AND bucket < $3 AND length(series) > 0
           AND (slot >= 0 OR slot = $4)
         GROUP BY series HAVING count(*) > count(DISTINCT bucket) LIMIT $5";
}

/// What writers count in some series, of level `$1`, `$2` from and `$3` before.
pub(in crate::store::cockroach) fn shards(series: usize) -> Sql {
    of_writers("SELECT series, bucket, count FROM", series)
}

/// The rows of [`shards`] go.
pub(in crate::store::cockroach) fn drop_shards(series: usize) -> Sql {
    of_writers("DELETE FROM", series)
}

fn of_writers(what: &str, series: usize) -> Sql {
    let list: Vec<String> = (0..series).map(|n| format!("${}", n + 4)).collect();
    let text = format!(
        "{what} counters WHERE series IN ({}) AND level = $1 \
         AND bucket >= $2 AND bucket < $3 AND slot >= 0",
        list.join(", ")
    );
    let mut types = vec![INT; 3];
    types.resize(3 + series, TEXT);
    Sql::composed(text, types)
}
