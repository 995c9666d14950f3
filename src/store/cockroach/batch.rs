//! Turns records into the parameters of the one statement that stores them,
//! and sends it.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use crate::domain::{Hashtag, Level, Message, MessageId, MessageText, Record, UserName};

use super::connect::{Conn, locked};
use super::retry::Failure;
use super::sql;

/// Stores what is not stored yet. Sent again, it adds nothing.
pub(super) async fn write(
    conn: &Conn,
    records: &[&Record],
    users: &KnownUsers,
    slot: i64,
) -> Result<(), Failure> {
    let ids: Vec<String> = records.iter().map(|r| r.message.id.to_string()).collect();
    let columns = Columns::of(records, &ids, users);
    let levels: Vec<i64> = Level::ALL.iter().map(|level| level.seconds()).collect();
    // A column, not a constant: an upsert looks its rows up by columns only.
    let slots = vec![slot; levels.len()];
    let tags: Vec<&str> = columns.tags.iter().map(String::as_str).collect();
    conn.execute(
        &sql::WRITE_BATCH,
        &[
            &columns.new_users,
            &columns.key_users,
            &columns.keys,
            &columns.key_ids,
            &ids,
            &columns.users,
            &columns.texts,
            &tags,
            &columns.message_keys,
            &columns.counted_ids,
            &columns.counted_tags,
            &columns.series,
            &columns.minutes,
            &levels,
            &slots,
        ],
    )
    .await?;
    users.add(records);
    Ok(())
}

#[derive(Default)]
struct Columns<'a> {
    new_users: Vec<&'a str>,
    key_users: Vec<&'a str>,
    keys: Vec<&'a str>,
    key_ids: Vec<&'a str>,
    users: Vec<&'a str>,
    texts: Vec<&'a str>,
    tags: Vec<String>,
    message_keys: Vec<&'a str>,
    counted_ids: Vec<&'a str>,
    counted_tags: Vec<&'a str>,
    series: Vec<&'a str>,
    minutes: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn of(records: &[&'a Record], ids: &'a [String], known: &KnownUsers) -> Columns<'a> {
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
            columns.count(id, message);
        }
        columns
    }

    /// A message counts in the series of all through its first hashtag row,
    /// or through the row under '' when it has no hashtag.
    fn count(&mut self, id: &'a str, message: &'a Message) {
        let minute = Level::Minute.bucket_of(message.id.millis());
        let mut add = |tag: &'a str, series: &'a str| {
            self.counted_ids.push(id);
            self.counted_tags.push(tag);
            self.series.push(series);
            self.minutes.push(minute);
        };
        add(message.hashtags.first().map_or("", Hashtag::as_str), "");
        for tag in &message.hashtags {
            add(tag.as_str(), tag.as_str());
        }
    }
}

/// Users that this process has stored a message of, so that not every batch
/// looks all of them up. Forgets everything when full.
#[derive(Default)]
pub(super) struct KnownUsers(Mutex<HashSet<UserName>>);

const MAX_KNOWN_USERS: usize = 20_000;

impl KnownUsers {
    fn unknown_of<'a>(&self, records: &[&'a Record]) -> Vec<&'a str> {
        let known = locked(&self.0);
        let unknown = records
            .iter()
            .filter(|record| !known.contains(&record.message.user));
        let mut names: Vec<&str> = unknown.map(|r| r.message.user.as_str()).collect();
        // In one order everywhere: two writers never wait for each other.
        names.sort_unstable();
        names.dedup();
        names
    }

    fn add(&self, records: &[&Record]) {
        let mut known = locked(&self.0);
        for record in records {
            if !known.contains(&record.message.user) {
                if known.len() >= MAX_KNOWN_USERS {
                    known.clear();
                }
                known.insert(record.message.user.clone());
            }
        }
    }
}

/// For records whose key was used before: the first message, by the id that
/// the later one would have had.
pub(super) async fn first_under_keys(
    conn: &Conn,
    records: &[&Record],
) -> Result<HashMap<MessageId, Message>, Failure> {
    let keyed = records
        .iter()
        .filter_map(|r| r.idempotency_key.as_ref().map(|key| (r, key.as_str())));
    let (mut users, mut keys, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for (record, key) in keyed {
        users.push(record.message.user.as_str());
        keys.push(key);
        ids.push(record.message.id.to_string());
    }
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = conn
        .query(&sql::FIRST_UNDER_KEYS, &[&users, &keys, &ids])
        .await?;
    rows.iter()
        .map(|row| {
            let sent = message_id(row.try_get(0)?)?;
            let first: String = row.try_get(1)?;
            if row.try_get::<_, Option<&str>>(2)?.is_none() {
                let text = format!("an idempotency key names message {first}, which is missing");
                return Err(Failure::corrupt(text));
            }
            Ok((sent, message(row, 2)?))
        })
        .collect()
}

/// The message in four columns of a row: id, user, text, hashtags.
pub(super) fn message(row: &tokio_postgres::Row, at: usize) -> Result<Message, Failure> {
    let hashtags: Vec<&str> = row.try_get(at + 3)?;
    Ok(Message {
        id: message_id(row.try_get(at)?)?,
        user: UserName::from_stored(row.try_get(at + 1)?),
        text: MessageText::from_stored(row.try_get(at + 2)?),
        // Splitting an empty text may give one empty part.
        hashtags: hashtags
            .into_iter()
            .filter(|tag| !tag.is_empty())
            .map(Hashtag::from_stored)
            .collect(),
    })
}

/// The record in five columns of a row: a message and its key.
pub(super) fn record(row: &tokio_postgres::Row) -> Result<Record, Failure> {
    let key: &str = row.try_get(4)?;
    let idempotency_key = match key {
        "" => None,
        key => Some(key.parse().map_err(|_| {
            Failure::corrupt("a message's idempotency key is not one that dunder takes")
        })?),
    };
    Ok(Record {
        message: message(row, 0)?,
        idempotency_key,
    })
}

/// An id as it is stored.
pub(super) fn message_id(text: &str) -> Result<MessageId, Failure> {
    text.parse()
        .map_err(|error| Failure::corrupt(format!("a stored id is wrong: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Draft;

    #[test]
    fn a_message_counts_once_among_all_and_once_under_each_hashtag() {
        let record = |tags: &[&str]| {
            let draft = Draft::new("ann".parse().unwrap(), "text".to_owned(), tags).unwrap();
            Record {
                message: draft.into_message(MessageId::from_parts(61_000, 1)),
                idempotency_key: None,
            }
        };
        let (two, none) = (record(&["a", "b"]), record(&[]));
        let ids = ["ID2".to_owned(), "ID0".to_owned()];
        let columns = Columns::of(&[&two, &none], &ids, &KnownUsers::default());
        let rows: Vec<_> = (0..columns.series.len())
            .map(|n| {
                (
                    columns.counted_ids[n],
                    columns.counted_tags[n],
                    columns.series[n],
                )
            })
            .collect();
        let expected = [
            ("ID2", "a", ""),
            ("ID2", "a", "a"),
            ("ID2", "b", "b"),
            ("ID0", "", ""),
        ];
        assert_eq!(rows, expected);
        assert_eq!(columns.minutes, [60; 4]);
        assert_eq!(columns.tags, ["a b", ""]);
        assert_eq!(columns.new_users, ["ann"]);
    }
}
