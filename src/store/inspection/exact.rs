//! The second walk: ids and buckets of the names whose fingerprints differ.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{CounterName, Difference, Ledger, ListName, MOST};
use crate::domain::MessageId;
use crate::store::rollup::counter_of;

/// Entries that are kept in memory at once, some 50 bytes each. In longer
/// lists a difference may be missed, and it is said that there is more.
const MOST_ENTRIES: usize = 10_000_000;

/// What messages say of some lists and series, and what was derived.
pub(crate) struct Exact {
    lists: Vec<ListName>,
    users: HashMap<String, u32>,
    hashtags: HashMap<String, u32>,
    series: HashSet<String>,
    widths: Vec<i64>,
    counted_from: i64,
    /// By list: more than 0 for an id that messages have there, less for one
    /// that the list has.
    places: HashMap<(u32, MessageId), i64>,
    counters: BTreeMap<CounterName, Counted>,
    is_full: bool,
}

/// A counter.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    messages: i64,
    counted: i64,
}

impl Exact {
    /// Of the names that are suspected.
    pub(crate) fn new(
        (lists, series): (BTreeSet<ListName>, BTreeSet<String>),
        widths: &[i64],
        counted_from: Option<i64>,
    ) -> Exact {
        let (mut users, mut hashtags) = (HashMap::new(), HashMap::new());
        let lists: Vec<ListName> = lists.into_iter().collect();
        for (number, list) in (0..).zip(&lists) {
            match list {
                ListName::User(name) => users.insert(name.clone(), number),
                ListName::Hashtag(name) => hashtags.insert(name.clone(), number),
            };
        }
        Exact {
            lists,
            users,
            hashtags,
            series: series.into_iter().collect(),
            widths: widths.to_vec(),
            counted_from: counted_from.unwrap_or(i64::MIN),
            places: HashMap::new(),
            counters: BTreeMap::new(),
            is_full: false,
        }
    }

    /// What differs, and whether there is more.
    pub(crate) fn differences(self) -> (Vec<Difference>, bool) {
        let places = self.places.into_iter().filter(|(_, sum)| *sum != 0);
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        let off = self.counters.into_iter();
        let off: Vec<_> = off.filter(|(_, c)| c.messages != c.counted).collect();
        let has_more = self.is_full || places.len() > MOST || off.len() > MOST;
        let mut found = Vec::new();
        for ((list, id), sum) in places.into_iter().take(MOST) {
            let Some(list) = self.lists.get(list as usize).cloned() else {
                continue;
            };
            found.push(match sum > 0 {
                true => Difference::Unlisted(list, id),
                false => Difference::Stray(list, id),
            });
        }
        for (counter, counts) in off.into_iter().take(MOST) {
            found.push(Difference::Miscounted {
                counter,
                counted: counts.counted,
                messages: counts.messages,
            });
        }
        (found, has_more)
    }

    fn place(&mut self, list: Option<u32>, id: MessageId, side: i64) {
        let Some(list) = list else { return };
        // Messages come first: a place whose message was passed over is passed
        // over as well, and none differs for want of room.
        if self.places.len() >= MOST_ENTRIES && !self.places.contains_key(&(list, id)) {
            self.is_full = true;
            return;
        }
        *self.places.entry((list, id)).or_default() += side;
    }

    fn bucket(&mut self, series: &str, width: i64, bucket: i64) -> Option<&mut Counted> {
        if bucket < self.counted_from || !self.series.contains(series) {
            return None;
        }
        let name = CounterName {
            series: series.to_owned(),
            width,
            bucket,
        };
        Some(self.counters.entry(name).or_default())
    }

    fn count(&mut self, series: &str, id: MessageId) {
        for at in 0..self.widths.len() {
            let width = self.widths[at];
            if let Some(counted) = self.bucket(series, width, counter_of(width, id.millis())) {
                counted.messages += 1;
            }
        }
    }
}

impl Ledger for Exact {
    fn message(&mut self, id: MessageId, user: &str, hashtags: &mut dyn Iterator<Item = &str>) {
        self.place(self.users.get(user).copied(), id, 1);
        self.count("", id);
        for hashtag in hashtags {
            self.place(self.hashtags.get(hashtag).copied(), id, 1);
            self.count(hashtag, id);
        }
    }

    fn of_user(&mut self, user: &str, id: MessageId) {
        self.place(self.users.get(user).copied(), id, -1);
    }

    fn of_hashtag(&mut self, hashtag: &str, id: MessageId) {
        self.place(self.hashtags.get(hashtag).copied(), id, -1);
    }

    fn counter(&mut self, series: &str, width: i64, bucket: i64, count: i64) {
        if let Some(counted) = self.bucket(series, width, bucket) {
            counted.counted += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::inspection::Prints;
    use proptest::prelude::*;

    const WIDTHS: [i64; 2] = [60, 3_600];

    /// A message: second, user, hashtags.
    type Row = (u16, u8, Vec<u8>);

    fn id(number: usize, row: &Row) -> MessageId {
        MessageId::from_parts(i64::from(row.0) * 1_000, number as u128)
    }

    /// Enters messages and what is rightly derived from them, and then changes.
    fn enter(ledger: &mut dyn Ledger, rows: &[Row], changes: &[(u8, u8, u16, i8)]) {
        for (number, row) in rows.iter().enumerate() {
            let (id, user) = (id(number, row), row.1.to_string());
            let tags: Vec<String> = row.2.iter().map(u8::to_string).collect();
            ledger.message(id, &user, &mut tags.iter().map(String::as_str));
        }
        for (number, row) in rows.iter().enumerate() {
            let id = id(number, row);
            ledger.of_user(&row.1.to_string(), id);
            for tag in &row.2 {
                ledger.of_hashtag(&tag.to_string(), id);
            }
            let names = row.2.iter().map(u8::to_string);
            for series in std::iter::once(String::new()).chain(names) {
                for width in WIDTHS {
                    ledger.counter(&series, width, counter_of(width, id.millis()), 1);
                }
            }
        }
        for &(kind, name, second, count) in changes {
            let stray = MessageId::from_parts(i64::from(second) * 1_000, 1 << 70);
            let bucket = counter_of(60, stray.millis());
            match kind % 3 {
                0 => ledger.of_user(&name.to_string(), stray),
                1 => ledger.of_hashtag(&name.to_string(), stray),
                _ => ledger.counter(&name.to_string(), 60, bucket, count.into()),
            }
        }
    }

    fn found(rows: &[Row], changes: &[(u8, u8, u16, i8)]) -> Vec<Difference> {
        let mut prints = Prints::new(&WIDTHS, None);
        enter(&mut prints, rows, changes);
        let mut exact = Exact::new(prints.suspects(), &WIDTHS, None);
        enter(&mut exact, rows, changes);
        let (found, has_more) = exact.differences();
        assert!(!has_more);
        found
    }

    proptest! {
        #[test]
        fn what_is_derived_rightly_does_not_differ(
            rows in proptest::collection::vec((any::<u16>(), 0u8..4, proptest::collection::hash_set(0u8..6, 0..4).prop_map(|s| s.into_iter().collect::<Vec<u8>>())), 0..60),
        ) {
            prop_assert_eq!(found(&rows, &[]), []);
        }

        #[test]
        fn one_change_is_found_and_nothing_else(
            rows in proptest::collection::vec((any::<u16>(), 0u8..4, Just(vec![1, 2])), 0..40),
            kind in 0u8..3, name in 0u8..6, second in any::<u16>(), count in prop_oneof![-5i8..0, 1i8..5],
        ) {
            let found = found(&rows, &[(kind, name, second, count)]);
            let stray = MessageId::from_parts(i64::from(second) * 1_000, 1 << 70);
            prop_assert_eq!(found.len(), 1);
            let name = name.to_string();
            match &found[0] {
                Difference::Stray(list, id) => {
                    let wanted = match kind { 0 => ListName::User(name), _ => ListName::Hashtag(name) };
                    prop_assert!(kind < 2 && *list == wanted && *id == stray);
                }
                Difference::Miscounted { counter, counted, messages } => {
                    prop_assert_eq!(&counter.series, &name);
                    prop_assert_eq!(counter.bucket, counter_of(60, stray.millis()));
                    prop_assert_eq!(counted - messages, i64::from(count));
                }
                other => prop_assert!(false, "{other}"),
            }
        }
    }

    #[test]
    fn counters_from_before_messages_were_evicted_are_left_out() {
        let mut prints = Prints::new(&WIDTHS, Some(7_200));
        prints.counter("", 60, 7_140, 5);
        prints.counter("", 3_600, 3_600, 5);
        assert_eq!(prints.suspects(), (BTreeSet::new(), BTreeSet::new()));
        let mut prints = Prints::new(&WIDTHS, Some(7_200));
        prints.counter("", 60, 7_200, 5);
        let series = BTreeSet::from([String::new()]);
        assert_eq!(prints.suspects(), (BTreeSet::new(), series));
    }
}
