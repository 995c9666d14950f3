//! Statements that read counters.

use std::time::Duration;

use super::{INT, INTS, Sql, TEXT, statements};

statements! {
    /// What each series counts in a month, `$1` from and `$2` before: what was
    /// added, and what was taken away of it; `$3` rows at most.
    COUNTS_OF_MONTH (INT, INT, INT):
        "SELECT series, cast(sum(greatest(count, 0)) AS INT8), cast(sum(least(count, 0)) AS INT8)
         FROM counters WHERE level = 86400 AND bucket >= $1 AND bucket < $2
         GROUP BY series LIMIT $3";
}

/// The busiest hashtags. The range is cut into five parts, each read at the
/// coarsest counters that fit: `$1`–`$3` minutes before the first whole hour
/// (level, from, before), `$4`–`$6` hours before the first whole day, `$7`–
/// `$9` days, `$10`–`$12` hours after, `$13`–`$15` minutes after; `$16` at
/// most; with a prefix `$17`, `$18` range of hashtags. Without one no range is
/// given: one that holds all of them has a planner with statistics read the
/// whole table in the order of series.
pub(in crate::store::cockroach) fn hashtags(prefix: bool) -> Sql {
    let of_hashtags = match prefix {
        true => "series >= $17 AND series < $18",
        // The series of all messages is '', which no hashtag is.
        false => "length(series) > 0",
    };
    let part = |first: usize| {
        format!(
            "SELECT series, count FROM counters WHERE level = ${first} \
             AND bucket >= ${} AND bucket < ${} AND {of_hashtags}",
            first + 1,
            first + 2
        )
    };
    let parts = [1, 4, 7, 10, 13].map(part).join(" UNION ALL ");
    let text = format!(
        "SELECT p.series, cast(sum(p.count) AS INT8) AS total FROM ({parts}) AS p \
         GROUP BY p.series HAVING cast(sum(p.count) AS INT8) > 0 ORDER BY total DESC, p.series LIMIT $16"
    );
    let mut types = vec![INT; 16];
    if prefix {
        types.resize(18, TEXT);
    }
    Sql::composed(text, types)
}

/// What so many hashtags count in a range, and what the months were then: a
/// hashtag with the month NULL and its count; or '', a month (30 days from the
/// Unix epoch on) with what was added in it and what was taken away. `$1` from
/// this month, `$2` before that one, then level, from and before of each of six
/// parts of the range, then the hashtags.
pub(in crate::store::cockroach) fn counts_of(hashtags: usize) -> Sql {
    let list: Vec<String> = (0..hashtags).map(|n| format!("${}", n + 21)).collect();
    let list = list.join(", ");
    let part = |first: usize| {
        format!(
            "SELECT series, count FROM counters WHERE series IN ({list}) AND level = ${first} \
             AND bucket >= ${} AND bucket < ${}",
            first + 1,
            first + 2
        )
    };
    let parts = [3, 6, 9, 12, 15, 18].map(part).join(" UNION ALL ");
    let text = format!(
        "SELECT p.series, cast(NULL AS INT8) AS month, cast(sum(p.count) AS INT8), cast(0 AS INT8) \
         FROM ({parts}) AS p GROUP BY p.series \
         UNION ALL \
         SELECT series, bucket - bucket % 2592000 AS month, \
         cast(sum(greatest(count, 0)) AS INT8), cast(sum(least(count, 0)) AS INT8) \
         FROM counters WHERE series = '' AND level = 86400 AND bucket >= $1 AND bucket < $2 \
         GROUP BY series, bucket - bucket % 2592000"
    );
    let mut types = vec![INT; 20];
    types.resize(20 + hashtags, TEXT);
    Sql::composed(text, types)
}

/// Counters of one level, each of which is a bucket: `$1` level, `$2` from,
/// `$3` before, then the series. The program adds up what writers have counted
/// side by side: to group rows that are nearly all of the answer costs a server
/// more than to send them.
pub(in crate::store::cockroach) fn counters(series: usize, stale: bool) -> Sql {
    let list: Vec<String> = (0..series).map(|n| format!("${}", n + 4)).collect();
    let source = source(stale);
    let text = format!(
        "SELECT series, bucket, count FROM {source} \
         WHERE series IN ({}) AND level = $1 AND bucket >= $2 AND bucket < $3",
        list.join(", ")
    );
    let mut types = vec![INT; 3];
    types.resize(3 + series, TEXT);
    Sql::composed(text, types)
}

/// How long ago that is what a statement reads that may be stale: longer than
/// replicas need to know that they have everything, 4.8 s in v21.1
/// (cockroachdb/docs, `v21.1/follower-reads.md`).
pub(in crate::store::cockroach) const STALENESS: Duration = Duration::from_secs(5);

fn source(stale: bool) -> &'static str {
    match stale {
        true => "counters AS OF SYSTEM TIME '-5s'",
        false => "counters",
    }
}

/// The latest edge at or before a counter: the edges of a trend lie at a
/// distance of `$1` from each other, in up to four rows that are `$2` to `$5`
/// off from the Unix epoch.
const EDGE: &str = "bucket - least((bucket + $2) % $1, (bucket + $3) % $1, \
    (bucket + $4) % $1, (bucket + $5) % $1) AS start";

/// Counts in buckets that whole counters of one level add up to: `$1` to `$5`
/// as in [`EDGE`], `$6` level, `$7` from, `$8` before, then the series.
/// `stale` reads the nearest replica, where the server can.
pub(in crate::store::cockroach) fn trend(series: usize, stale: bool) -> Sql {
    let list: Vec<String> = (0..series).map(|n| format!("${}", n + 9)).collect();
    let source = source(stale);
    let text = format!(
        "SELECT series, {EDGE}, cast(sum(count) AS INT8) AS total \
         FROM {source} WHERE series IN ({}) AND level = $6 AND bucket >= $7 AND bucket < $8 \
         GROUP BY 1, 2 ORDER BY 1, 2",
        list.join(", ")
    );
    let mut types = vec![INT; 8];
    types.resize(8 + series, TEXT);
    Sql::composed(text, types)
}

/// The same of several levels: in place of the counters `$9` of level `$6`,
/// which lie in two buckets, the minutes `$10`, hours `$11` and days `$12`.
pub(in crate::store::cockroach) fn trend_in_pieces(series: usize, stale: bool) -> Sql {
    let list: Vec<String> = (0..series).map(|n| format!("${}", n + 13)).collect();
    let list = list.join(", ");
    let moment = match stale {
        true => " AS OF SYSTEM TIME '-5s'",
        false => "",
    };
    let part = format!("SELECT series, {EDGE}, count FROM counters WHERE series IN ({list})");
    let text = format!(
        "SELECT p.series, p.start, cast(sum(p.count) AS INT8) AS total \
         FROM ({part} AND level = $6 AND bucket >= $7 AND bucket < $8 AND bucket <> ALL ($9) \
         UNION ALL {part} AND level = 60 AND bucket = ANY ($10) \
         UNION ALL {part} AND level = 3600 AND bucket = ANY ($11) \
         UNION ALL {part} AND level = 86400 AND bucket = ANY ($12)) AS p{moment} \
         GROUP BY 1, 2 ORDER BY 1, 2"
    );
    let mut types = vec![INT; 8];
    types.resize(12, INTS);
    types.resize(12 + series, TEXT);
    Sql::composed(text, types)
}
