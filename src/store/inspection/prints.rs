//! The first walk: for each name how many entries there are, and a sum of
//! their hashes, on the side of messages and on the side of what is derived.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use super::{Ledger, ListName};
use crate::domain::MessageId;
use crate::store::rollup::counter_of;

/// How many, and the sum of their hashes: equal for equal sets, and for others
/// but by a chance of one in 2⁶⁴.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Print {
    count: i64,
    sum: u64,
}

/// What messages say, and what was derived from them.
#[derive(Debug, Clone, Copy, Default)]
struct Sides {
    messages: Print,
    derived: Print,
}

/// Fingerprints of every list and every series.
pub(crate) struct Prints {
    hasher: RandomState,
    widths: Vec<i64>,
    /// Counters of buckets that begin earlier, in Unix seconds, say nothing
    /// about messages.
    counted_from: i64,
    users: HashMap<String, Sides>,
    hashtags: HashMap<String, Sides>,
    series: HashMap<String, Vec<Sides>>,
    /// Entries passed: messages, places, counters.
    pub(crate) passed: (u64, u64, u64),
}

impl Prints {
    /// For a store with counters of these widths.
    pub(crate) fn new(widths: &[i64], counted_from: Option<i64>) -> Prints {
        Prints {
            hasher: RandomState::new(),
            widths: widths.to_vec(),
            counted_from: counted_from.unwrap_or(i64::MIN),
            users: HashMap::new(),
            hashtags: HashMap::new(),
            series: HashMap::new(),
            passed: (0, 0, 0),
        }
    }

    /// Lists and series whose sides differ.
    pub(crate) fn suspects(self) -> (BTreeSet<ListName>, BTreeSet<String>) {
        let differs = |sides: &Sides| sides.messages != sides.derived;
        let users = self.users.into_iter().filter(|(_, sides)| differs(sides));
        let users = users.map(|(name, _)| ListName::User(name));
        let tags = self.hashtags.into_iter().filter(|(_, s)| differs(s));
        let tags = tags.map(|(name, _)| ListName::Hashtag(name));
        let series = self.series.into_iter();
        let series = series.filter(|(_, levels)| levels.iter().any(differs));
        let series = series.map(|(name, _)| name).collect();
        (users.chain(tags).collect(), series)
    }

    fn count(&mut self, series: &str, id: MessageId) {
        for at in 0..self.widths.len() {
            let bucket = counter_of(self.widths[at], id.millis());
            if bucket >= self.counted_from {
                let hash = self.hasher.hash_one(bucket);
                self.level(series, at).messages.add(hash, 1);
            }
        }
    }

    fn user(&mut self, name: &str) -> &mut Sides {
        self.users.entry(name.to_owned()).or_default()
    }

    fn hashtag(&mut self, name: &str) -> &mut Sides {
        self.hashtags.entry(name.to_owned()).or_default()
    }

    fn level(&mut self, series: &str, at: usize) -> &mut Sides {
        let levels = self.series.entry(series.to_owned()).or_default();
        levels.resize(self.widths.len(), Sides::default());
        &mut levels[at]
    }
}

impl Print {
    fn add(&mut self, hash: u64, count: i64) {
        self.count += count;
        // Of a count below zero as well: what is taken away is subtracted.
        let times = count.cast_unsigned();
        self.sum = self.sum.wrapping_add(hash.wrapping_mul(times));
    }
}

impl Ledger for Prints {
    fn message(&mut self, id: MessageId, user: &str, hashtags: &mut dyn Iterator<Item = &str>) {
        self.passed.0 += 1;
        let hash = self.hasher.hash_one(id);
        self.user(user).messages.add(hash, 1);
        self.count("", id);
        for hashtag in hashtags {
            self.hashtag(hashtag).messages.add(hash, 1);
            self.count(hashtag, id);
        }
    }

    fn of_user(&mut self, user: &str, id: MessageId) {
        self.passed.1 += 1;
        let hash = self.hasher.hash_one(id);
        self.user(user).derived.add(hash, 1);
    }

    fn of_hashtag(&mut self, hashtag: &str, id: MessageId) {
        self.passed.1 += 1;
        let hash = self.hasher.hash_one(id);
        self.hashtag(hashtag).derived.add(hash, 1);
    }

    fn counter(&mut self, series: &str, width: i64, bucket: i64, count: i64) {
        self.passed.2 += 1;
        if bucket < self.counted_from {
            return;
        }
        let Some(at) = self.widths.iter().position(|other| *other == width) else {
            return;
        };
        let hash = self.hasher.hash_one(bucket);
        self.level(series, at).derived.add(hash, count);
    }
}
