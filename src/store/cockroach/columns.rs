//! Turns records into the parameters of the statement that stores them.

use std::collections::BTreeMap;

use tokio_postgres::types::ToSql;

use crate::domain::{Hashtag, Record};
use crate::store::rollup::{WIDTHS, counter_of};

use super::batch::KnownUsers;

/// What a batch is stored under, each an array of one.
pub(super) struct Fence<'a> {
    slots: Vec<i64>,
    owners: Vec<&'a str>,
    until: Vec<i64>,
    lows: Vec<&'a str>,
    highs: Vec<&'a str>,
}

impl<'a> Fence<'a> {
    /// The slot of an owner until then, for messages that are in order.
    pub(super) fn new(slot: i64, owner: &'a str, until: i64, ids: &'a [String]) -> Fence<'a> {
        let end = |id: Option<&'a String>| vec![id.map_or("", String::as_str)];
        Fence {
            slots: vec![slot],
            owners: vec![owner],
            until: vec![until],
            lows: end(ids.first()),
            highs: end(ids.last()),
        }
    }
}

/// The arrays of the statement.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) fence: Option<Fence<'a>>,
    pub(super) new_users: Vec<&'a str>,
    pub(super) key_users: Vec<&'a str>,
    keys: Vec<&'a str>,
    key_ids: Vec<&'a str>,
    users: Vec<&'a str>,
    texts: Vec<&'a str>,
    tags: Vec<String>,
    message_keys: Vec<&'a str>,
    listed_ids: Vec<&'a str>,
    listed_tags: Vec<&'a str>,
    counts: Counts<'a>,
}

/// What is added to the counters.
enum Counts<'a> {
    /// Of the whole batch, added up.
    Whole(Whole<'a>),
    /// Of each message, hung on one of its hashtag rows.
    Each(Each<'a>),
}

#[derive(Default)]
struct Whole<'a> {
    series: Vec<&'a str>,
    levels: Vec<i64>,
    buckets: Vec<i64>,
    slots: Vec<i64>,
    counts: Vec<i64>,
}

#[derive(Default)]
struct Each<'a> {
    ids: Vec<&'a str>,
    tags: Vec<&'a str>,
    series: Vec<&'a str>,
    minutes: Vec<i64>,
    levels: Vec<i64>,
    slots: Vec<i64>,
}

impl Default for Counts<'_> {
    fn default() -> Self {
        Counts::Whole(Whole::default())
    }
}

impl<'a> Columns<'a> {
    pub(super) fn of(
        records: &[&'a Record],
        ids: &'a [String],
        known: &KnownUsers,
        slot: i64,
    ) -> Columns<'a> {
        let mut columns = Columns {
            new_users: known.unknown_of(records),
            ..Columns::default()
        };
        for (record, id) in records.iter().zip(ids) {
            let message = &record.message;
            let user = message.user.as_str();
            let key = record.idempotency_key.as_ref().map(|key| key.as_str());
            if let Some(key) = key {
                columns.key_users.push(user);
                columns.keys.push(key);
                columns.key_ids.push(id);
            }
            columns.users.push(user);
            columns.texts.push(message.text.as_str());
            let names: Vec<&str> = message.hashtags.iter().map(Hashtag::as_str).collect();
            columns.tags.push(names.join(" "));
            columns.message_keys.push(key.unwrap_or_default());
            for name in names {
                columns.list(id, name);
            }
        }
        match columns.keys.is_empty() {
            true => columns.count_whole(records, ids, slot),
            false => columns.count_each(records, ids, slot),
        }
        columns
    }

    fn list(&mut self, id: &'a str, tag: &'a str) {
        self.listed_ids.push(id);
        self.listed_tags.push(tag);
    }

    /// Whether the batch went in shows in its hashtag rows: there is one.
    fn count_whole(&mut self, records: &[&'a Record], ids: &'a [String], slot: i64) {
        if let Some(id) = ids.first().filter(|_| self.listed_ids.is_empty()) {
            self.list(id, no_hashtag(id));
        }
        let mut totals: BTreeMap<(&str, i64, i64), i64> = BTreeMap::new();
        for message in records.iter().map(|record| &record.message) {
            let names = message.hashtags.iter().map(Hashtag::as_str);
            for series in std::iter::once("").chain(names) {
                for width in WIDTHS {
                    let bucket = counter_of(width, message.id.millis());
                    *totals.entry((series, width, bucket)).or_default() += 1;
                }
            }
        }
        let mut whole = Whole::default();
        for ((series, level, bucket), count) in totals {
            whole.series.push(series);
            whole.levels.push(level);
            whole.buckets.push(bucket);
            whole.slots.push(slot);
            whole.counts.push(count);
        }
        self.counts = Counts::Whole(whole);
    }

    /// A message counts in the series of all through its first hashtag row,
    /// or through a row of its own when it has no hashtag.
    fn count_each(&mut self, records: &[&'a Record], ids: &'a [String], slot: i64) {
        let levels = WIDTHS.to_vec();
        let mut each = Each {
            // A column, not a constant: an upsert looks rows up by columns.
            slots: vec![slot; levels.len()],
            levels,
            ..Each::default()
        };
        for (record, id) in records.iter().zip(ids) {
            let message = &record.message;
            let minute = counter_of(WIDTHS[0], message.id.millis());
            let mut add = |tag: &'a str, series: &'a str| {
                each.ids.push(id);
                each.tags.push(tag);
                each.series.push(series);
                each.minutes.push(minute);
            };
            match message.hashtags.first() {
                Some(first) => add(first.as_str(), ""),
                None => {
                    self.list(id, no_hashtag(id));
                    add(no_hashtag(id), "");
                }
            }
            for tag in &message.hashtags {
                add(tag.as_str(), tag.as_str());
            }
        }
        self.counts = Counts::Each(each);
    }

    /// In the order of the statement.
    pub(super) fn params<'p>(&'p self, ids: &'p Vec<String>) -> Vec<&'p (dyn ToSql + Sync)> {
        let mut params: Vec<&'p (dyn ToSql + Sync)> = Vec::new();
        if let Some(fence) = &self.fence {
            params.extend([
                &fence.slots as &(dyn ToSql + Sync),
                &fence.owners,
                &fence.until,
                &fence.lows,
                &fence.highs,
            ]);
        }
        if !self.new_users.is_empty() {
            params.push(&self.new_users);
        }
        let has_keys = !self.keys.is_empty();
        if has_keys {
            params.extend([
                &self.key_users as &(dyn ToSql + Sync),
                &self.keys,
                &self.key_ids,
            ]);
        }
        params.extend([
            ids as &(dyn ToSql + Sync),
            &self.users,
            &self.texts,
            &self.tags,
        ]);
        if has_keys {
            params.push(&self.message_keys);
        }
        params.extend([&self.listed_ids as &(dyn ToSql + Sync), &self.listed_tags]);
        match &self.counts {
            Counts::Whole(whole) => params.extend([
                &whole.series as &(dyn ToSql + Sync),
                &whole.levels,
                &whole.buckets,
                &whole.slots,
                &whole.counts,
            ]),
            Counts::Each(each) => params.extend([
                &each.ids as &(dyn ToSql + Sync),
                &each.tags,
                &each.series,
                &each.minutes,
                &each.levels,
                &each.slots,
            ]),
        }
        params
    }
}

/// What a message without hashtags is listed under where a row of it has to
/// show that it went in: a blank, which no hashtag has, and the end of its id.
/// Under one name all writers would append at one end.
pub(super) fn no_hashtag(id: &str) -> &'static str {
    const NAMES: [&str; 32] = [
        " 0", " 1", " 2", " 3", " 4", " 5", " 6", " 7", " 8", " 9", " a", " b", " c", " d", " e",
        " f", " g", " h", " j", " k", " m", " n", " p", " q", " r", " s", " t", " v", " w", " x",
        " y", " z",
    ];
    let last = id.bytes().last().unwrap_or_default().to_ascii_lowercase();
    let found = NAMES
        .iter()
        .find(|name| name.as_bytes().last() == Some(&last));
    found.copied().unwrap_or(NAMES[0])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::sql;
    use super::*;
    use crate::domain::{Draft, MessageId};

    fn record(id: u128, tags: &[&str], key: &str) -> Record {
        let draft = Draft::new("ann".parse().unwrap(), "text".to_owned(), tags).unwrap();
        Record {
            message: draft.into_message(MessageId::from_parts(61_000, id)),
            idempotency_key: key.parse().ok(),
        }
    }

    fn ids(records: &[&Record]) -> Vec<String> {
        records.iter().map(|r| r.message.id.to_string()).collect()
    }

    #[test]
    fn a_batch_without_keys_comes_with_its_counts_added_up() {
        let (two, one) = (record(1, &["a", "b"], ""), record(2, &["a"], ""));
        let none = record(3, &[], "");
        let records = [&two, &one, &none];
        let ids = ids(&records);
        let columns = Columns::of(&records, &ids, &KnownUsers::default(), 7);
        let Counts::Whole(whole) = &columns.counts else {
            panic!("counts of each message");
        };
        let rows: Vec<_> = (0..whole.series.len())
            .map(|n| {
                (
                    whole.series[n],
                    whole.levels[n],
                    whole.buckets[n],
                    whole.counts[n],
                )
            })
            .collect();
        let of = |series, n| {
            [
                (series, 60, 60, n),
                (series, 3_600, 0, n),
                (series, 86_400, 0, n),
            ]
        };
        assert_eq!(rows, [of("", 3), of("a", 2), of("b", 1)].concat());
        assert!(whole.slots.iter().all(|slot| *slot == 7));
        assert_eq!(columns.listed_tags, ["a", "b", "a"]);
        assert_eq!(columns.tags, ["a b", "a", ""]);
        assert_eq!(columns.new_users, ["ann"]);
        let params = columns.params(&ids).len();
        assert_eq!(params, sql::write_batch(false, true, false).types.len());
    }

    #[test]
    fn a_batch_without_any_hashtag_has_one_row_that_shows_that_it_went_in() {
        let (first, second) = (record(1, &[], ""), record(2, &[], ""));
        let records = [&first, &second];
        let ids = ids(&records);
        let columns = Columns::of(&records, &ids, &KnownUsers::default(), 0);
        assert_eq!(columns.listed_ids, [ids[0].as_str()]);
        assert_eq!(columns.listed_tags, [" 1"]);
    }

    #[test]
    fn beside_a_key_each_message_counts_once_among_all_and_once_a_hashtag() {
        let (two, none) = (record(1, &["a", "b"], "k"), record(2, &[], ""));
        let records = [&two, &none];
        let ids = ids(&records);
        let columns = Columns::of(&records, &ids, &KnownUsers::default(), 7);
        let Counts::Each(each) = &columns.counts else {
            panic!("counts added up");
        };
        let rows: Vec<_> = (0..each.series.len())
            .map(|n| (each.ids[n], each.tags[n], each.series[n]))
            .collect();
        let (first, second) = (ids[0].as_str(), ids[1].as_str());
        let expected = [
            (first, "a", ""),
            (first, "a", "a"),
            (first, "b", "b"),
            (second, " 2", ""),
        ];
        assert_eq!(rows, expected);
        assert_eq!(each.minutes, [60; 4]);
        assert_eq!(columns.listed_tags, ["a", "b", " 2"]);
        let params = columns.params(&ids).len();
        assert_eq!(params, sql::write_batch(false, true, true).types.len());
    }

    #[test]
    fn messages_without_hashtags_are_spread_over_all_ends_of_ids() {
        let ends: HashSet<&str> = (0..32)
            .map(|n| no_hashtag(&MessageId::from_parts(1, n).to_string()))
            .collect();
        assert_eq!(ends.len(), 32);
    }
}
