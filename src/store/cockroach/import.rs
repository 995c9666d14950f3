//! Storing records that already have ids, from an export or another store:
//! look, decide, write, all in one transaction.

use std::collections::{HashMap, HashSet};

use crate::domain::{Boundary, Imported, MessageId, Record};

use super::batch::{self, KnownUsers, Place};
use super::conn::{Conn, column};
use super::migrate::unix_millis;
use super::retention;
use super::retry::Failure;
use super::sql;
use super::tombstones;

/// What is stored under the ids and keys of some records.
#[derive(Default)]
struct Stored {
    records: HashMap<MessageId, Record>,
    deleted: HashSet<MessageId>,
    boundaries: Vec<Boundary>,
    keys: HashMap<(String, String), MessageId>,
}

/// One attempt. `first_plan` is kept between attempts: what the first look
/// meant to store and a later one finds stored was stored by an attempt whose
/// answer was lost.
pub(super) async fn attempt(
    conn: &Conn,
    records: &[Record],
    users: &KnownUsers,
    slot: i64,
    first_plan: &mut Option<Vec<Imported>>,
) -> Result<Vec<Imported>, Failure> {
    conn.batch(sql::BEGIN).await?;
    let plan = plan(records, look(conn, records).await?);
    let wanted: Vec<&Record> = records
        .iter()
        .zip(&plan)
        .filter(|(_, fate)| **fate == Imported::Stored)
        .map(|(record, _)| record)
        .collect();
    let first = first_plan.get_or_insert_with(|| plan.clone()).clone();
    if !wanted.is_empty() {
        batch::write(conn, &wanted, users, Place::Counted(slot)).await?;
        note(conn, wanted.iter().map(|record| record.message.id)).await?;
    }
    conn.batch(sql::COMMIT).await?;
    users.add(&wanted);
    let fates = first.into_iter().zip(plan);
    Ok(fates
        .map(|(first, now)| match (first, now) {
            (Imported::Stored, Imported::AlreadyThere) => Imported::Stored,
            (_, now) => now,
        })
        .collect())
}

/// Keeps apart, of ids and positions that are imported, what somebody who
/// follows could take for posted.
pub(super) async fn note(
    conn: &Conn,
    imported: impl Iterator<Item = MessageId>,
) -> Result<(), Failure> {
    let from = MessageId::first_near(unix_millis());
    let near = imported.filter(|id| *id >= from);
    let near: Vec<String> = near.map(|id| id.to_string()).collect();
    if !near.is_empty() {
        let from = from.to_string();
        conn.execute(&sql::FORGET_IMPORTED, &[&from]).await?;
        conn.execute(&sql::NOTE_IMPORTED, &[&near]).await?;
    }
    Ok(())
}

async fn look(conn: &Conn, records: &[Record]) -> Result<Stored, Failure> {
    let mut stored = Stored::default();
    let ids: Vec<String> = records.iter().map(|r| r.message.id.to_string()).collect();
    for row in conn.query(&sql::MESSAGES_BY_ID, &[&ids]).await? {
        let record = batch::record(&row)?;
        stored.records.insert(record.message.id, record);
    }
    stored.deleted = tombstones::by_id(conn, &ids).await?.into_keys().collect();
    stored.boundaries = retention::boundaries_within(conn).await?;
    let (mut users, mut keys) = (Vec::new(), Vec::new());
    for record in records {
        if let Some(key) = &record.idempotency_key {
            users.push(record.message.user.as_str());
            keys.push(key.as_str());
        }
    }
    if !keys.is_empty() {
        for row in conn.query(&sql::KEYS_IN_USE, &[&users, &keys]).await? {
            let owner = (column(&row, 0)?, column(&row, 1)?);
            stored
                .keys
                .insert(owner, batch::message_id(column(&row, 2)?)?);
        }
    }
    Ok(stored)
}

/// What becomes of each record, those before it in the list included. The key
/// decides before the id does.
fn plan(records: &[Record], mut stored: Stored) -> Vec<Imported> {
    let fate = |record: &Record| {
        let id = record.message.id;
        if stored.deleted.contains(&id) {
            return Imported::Deleted;
        }
        let hashtags = &record.message.hashtags;
        let mut boundaries = stored.boundaries.iter();
        if boundaries.any(|boundary| boundary.has_passed(id, hashtags))
            && !stored.records.contains_key(&id)
        {
            return Imported::Evicted;
        }
        let key = record.idempotency_key.as_ref();
        let owner = key.map(|key| (record.message.user.to_string(), key.to_string()));
        if let Some(owner) = &owner
            && let Some(&first) = stored.keys.get(owner)
            && first != id
        {
            return Imported::KeyTaken { first };
        }
        if let Some(there) = stored.records.get(&id) {
            // The same message under a key it did not have is another record.
            let same_key = key.is_none() || key == there.idempotency_key.as_ref();
            return match same_key && there.message.same_content(&record.message) {
                true => Imported::AlreadyThere,
                false => Imported::IdTaken,
            };
        }
        if let Some(owner) = owner {
            stored.keys.insert(owner, id);
        }
        stored.records.insert(id, record.clone());
        Imported::Stored
    };
    records.iter().map(fate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Draft;

    fn record(id: u128, text: &str, key: &str) -> Record {
        let draft = Draft::new::<&str>("ann".parse().unwrap(), text.to_owned(), &[]).unwrap();
        Record {
            message: draft.into_message(MessageId::from_parts(1, id)),
            idempotency_key: key.parse().ok(),
        }
    }

    #[test]
    fn a_record_is_judged_by_those_before_it_in_the_same_import() {
        let records = [
            record(1, "a", "k"),
            record(1, "a", "k"),
            record(1, "b", ""),
            record(2, "c", "k"),
            record(3, "a", ""),
            record(3, "a", "l"),
            record(1, "a", ""),
        ];
        let first = records[0].message.id;
        assert_eq!(
            plan(&records, Stored::default()),
            [
                Imported::Stored,
                Imported::AlreadyThere,
                Imported::IdTaken,
                Imported::KeyTaken { first },
                Imported::Stored,
                Imported::IdTaken,
                Imported::AlreadyThere,
            ]
        );
    }
}
