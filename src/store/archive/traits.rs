//! Hot and cold read as one. The hot store is always read first: what it has
//! no more by then is named by the manifest, which is read afterwards.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::scan::{Found, Search};
use super::{Archived, merge};
use crate::domain::{
    ArchiveFile, ColdRead, Day, Deleter, Deletion, Draft, FeedFilter, FeedPage, FollowFilter,
    Following, Imported, Message, MessageId, Messages, Passage, Position, PostError, Record,
    Removal, StoreError, Tombstone, Transfer, UserName,
};

/// How long what is no answer to a request may read one file.
const NO_HURRY: Duration = Duration::from_secs(10 * 60);
/// Archived messages handed to a follower at once.
const PASSAGE: usize = 256;
/// Days of which the newest with a file is looked for.
const NEWEST: usize = 32;

impl Archived {
    /// Looks for messages that a filter wants.
    async fn search(
        &self,
        range: (MessageId, MessageId),
        filter: FollowFilter,
        is_back: bool,
        want: usize,
        patience: Duration,
    ) -> Result<Found, StoreError> {
        let search = Search {
            range,
            filter: Arc::new(filter),
            ids: None,
            is_back,
            want,
            deadline: Instant::now() + patience,
        };
        self.cold.search(self.hot.as_ref(), search).await
    }

    /// What the archive has of some ids; what was deleted is not among it.
    pub(super) async fn find(
        &self,
        mut ids: Vec<MessageId>,
        patience: Duration,
    ) -> Result<Vec<Record>, StoreError> {
        ids.sort_unstable();
        ids.dedup();
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            return Ok(Vec::new());
        };
        let search = Search {
            range: (*first, last.successor()),
            filter: Arc::default(),
            ids: Some(ids.into()),
            is_back: false,
            want: usize::MAX,
            deadline: Instant::now() + patience,
        };
        let found = self.cold.search(self.hot.as_ref(), search).await?;
        if found.reached.is_some() {
            let late = "the archive was not read in time".to_owned();
            return Err(StoreError::TooSlow(late));
        }
        found.whole()
    }

    /// The newest file with anything of a range.
    async fn newest(
        &self,
        (low, high): (MessageId, MessageId),
    ) -> Result<Option<ArchiveFile>, StoreError> {
        let from = Day::of(low);
        let mut to = Day::of(high.predecessor()).min(Day::at(Utc::now()));
        while from <= to {
            let days = self.hot.archived_days(from, to, NEWEST).await?;
            to = match days.last() {
                Some(last) if days.len() == NEWEST => Day(last.day.0 - 1),
                Some(_) | None => Day(from.0 - 1),
            };
            let mut files = days.into_iter().filter_map(|day| day.file);
            let file = files.find(|file| file.first < high && file.last >= low);
            if file.is_some() {
                return Ok(file);
            }
        }
        Ok(None)
    }

    /// What is missing of a range where the archive is not read.
    async fn not_read(&self, range: (MessageId, MessageId)) -> Result<ColdRead, StoreError> {
        let newest = self.newest(range).await?;
        let missing = newest.map(|file| Day::of(range.0)..Day(Day::of(file.last).0 + 1));
        Ok(ColdRead {
            missing: missing.into_iter().collect(),
            ..ColdRead::default()
        })
    }
}

#[async_trait]
impl Messages for Archived {
    async fn post(&self, draft: Draft) -> Result<Message, PostError> {
        self.hot.post(draft).await
    }

    fn message_at_hand(&self, id: MessageId) -> Option<Message> {
        self.hot.message_at_hand(id)
    }

    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        if let Some(message) = self.hot.message(id).await? {
            return Ok(Some(message));
        }
        let range = (id, id.successor());
        let found = match self.options.is_read {
            true => self.find(vec![id], self.options.patience).await,
            false => match self.newest(range).await? {
                Some(_) => Err(StoreError::ArchiveClosed(Day::of(id))),
                None => Ok(Vec::new()),
            },
        };
        match found {
            Ok(mut records) => Ok(records.pop().map(|record| record.message)),
            // Whatever the archive would say, it is gone.
            Err(_) if self.hot.tombstone(id).await?.is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn feed(&self, filter: &FeedFilter) -> Result<FeedPage, StoreError> {
        let page = self.hot.feed(filter).await?;
        let (low, high) = filter.id_range();
        // Before its cursor the hot store was not asked.
        let low = page.next_cursor.map_or(low, MessageId::successor);
        if !self.options.is_read {
            let cold = self.not_read((low, high)).await?;
            return Ok(FeedPage { cold, ..page });
        }
        let want = filter.limit.get() + 1;
        let wanted = FollowFilter::from(filter.clone());
        let patience = self.options.patience;
        let found = self
            .search((low, high), wanted, true, want, patience)
            .await?;
        Ok(merge::page(page, found, filter.limit))
    }

    async fn users(&self, prefix: &str, limit: usize) -> Result<Vec<UserName>, StoreError> {
        self.hot.users(prefix, limit).await
    }
}

#[async_trait]
impl Following for Archived {
    async fn closed(&self) -> Result<Option<Position>, StoreError> {
        let hot = self.hot.closed().await?;
        // What is archived was closed; the hot store may have forgotten it.
        let after = hot.map_or(MessageId::MIN, |Position(id)| id.successor());
        let newest = self.newest((after, MessageId::MAX)).await?;
        Ok(newest.map(|file| Position(file.last)).max(hot))
    }

    async fn after(
        &self,
        position: Option<Position>,
        filter: &FollowFilter,
    ) -> Result<Passage, StoreError> {
        // What is archived is history.
        if filter.is_live {
            return self.hot.after(position, filter).await;
        }
        // Read first: all up to it is in what the hot store then passes, or
        // was moved before.
        let closed = self.closed().await?;
        let passage = self.hot.after(position, filter).await?;
        let end = match passage.is_caught_up {
            true => closed.max(passage.position),
            false => passage.position,
        };
        let Some(end) = end else {
            return Ok(passage);
        };
        let low = position.map_or(MessageId::MIN, |Position(id)| id.successor());
        let range = (low, end.0.successor());
        if !self.options.is_read {
            let cold = self.not_read(range).await?;
            let found = Found {
                cold,
                ..Found::default()
            };
            return Ok(merge::passage(
                passage,
                found,
                range,
                filter.limit.get(),
                usize::MAX,
            ));
        }
        let want = filter.limit.get().min(PASSAGE);
        let patience = self.options.patience;
        let found = self
            .search(range, filter.clone(), false, want, patience)
            .await?;
        if let Some(failure) = found.failure {
            return Err(failure.into_error());
        }
        Ok(merge::passage(
            passage,
            found,
            range,
            filter.limit.get(),
            want,
        ))
    }

    async fn stored(&self) {
        self.hot.stored().await;
    }
}

#[async_trait]
impl Transfer for Archived {
    async fn import(&self, records: Vec<Record>) -> Result<Vec<Imported>, StoreError> {
        self.in_turn(self.import_now(records)).await
    }

    async fn export(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let hot = self.hot.export(after, limit).await?;
        let low = after.map_or(MessageId::MIN, MessageId::successor);
        let high = match hot.last() {
            Some(last) if hot.len() == limit => last.message.id,
            Some(_) | None => MessageId::MAX,
        };
        let everything = FollowFilter::default();
        let found = self.search((low, high), everything, false, limit, NO_HURRY);
        let found = found.await?;
        if found.reached.is_some() {
            let late = "the archive was not read in time".to_owned();
            return Err(StoreError::TooSlow(late));
        }
        let mut records = merge::ascending(hot, found.whole()?, |record| record.message.id);
        records.truncate(limit);
        Ok(records)
    }
}

impl Archived {
    async fn import_now(&self, records: Vec<Record>) -> Result<Vec<Imported>, StoreError> {
        let ids = records.iter().map(|record| record.message.id);
        let archived = self.find(ids.collect(), NO_HURRY).await?;
        if archived.is_empty() {
            return self.hot.import(records).await;
        }
        let archived = archived
            .into_iter()
            .map(|record| (record.message.id, record));
        let archived: HashMap<MessageId, Record> = archived.collect();
        let known: Vec<Option<Imported>> = records
            .iter()
            .map(|record| {
                let there = archived.get(&record.message.id)?;
                let is_same = there.message.same_content(&record.message)
                    && (record.idempotency_key.is_none()
                        || there.idempotency_key == record.idempotency_key);
                Some(if is_same {
                    Imported::AlreadyThere
                } else {
                    Imported::IdTaken
                })
            })
            .collect();
        let new = records.into_iter().zip(&known);
        let new = new.filter_map(|(record, known)| known.is_none().then_some(record));
        let mut done = self.hot.import(new.collect()).await?.into_iter();
        let missing =
            || StoreError::Unexpected("an import has fewer answers than records".to_owned());
        let all = known.into_iter().map(|known| known.or_else(|| done.next()));
        all.map(|one| one.ok_or_else(missing)).collect()
    }
}

#[async_trait]
impl Removal for Archived {
    async fn delete(
        &self,
        ids: Vec<MessageId>,
        deleter: Deleter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Deletion>, StoreError> {
        let mut done = self.hot.delete(ids.clone(), deleter.clone(), now).await?;
        let unknown = ids.iter().zip(&done);
        let unknown = unknown.filter(|(_, done)| **done == Deletion::Unknown);
        let unknown: Vec<MessageId> = unknown.map(|(id, _)| *id).collect();
        let archived = self.find(unknown, self.options.patience).await?;
        if !archived.is_empty() {
            let found: Vec<MessageId> = archived.iter().map(|record| record.message.id).collect();
            let deleted = self.hot.delete_archived(archived, deleter, now).await?;
            let deleted: HashMap<_, _> = found.into_iter().zip(deleted).collect();
            for (id, done) in ids.iter().zip(&mut done) {
                if let Some(deletion) = deleted.get(id).filter(|_| *done == Deletion::Unknown) {
                    done.clone_from(deletion);
                }
            }
        }
        let gone = ids.iter().zip(&done).filter_map(|(id, done)| match done {
            Deletion::Deleted(_) | Deletion::AlreadyGone(_) => Some(Day::of(*id)),
            Deletion::Unknown | Deletion::NotTheirs => None,
        });
        // From now on nobody reads it; it is acknowledged once no file has it.
        self.finish_days(gone.collect()).await?;
        Ok(done)
    }

    async fn tombstone(&self, id: MessageId) -> Result<Option<Tombstone>, StoreError> {
        self.hot.tombstone(id).await
    }

    async fn tombstones(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        self.hot.tombstones(after, limit).await
    }

    async fn import_tombstones(
        &self,
        tombstones: Vec<Tombstone>,
    ) -> Result<Vec<Imported>, StoreError> {
        let ids: Vec<MessageId> = tombstones.iter().map(|tombstone| tombstone.id).collect();
        let done = self.in_turn(self.import_tombstones_now(tombstones)).await?;
        self.finish_days(ids.into_iter().map(Day::of).collect())
            .await?;
        Ok(done)
    }
}

impl Archived {
    async fn import_tombstones_now(
        &self,
        tombstones: Vec<Tombstone>,
    ) -> Result<Vec<Imported>, StoreError> {
        let ids: Vec<MessageId> = tombstones.iter().map(|tombstone| tombstone.id).collect();
        // What only the archive has is counted: that is taken away first.
        let archived = self.find(ids.clone(), NO_HURRY).await?;
        let times: HashMap<MessageId, DateTime<Utc>> = tombstones
            .iter()
            .map(|tombstone| (tombstone.id, tombstone.deleted_at))
            .collect();
        let mut deleted = Vec::new();
        for record in archived {
            let id = record.message.id;
            let at = times.get(&id).copied().unwrap_or_else(Utc::now);
            let done = self
                .hot
                .delete_archived(vec![record], Deleter::Operator, at);
            if let Some(Deletion::Deleted(_)) = done.await?.first() {
                deleted.push(id);
            }
        }
        let mut done = self.hot.import_tombstones(tombstones).await?;
        for (id, done) in ids.iter().zip(&mut done) {
            if deleted.contains(id) {
                *done = Imported::Stored;
            }
        }
        Ok(done)
    }
}
