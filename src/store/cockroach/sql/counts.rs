//! Statements that read counters.

use super::{INT, INTS, Sql, TEXT};

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
         GROUP BY p.series ORDER BY total DESC, p.series LIMIT $16"
    );
    let mut types = vec![INT; 16];
    if prefix {
        types.resize(18, TEXT);
    }
    Sql::composed(text, types)
}

/// Counts in buckets: `$1` width, `$2` level, `$3` from, `$4` before, then the
/// series. `stale` reads the nearest replica, where the server can.
pub(in crate::store::cockroach) fn trend(series: usize, stale: bool) -> Sql {
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
    Sql::composed(text, types)
}

/// The same where a bucket has too many counters of one level: `$1` width,
/// `$2` and `$3` the minutes and hours that no day inside a bucket holds, `$4`
/// from, `$5` before, then the series. Days that lie in one bucket are known
/// by their remainder.
pub(in crate::store::cockroach) fn trend_in_pieces(series: usize, stale: bool) -> Sql {
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
    Sql::composed(text, types)
}
