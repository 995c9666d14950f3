//! A store as simple as it can be: a sorted vector. What it answers is right
//! by looking at it, so real stores are held against it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use dunder::domain::{
    FeedFilter, FeedLimit, Hashtag, HashtagCount, HashtagsFilter, Message, Record, Series, Store,
    TrendFilter,
};

use super::{draft, keyed, record};

/// Messages in the order of their ids.
pub struct Model(pub Vec<Record>);

/// Numbers that look random and are the same in every run.
pub struct Random(pub u64);

impl Random {
    /// The next one, below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Start of the model's ten days, in Unix milliseconds: a Monday in 2018.
pub const START: i64 = 1_514_764_800_000;
const SPAN: u64 = 10 * 86_400_000;
/// From everywhere to rare.
pub const TAGS: [&str; 5] = ["sql", "storage", "ui", "日本", "rare"];
/// Of different business.
pub const USERS: [&str; 4] = ["ann", "bob@example.com", "Żółw", "quiet"];

impl Model {
    /// Some hundred messages: several in one millisecond, hours without any,
    /// hashtags from common to rare.
    pub fn random(seed: u64, messages: usize) -> Model {
        let mut random = Random(seed);
        let mut records = Vec::new();
        let mut millis = START;
        for n in 0..messages {
            if !random.once_in(5) {
                // Bursts within a minute, and gaps.
                let gap = if random.once_in(10) {
                    SPAN / 20
                } else {
                    60_000
                };
                millis += random.below(gap) as i64;
            }
            let mut tags: Vec<&str> = Vec::new();
            for (rank, tag) in TAGS.iter().enumerate() {
                if random.once_in(1 << (rank + 1)) {
                    tags.insert(random.below(tags.len() as u64 + 1) as usize, tag);
                }
            }
            let user = USERS[random.below(16).min(3) as usize];
            let text = format!("message {n}");
            let draft = match random.once_in(4) {
                true => keyed(user, &text, &tags, &format!("key-{n}")),
                false => draft(user, &text, &tags),
            };
            records.push(record(draft, millis));
        }
        records.sort_unstable_by_key(|record| record.message.id);
        Model(records)
    }

    /// Puts everything into a store, in several calls, not in order.
    pub async fn fill(&self, store: &dyn Store) {
        let mut records = self.0.clone();
        records.reverse();
        for chunk in records.chunks(97) {
            let imported = store.import(chunk.to_vec()).await.unwrap();
            assert!(
                imported
                    .iter()
                    .all(|one| *one == dunder::domain::Imported::Stored)
            );
        }
    }

    /// All that a filter finds, its limit aside, newest first.
    pub fn feed(&self, filter: &FeedFilter) -> Vec<Message> {
        let newest_first = self.0.iter().rev().map(|record| &record.message);
        newest_first
            .filter(|message| is_found(message, filter))
            .cloned()
            .collect()
    }

    /// The counts of a trend.
    pub fn trend(&self, filter: &TrendFilter) -> Vec<Series> {
        let series = |tag: Option<&Hashtag>| {
            let mut counts = BTreeMap::new();
            let buckets = &filter.buckets;
            for message in self.in_range((buckets.from(), buckets.to())) {
                if tag.is_none_or(|tag| message.hashtags.contains(tag)) {
                    let (start, _) = buckets.around(message.created_at().timestamp());
                    *counts.entry(start).or_default() += 1;
                }
            }
            counts.into_iter().collect()
        };
        match filter.hashtags.as_slice() {
            [] => vec![series(None)],
            tags => tags.iter().map(|tag| series(Some(tag))).collect(),
        }
    }

    /// The busiest hashtags.
    pub fn hashtags(&self, filter: &HashtagsFilter) -> Vec<HashtagCount> {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for message in self.in_range((filter.range.from(), filter.range.to())) {
            for tag in &message.hashtags {
                *counts.entry(tag.as_str()).or_default() += 1;
            }
        }
        let named = counts
            .into_iter()
            .filter(|(name, _)| name.starts_with(&filter.prefix));
        let mut busiest: Vec<_> = named
            .map(|(name, count)| HashtagCount {
                hashtag: name.parse().unwrap(),
                count,
            })
            .collect();
        // Stable: those of one count stay in the order of names.
        busiest.sort_by_key(|tag| std::cmp::Reverse(tag.count));
        busiest.truncate(filter.limit);
        busiest
    }

    fn in_range(&self, (from, to): (i64, i64)) -> impl Iterator<Item = &Message> {
        let messages = self.0.iter().map(|record| &record.message);
        messages.filter(move |message| (from..to).contains(&message.created_at().timestamp()))
    }

    /// A moment within the model's days, or shortly before or after; often
    /// exactly that of a message.
    pub fn moment(&self, random: &mut Random) -> DateTime<Utc> {
        if random.once_in(2) {
            let index = random.below(self.0.len() as u64) as usize;
            return self.0[index].message.created_at();
        }
        let millis = START - 86_400_000 + random.below(SPAN + 2 * 86_400_000) as i64;
        DateTime::from_timestamp_millis(millis).unwrap()
    }

    /// Any combination of conditions.
    pub fn filter(&self, random: &mut Random) -> FeedFilter {
        let mut filter = FeedFilter {
            limit: FeedLimit::new([1, 2, 7, 50, 1000][random.below(5) as usize]).unwrap(),
            ..FeedFilter::default()
        };
        if random.once_in(2) {
            let (a, b) = (self.moment(random), self.moment(random));
            filter.from = Some(a.min(b)).filter(|_| !random.once_in(3));
            filter.to = Some(a.max(b)).filter(|_| !random.once_in(3));
        }
        if random.once_in(3) {
            let index = random.below(self.0.len() as u64) as usize;
            filter.cursor = Some(self.0[index].message.id);
        }
        if random.once_in(3) {
            let users = (0..=random.below(2)).map(|_| USERS[random.below(4) as usize]);
            filter.users = users.map(|user| user.parse().unwrap()).collect();
        }
        for _ in 0..random.below(4) {
            let tag: Hashtag = TAGS[random.below(5) as usize].parse().unwrap();
            if !filter.hashtags.contains(&tag) {
                filter.hashtags.push(tag);
            }
        }
        filter.any = filter.hashtags.len() > 1 && random.once_in(2);
        for _ in 0..random.below(4).saturating_sub(1) {
            let tag: Hashtag = TAGS[random.below(5) as usize].parse().unwrap();
            if filter.any || !filter.hashtags.contains(&tag) {
                filter.without.push(tag);
            }
        }
        filter
    }
}

fn is_found(message: &Message, filter: &FeedFilter) -> bool {
    let at = message.created_at();
    filter.from.is_none_or(|from| from <= at)
        && filter.to.is_none_or(|to| at < to)
        && filter.cursor.is_none_or(|cursor| message.id < cursor)
        && (filter.users.is_empty() || filter.users.contains(&message.user))
        && match filter.any {
            true => filter
                .hashtags
                .iter()
                .any(|tag| message.hashtags.contains(tag)),
            false => filter
                .hashtags
                .iter()
                .all(|tag| message.hashtags.contains(tag)),
        }
        && !filter
            .without
            .iter()
            .any(|tag| message.hashtags.contains(tag))
}
