//! The busiest hashtags of a period.

use crate::api::HashtagCount;
use crate::api::json::write_text;
use crate::output::Clock;
use crate::output::format::Listing;
use crate::output::records::HASHTAGS;
use crate::output::row::{Record, Value};
use chrono::{DateTime, Utc};

/// A hashtag, how often it was used, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRow {
    /// Without `#`.
    pub hashtag: String,
    /// Messages in the period.
    pub count: u64,
    /// Messages in parts of the period, oldest first; may be empty.
    pub counts: Vec<u64>,
}

/// The time in which hashtags were counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Inclusive.
    pub from: DateTime<Utc>,
    /// Exclusive.
    pub to: DateTime<Utc>,
    /// The reader's.
    pub clock: Clock,
}

impl Period {
    /// `2019-01-20 to 2019-02-20 (UTC)`.
    fn in_words(&self) -> String {
        format!(
            "{} to {} ({})",
            self.clock.in_words(self.from),
            self.clock.in_words(self.to),
            self.clock.zone.offset_name_between(self.from, self.to)
        )
    }
}

impl From<HashtagCount> for TagRow {
    fn from(found: HashtagCount) -> TagRow {
        TagRow {
            hashtag: found.hashtag,
            count: found.count,
            counts: Vec::new(),
        }
    }
}

impl Record for TagRow {
    fn values(&self) -> Vec<Value<'_>> {
        vec![
            Value::Hashtag(self.hashtag.as_str().into()),
            Value::Count(self.count),
            Value::Sparks(&self.counts),
        ]
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"hashtag\":");
        write_text(out, &self.hashtag);
        out.extend_from_slice(format!(",\"count\":{}}}", self.count).as_bytes());
    }
}

/// The listing of so many hashtags, those with a start where one was given.
pub fn listing(count: usize, prefix: Option<&str>, period: &Period) -> Listing {
    let period = period.in_words();
    let what = match count {
        1 => "the busiest hashtag".to_owned(),
        many => format!("the {many} busiest hashtags"),
    };
    Listing {
        kind: &HASHTAGS,
        title: Some(format!("{what}, {period}")),
        none: match prefix {
            Some(prefix) => format!("no hashtags that start with #{prefix} from {period}"),
            None => format!("no hashtags from {period}"),
        },
        range: None,
    }
}
