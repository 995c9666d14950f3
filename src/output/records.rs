//! What can be listed, and its columns.

use crate::api::json::{BucketWriter, MessageParts, write_message, write_text};
use crate::api::{Message, TrendBucket, User};
use crate::output::chart::TrendRange;
use crate::output::format::Listing;
use crate::output::row::{Column, Kind, Record, Role, Value};

/// Messages.
pub static MESSAGES: Kind = Kind {
    plural: "messages",
    columns: &[
        Column::new("created_at", "time", "TIME", Role::Fixed),
        Column::new("id", "id", "ID", Role::Fixed),
        Column::new("user_name", "user", "USER", Role::Side),
        Column::new("hashtags", "hashtags", "HASHTAGS", Role::Side),
        Column::new("text", "text", "TEXT", Role::Main),
    ],
    table: &["id", "time", "user", "hashtags", "text"],
    beside: "WHEN, WHO",
};

impl Record for Message {
    fn values(&self) -> Vec<Value<'_>> {
        vec![
            Value::Moment(self.created_at),
            Value::Id(self.id.as_str().into()),
            Value::Name(self.user.name.as_ref().into()),
            Value::Hashtags(self.hashtags.iter().map(AsRef::as_ref).collect()),
            Value::Text(self.text.as_ref().into()),
        ]
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        write_message(
            out,
            MessageParts {
                id: &self.id,
                user: &self.user.name,
                text: &self.text,
                hashtags: self.hashtags.iter().map(AsRef::as_ref),
                created_at: self.created_at,
            },
        );
    }
}

/// Buckets of a trend of everything.
pub static BUCKETS: Kind = Kind {
    plural: "trends",
    columns: &[FROM, TO, COUNT],
    table: &["from", "to", "count"],
    beside: "",
};

/// Buckets of one series a hashtag.
pub static BUCKETS_BY_HASHTAG: Kind = Kind {
    plural: "trends",
    columns: &[
        FROM,
        TO,
        COUNT,
        Column::new("hashtag", "hashtag", "HASHTAG", Role::Side),
    ],
    table: &["from", "to", "count", "hashtag"],
    beside: "",
};

/// The listing of a trend, one series a hashtag where there are any.
pub fn buckets_of(range: TrendRange) -> Listing {
    let kind = match range.hashtags.is_empty() {
        true => &BUCKETS,
        false => &BUCKETS_BY_HASHTAG,
    };
    Listing {
        none: "no messages".to_owned(),
        range: Some(range),
        ..Listing::of(kind)
    }
}

const FROM: Column = Column::new("from_date", "from", "FROM", Role::Fixed);
const TO: Column = Column::new("to_date", "to", "TO", Role::Fixed);
const COUNT: Column = Column::new("count", "count", "MESSAGES", Role::Fixed);

impl Record for TrendBucket {
    fn values(&self) -> Vec<Value<'_>> {
        vec![
            Value::Second(self.from_date),
            Value::Second(self.to_date),
            Value::Count(self.count),
            match &self.hashtag {
                Some(tag) => Value::Hashtag(tag.as_ref().into()),
                None => Value::Empty,
            },
        ]
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        let edges = (self.from_date.timestamp(), self.to_date.timestamp());
        let tail = BucketWriter::tail(self.hashtag.as_deref());
        BucketWriter::default().write(out, edges, self.count, &tail);
    }
}

/// Hashtags and how often they were used.
pub static HASHTAGS: Kind = Kind {
    plural: "hashtags",
    columns: &[
        Column::new("hashtag", "hashtag", "HASHTAG", Role::Side),
        COUNT,
        Column::new("sparks", "sparks", "WHEN", Role::Picture),
    ],
    table: &["hashtag", "count", "sparks"],
    beside: "",
};

/// Users.
pub static USERS: Kind = Kind {
    plural: "users",
    columns: &[Column::new("name", "name", "USER", Role::Main)],
    table: &["name"],
    beside: "",
};

impl Record for User {
    fn values(&self) -> Vec<Value<'_>> {
        vec![Value::Name(self.name.as_ref().into())]
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"name\":");
        write_text(out, &self.name);
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::api::HashtagCount;
    use crate::output::queue::QUEUE;
    use crate::output::tags::TagRow;
    use crate::output::tests::message;

    fn json(record: &(impl Record + Serialize)) -> (String, String) {
        let mut out = Vec::new();
        record.write_json(&mut out);
        let serdes = serde_json::to_string(record).unwrap();
        (String::from_utf8(out).unwrap(), serdes)
    }

    #[test]
    fn records_are_written_as_serde_writes_them() {
        let (ours, serdes) = json(&message("a\"nn", "x\ny\u{1b}", &["a", "b"]));
        assert_eq!(ours, serdes);
        for hashtag in [None, Some("é".into())] {
            let (ours, serdes) = json(&TrendBucket {
                from_date: "2019-01-31T23:00:00Z".parse().unwrap(),
                to_date: "2019-02-01T00:00:00Z".parse().unwrap(),
                count: 7,
                hashtag,
            });
            assert_eq!(ours, serdes);
        }
        let mut ours = Vec::new();
        TagRow {
            hashtag: "é".to_owned(),
            count: u64::MAX,
            counts: vec![1],
        }
        .write_json(&mut ours);
        let serdes = serde_json::to_vec(&HashtagCount {
            hashtag: "é".to_owned(),
            count: u64::MAX,
        });
        assert_eq!(ours, serdes.unwrap());
        let (ours, serdes) = json(&User {
            name: "é\"".into()
        });
        assert_eq!(ours, serdes);
    }

    #[test]
    fn tables_name_their_columns_and_what_takes_the_room_is_the_last() {
        for kind in [
            &MESSAGES,
            &BUCKETS,
            &BUCKETS_BY_HASHTAG,
            &HASHTAGS,
            &USERS,
            &QUEUE,
        ] {
            let drawn = kind.drawn();
            assert_eq!(drawn.len(), kind.table.len(), "{}", kind.plural);
            let (_, before) = drawn.split_last().unwrap();
            let takes = |&&at: &&usize| matches!(kind.columns[at].role, Role::Main | Role::Picture);
            assert_eq!(before.iter().find(takes), None, "{}", kind.plural);
        }
    }
}
