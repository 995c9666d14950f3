//! Deleting: look, decide, delete, all in one transaction, which leaves a
//! tombstone for each message.
//!
//! What a message counted is taken away in a slot that no writer has: a
//! transaction that changed the counters of posts would lose against all of
//! them. The positions of deletions are ids of the writer's, and pass the fence
//! of its slot as those of a batch do.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::batch::{self, message_id};
use super::columns::no_hashtag;
use super::conn::{Conn, Params, column};
use super::import::note;
use super::manifest;
use super::places::{self, Pairs};
use super::retry::{Failure, Kind};
use super::slot::{Held, until};
use super::task::Task;
use super::tombstones;
use super::{CockroachStore, sql};
use crate::domain::{
    Deleter, Deletion, Hashtag, Imported, MessageId, Position, Record, Removal, StoreError,
    Tombstone,
};
use crate::store::batch::{Ids, writer_gone};
use crate::store::rollup::{WIDTHS, counter_of};

/// The slot of counters in which deletions count, below zero.
const SLOT: i64 = -2;

#[async_trait]
impl Removal for CockroachStore {
    async fn delete(
        &self,
        ids: Vec<MessageId>,
        deleter: Deleter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Deletion>, StoreError> {
        self.connector.refuse_writes()?;
        let (reply, answer) = oneshot::channel();
        let task = Task::Delete(ids, Vec::new(), deleter, now, reply);
        self.queue.hand(task).await?;
        answer.await.map_err(|_| writer_gone())?
    }

    async fn tombstone(&self, id: MessageId) -> Result<Option<Tombstone>, StoreError> {
        tombstones::find(&self.readers, id).await
    }

    async fn tombstones(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        let after = after.map(|position| position.0);
        tombstones::between(&self.readers, after, MessageId::MAX, limit).await
    }

    async fn import_tombstones(
        &self,
        tombstones: Vec<Tombstone>,
    ) -> Result<Vec<Imported>, StoreError> {
        self.connector.refuse_writes()?;
        let (reply, answer) = oneshot::channel();
        self.queue.hand(Task::Tombstones(tombstones, reply)).await?;
        answer.await.map_err(|_| writer_gone())?
    }
}

/// Whose positions are given out, and in which slot.
pub(super) struct Place<'a> {
    pub(super) held: &'a Held,
    pub(super) ids: &'a Ids,
    pub(super) lease: Duration,
    /// All that were given out to attempts at the same work.
    pub(super) given: &'a mut HashSet<MessageId>,
}

/// What is removed.
#[derive(Clone, Copy)]
pub(super) enum Removing<'a> {
    /// Messages, with what an archive has of them, for whom and when.
    Messages(&'a [MessageId], &'a [Record], &'a Deleter, DateTime<Utc>),
    /// What tombstones of another store name.
    Tombstones(&'a [Tombstone]),
}

impl Removing<'_> {
    /// One attempt.
    pub(super) async fn attempt(
        self,
        conn: &Conn,
        place: &mut Place<'_>,
    ) -> Result<Removed, Failure> {
        match self {
            Removing::Messages(ids, archived, deleter, now) => {
                let deleted = delete(conn, (ids, archived), deleter, now, place).await;
                deleted.map(Removed::Messages)
            }
            Removing::Tombstones(tombstones) => {
                let imported = import(conn, tombstones, place).await;
                imported.map(Removed::Tombstones)
            }
        }
    }
}

/// What became of it.
pub(super) enum Removed {
    Messages(Vec<Deletion>),
    Tombstones(Vec<Imported>),
}

impl Removed {
    /// Of messages.
    pub(super) fn deletions(self) -> Vec<Deletion> {
        match self {
            Removed::Messages(deletions) => deletions,
            Removed::Tombstones(_) => Vec::new(),
        }
    }

    /// Of tombstones.
    pub(super) fn imports(self) -> Vec<Imported> {
        match self {
            Removed::Tombstones(imports) => imports,
            Removed::Messages(_) => Vec::new(),
        }
    }
}

/// What goes in one transaction.
#[derive(Default)]
struct Work {
    /// With what they are to leave.
    messages: Vec<Record>,
    /// Of these, those that only an archive has.
    archived: HashSet<MessageId>,
    tombstones: Vec<Tombstone>,
    /// Positions that were given out for it, in order.
    positions: Vec<MessageId>,
}

/// One attempt to delete messages; `archived` is what an archive has of them,
/// for those that are not in the database.
async fn delete(
    conn: &Conn,
    (ids, archived): (&[MessageId], &[Record]),
    deleter: &Deleter,
    now: DateTime<Utc>,
    place: &mut Place<'_>,
) -> Result<Vec<Deletion>, Failure> {
    conn.batch(sql::BEGIN).await?;
    let (mut messages, gone) = look(conn, ids).await?;
    let mut work = Work::default();
    for record in archived {
        let id = record.message.id;
        if !messages.contains_key(&id) && !gone.contains_key(&id) {
            messages.insert(id, record.clone());
            work.archived.insert(id);
        }
    }
    let mut deleted: HashMap<MessageId, Tombstone> = HashMap::new();
    let mut fates = Vec::with_capacity(ids.len());
    for id in ids {
        fates.push(if let Some(tombstone) = deleted.get(id) {
            Deletion::AlreadyGone(tombstone.clone())
        } else if let Some(record) = messages.get(id) {
            match deleter.may_delete(&record.message.user) {
                false => Deletion::NotTheirs,
                true => {
                    let tombstone = work.bury(record, now, place);
                    deleted.insert(*id, tombstone.clone());
                    Deletion::Deleted(tombstone)
                }
            }
        } else {
            match gone.get(id) {
                None => Deletion::Unknown,
                Some(tombstone) if !deleter.may_delete(&tombstone.user) => Deletion::NotTheirs,
                // By an earlier attempt, of which no answer came.
                Some(tombstone) if place.given.contains(&tombstone.position.0) => {
                    Deletion::Deleted(tombstone.clone())
                }
                Some(tombstone) => Deletion::AlreadyGone(tombstone.clone()),
            }
        });
    }
    work.store(conn, place).await?;
    Ok(fates)
}

/// One attempt to take tombstones over.
async fn import(
    conn: &Conn,
    tombstones: &[Tombstone],
    place: &mut Place<'_>,
) -> Result<Vec<Imported>, Failure> {
    conn.batch(sql::BEGIN).await?;
    let ids: Vec<MessageId> = tombstones.iter().map(|tombstone| tombstone.id).collect();
    let (messages, gone) = look(conn, &ids).await?;
    let positions: Vec<String> = tombstones
        .iter()
        .map(|t| t.position.0.to_string())
        .collect();
    let rows = conn.query(&sql::TAKEN_POSITIONS, &[&positions]).await?;
    let taken = rows.iter().map(|row| message_id(column(row, 0)?));
    let mut taken: HashSet<MessageId> = taken.collect::<Result<_, _>>()?;
    let mut work = Work::default();
    let mut seen = HashSet::new();
    let mut fates = Vec::with_capacity(tombstones.len());
    let (mut users, mut keys, mut keyed) = (Vec::new(), Vec::new(), Vec::new());
    // Positions that others gave.
    let mut brought = Vec::new();
    for tombstone in tombstones {
        if gone.contains_key(&tombstone.id) || !seen.insert(tombstone.id) {
            fates.push(Imported::AlreadyThere);
            continue;
        }
        fates.push(Imported::Stored);
        match messages.get(&tombstone.id) {
            Some(record) => {
                work.bury(record, tombstone.deleted_at, place);
            }
            None => {
                let mut tombstone = tombstone.clone();
                match taken.insert(tombstone.position.0) {
                    true => brought.push(tombstone.position.0),
                    false => tombstone.position = work.next(place),
                }
                work.tombstones.push(tombstone);
            }
        }
        if let Some(key) = &tombstone.idempotency_key {
            users.push(tombstone.user.as_str());
            keys.push(key.as_str());
            keyed.push(tombstone.id.to_string());
        }
    }
    if !keys.is_empty() {
        conn.execute(&sql::KEEP_KEYS, &[&users, &keys, &keyed])
            .await?;
    }
    note(conn, brought.into_iter()).await?;
    work.store(conn, place).await?;
    Ok(fates)
}

/// What is stored under some ids, and what stays of those that were deleted.
async fn look(
    conn: &Conn,
    ids: &[MessageId],
) -> Result<(HashMap<MessageId, Record>, HashMap<MessageId, Tombstone>), Failure> {
    let ids: Vec<String> = ids.iter().map(MessageId::to_string).collect();
    let mut messages = HashMap::new();
    for row in conn.query(&sql::MESSAGES_BY_ID, &[&ids]).await? {
        let record = batch::record(&row)?;
        messages.insert(record.message.id, record);
    }
    Ok((messages, tombstones::by_id(conn, &ids).await?))
}

impl Work {
    fn next(&mut self, place: &mut Place<'_>) -> Position {
        let position = place.ids.next();
        place.given.insert(position);
        self.positions.push(position);
        Position(position)
    }

    fn bury(
        &mut self,
        record: &Record,
        deleted_at: DateTime<Utc>,
        place: &mut Place<'_>,
    ) -> Tombstone {
        let millis = DateTime::from_timestamp_millis(deleted_at.timestamp_millis());
        let tombstone = Tombstone {
            id: record.message.id,
            user: record.message.user.clone(),
            deleted_at: millis.unwrap_or(deleted_at),
            position: self.next(place),
            idempotency_key: record.idempotency_key.clone(),
        };
        self.messages.push(record.clone());
        self.tombstones.push(tombstone.clone());
        tombstone
    }

    /// Does it, and commits.
    async fn store(self, conn: &Conn, place: &Place<'_>) -> Result<(), Failure> {
        if !self.tombstones.is_empty() {
            self.write_tombstones(conn).await?;
            manifest::count_removals(conn, self.tombstones.iter().map(|t| t.id)).await?;
        }
        if !self.messages.is_empty() {
            self.remove_messages(conn).await?;
        }
        if let (Some(low), Some(high)) = (self.positions.first(), self.positions.last()) {
            // Nothing older may be stored there from now on.
            if !place.held.admits(*low) {
                let why = "the slot is closed for the positions of a deletion; others are needed";
                return Err(Failure::new(Kind::Again, why));
            }
            let (slot, owner) = (vec![place.held.number], vec![place.held.owner.as_str()]);
            let (low, high) = (vec![low.to_string()], vec![high.to_string()]);
            let until = vec![until(place.lease)];
            conn.execute(&sql::FENCE, &[&slot, &owner, &until, &low, &high])
                .await?;
        }
        conn.batch(sql::COMMIT).await?;
        if let Some(high) = self.positions.last() {
            place.held.close(*high);
        }
        Ok(())
    }

    async fn write_tombstones(&self, conn: &Conn) -> Result<(), Failure> {
        let all = || self.tombstones.iter();
        let ids: Vec<String> = all().map(|t| t.id.to_string()).collect();
        let users: Vec<&str> = all().map(|t| t.user.as_str()).collect();
        let times: Vec<i64> = all().map(|t| t.deleted_at.timestamp_millis()).collect();
        let positions: Vec<String> = all().map(|t| t.position.0.to_string()).collect();
        let key = |t: &Tombstone| t.idempotency_key.as_ref().map(ToString::to_string);
        let keys: Vec<String> = all().map(|t| key(t).unwrap_or_default()).collect();
        let params: Params<'_> = &[&ids, &users, &times, &positions, &keys];
        let new = conn.query(&sql::BURY, params).await?;
        match new.len() == ids.len() {
            true => Ok(()),
            false => Err(Failure::new(Kind::Again, "somebody else deleted it, too")),
        }
    }

    /// The keys of messages that were evicted, so that a retried post finds
    /// what became of it.
    async fn keep_keys(
        &self,
        conn: &Conn,
        records: impl Iterator<Item = &Record>,
    ) -> Result<(), Failure> {
        let (mut users, mut keys, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for record in records {
            if let Some(key) = &record.idempotency_key {
                users.push(record.message.user.as_str());
                keys.push(key.as_str());
                ids.push(record.message.id.to_string());
            }
        }
        if !keys.is_empty() {
            conn.execute(&sql::KEEP_KEYS, &[&users, &keys, &ids])
                .await?;
        }
        Ok(())
    }

    async fn remove_messages(&self, conn: &Conn) -> Result<(), Failure> {
        let ids: Vec<String> = self
            .messages
            .iter()
            .map(|r| r.message.id.to_string())
            .collect();
        let deleted = conn.execute(&sql::DELETE_MESSAGES, &[&ids]).await?;
        let is_archived = |record: &&Record| self.archived.contains(&record.message.id);
        let archived = self.messages.iter().filter(is_archived);
        self.keep_keys(conn, archived.clone()).await?;
        if deleted != (ids.len() - archived.count()) as u64 {
            return Err(Failure::new(Kind::Again, "somebody else deleted it, too"));
        }
        let mut places = Pairs::new();
        let mut counts: BTreeMap<(&str, i64, i64), i64> = BTreeMap::new();
        for (record, id) in self.messages.iter().zip(&ids) {
            let message = &record.message;
            let names = || message.hashtags.iter().map(Hashtag::as_str);
            places.extend(
                names()
                    .chain([no_hashtag(id)])
                    .map(|name| (name, id.as_str())),
            );
            for series in std::iter::once("").chain(names()) {
                for width in WIDTHS {
                    let bucket = counter_of(width, message.id.millis());
                    *counts.entry((series, width, bucket)).or_default() -= 1;
                }
            }
        }
        places::unlist(conn, &places).await?;
        let (mut series, mut levels, mut buckets) = (Vec::new(), Vec::new(), Vec::new());
        for (name, level, bucket) in counts.keys() {
            series.push(*name);
            levels.push(*level);
            buckets.push(*bucket);
        }
        let slots = vec![SLOT; counts.len()];
        let counts: Vec<i64> = counts.into_values().collect();
        conn.execute(
            &sql::ADD_COUNTS,
            &[&series, &levels, &buckets, &slots, &counts],
        )
        .await?;
        Ok(())
    }
}
