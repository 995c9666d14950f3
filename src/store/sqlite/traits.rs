//! What the domain asks of a store, answered: reads go to the readers, all
//! that writes to the writer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::guard::log::Erasure;
use super::read::cache::LEASE;
use super::read::{after, feed, page};
use super::rollup::counts;
use super::write::Writer;
use super::write::queue::Queue;
use super::{REPLACED, SqliteStore, read, retention, store_error, tokens, tombstones};
use crate::domain::{
    Boundary, Counts, Deleter, Deletion, Draft, FeedFilter, FeedPage, FollowFilter, Following,
    HashtagCount, HashtagsFilter, Imported, Job, Lifecycle, Message, MessageId, Messages, NotReady,
    Passage, Position, PostError, Record, Removal, Retention, Rule, SecretHash, Series, StoreError,
    Token, TokenId, Tokens, Tombstone, Transfer, TrendFilter, UserName, Version, Warning,
};
use crate::metrics::Page;

#[async_trait]
impl Removal for SqliteStore {
    async fn delete(
        &self,
        ids: Vec<MessageId>,
        deleter: Deleter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Deletion>, StoreError> {
        let delete = move |writer: &mut Writer| writer.delete(&ids, &[], &deleter, now);
        let done = self.queue.run(delete).await?;
        // Other programs may have looked just before.
        tokio::time::sleep(LEASE).await;
        Ok(done)
    }

    async fn tombstone(&self, id: MessageId) -> Result<Option<Tombstone>, StoreError> {
        self.readers
            .short(move |connection| tombstones::find(connection, id))
            .await
    }

    async fn tombstones(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        self.readers
            .run(move |connection| tombstones::after(connection, after, limit))
            .await
    }

    async fn import_tombstones(
        &self,
        tombstones: Vec<Tombstone>,
    ) -> Result<Vec<Imported>, StoreError> {
        let import = move |writer: &mut Writer| writer.import_tombstones(&tombstones);
        let done = self.queue.run(import).await?;
        tokio::time::sleep(LEASE).await;
        Ok(done)
    }
}

#[async_trait]
impl Retention for SqliteStore {
    async fn due(
        &self,
        rule: &Rule,
        after: Option<MessageId>,
        before: MessageId,
        limit: usize,
    ) -> Result<Vec<MessageId>, StoreError> {
        let (rule, memtable) = (rule.clone(), Arc::clone(&self.memtable));
        let due = move |connection: &Connection| {
            retention::due(connection, &rule, (after, before), limit, &memtable)
        };
        self.readers.run(due).await
    }

    async fn evict(&self, ids: Vec<MessageId>, by: Option<Rule>) -> Result<u64, StoreError> {
        let evict = move |writer: &mut Writer| writer.evict(ids, by.as_ref());
        let evicted = self.queue.run(evict).await?;
        tokio::time::sleep(LEASE).await;
        Ok(evicted)
    }

    async fn boundaries(&self) -> Result<Vec<Boundary>, StoreError> {
        self.readers.short(retention::boundaries).await
    }

    async fn lease(
        &self,
        work: &str,
        owner: &str,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (work, owner) = (work.to_owned(), owner.to_owned());
        let times = (Utc::now().timestamp_millis(), until.timestamp_millis());
        self.change(move |connection| retention::lease(connection, &work, &owner, times))
            .await
    }

    async fn release(&self, work: &str, owner: &str) -> Result<(), StoreError> {
        let (work, owner) = (work.to_owned(), owner.to_owned());
        self.change(move |connection| retention::release(connection, &work, &owner))
            .await
    }
}

#[async_trait]
impl Following for SqliteStore {
    async fn closed(&self) -> Result<Option<Position>, StoreError> {
        let now = Utc::now().timestamp_millis();
        self.readers
            .short(move |connection| after::closed(connection, now))
            .await
    }

    async fn after(
        &self,
        position: Option<Position>,
        filter: &FollowFilter,
    ) -> Result<Passage, StoreError> {
        let (filter, now) = (filter.clone(), Utc::now().timestamp_millis());
        let is_live = filter.is_live;
        let read = move |connection: &Connection| after::after(connection, position, &filter, now);
        match is_live {
            // Not behind the reads that others wait for.
            true => self.readers.short(read).await,
            false => self.readers.run(read).await,
        }
    }

    async fn stored(&self) {
        self.stored.notified().await;
    }
}

#[async_trait]
impl Messages for SqliteStore {
    async fn post(&self, draft: Draft) -> Result<Message, PostError> {
        self.queue.post(draft).await
    }

    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        if let Some(message) = self.message_at_hand(id) {
            return Ok(Some(message));
        }
        let cache = Arc::clone(&self.cache);
        self.readers
            .short(move |connection| page::message(connection, id, &cache))
            .await
    }

    fn message_at_hand(&self, id: MessageId) -> Option<Message> {
        let message = self.cache.find_now(id)?;
        Some(Message::clone(&message))
    }

    async fn feed(&self, filter: &FeedFilter) -> Result<FeedPage, StoreError> {
        let short = feed::is_short(filter);
        let (cache, memtable) = (Arc::clone(&self.cache), Arc::clone(&self.memtable));
        let filter = filter.clone();
        let read =
            move |connection: &Connection| feed::feed(connection, &filter, &memtable, &cache);
        match short {
            true => self.readers.short(read).await,
            false => self.readers.run(read).await,
        }
    }

    async fn users(&self, prefix: &str, limit: usize) -> Result<Vec<UserName>, StoreError> {
        let prefix = prefix.to_owned();
        self.readers
            .run(move |connection| read::users(connection, &prefix, limit))
            .await
    }
}

#[async_trait]
impl Counts for SqliteStore {
    async fn trend(&self, filter: &TrendFilter) -> Result<Vec<Series>, StoreError> {
        let short = counts::is_short(filter);
        let (filter, memtable) = (filter.clone(), Arc::clone(&self.memtable));
        let read = move |connection: &Connection| counts::trend(connection, &filter, &memtable);
        match short {
            true => self.readers.short(read).await,
            false => self.readers.run(read).await,
        }
    }

    async fn hashtags(&self, filter: &HashtagsFilter) -> Result<Vec<HashtagCount>, StoreError> {
        let (filter, memtable) = (filter.clone(), Arc::clone(&self.memtable));
        let months = Arc::clone(&self.months);
        self.readers
            .run(move |connection| counts::hashtags(connection, &filter, &memtable, &months))
            .await
    }
}

#[async_trait]
impl Tokens for SqliteStore {
    async fn create_token(&self, token: Token, hash: SecretHash) -> Result<(), StoreError> {
        self.queue
            .run(move |writer| {
                writer.transaction(|writer| tokens::create(writer.connection(), &token, hash))
            })
            .await
    }

    async fn token(&self, hash: SecretHash) -> Result<Option<Token>, StoreError> {
        self.readers
            .short(move |connection| tokens::find(connection, hash))
            .await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.readers.run(tokens::all).await
    }

    async fn revoke_token(
        &self,
        id: TokenId,
        now: DateTime<Utc>,
    ) -> Result<Option<Token>, StoreError> {
        self.queue
            .run(move |writer| {
                writer.transaction(|writer| tokens::revoke(writer.connection(), id, now))
            })
            .await
    }
}

#[async_trait]
impl Transfer for SqliteStore {
    async fn import(&self, records: Vec<Record>) -> Result<Vec<Imported>, StoreError> {
        self.queue.run(move |writer| writer.import(&records)).await
    }

    async fn export(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.readers
            .run(move |connection| read::export(connection, after, limit))
            .await
    }
}

#[async_trait]
impl Lifecycle for SqliteStore {
    fn version(&self) -> Option<Version> {
        self.readers.version()
    }

    async fn check(&self) -> Result<Vec<Warning>, NotReady> {
        let not = |reason, error: String| {
            let error = StoreError::Unavailable(error);
            Err(NotReady { reason, error })
        };
        if self.queue.is_closed() {
            return not(
                "the store takes no more posts",
                "the writer has stopped".to_owned(),
            );
        }
        if let Some(busy) = self.health.stuck() {
            let seconds = busy.as_secs();
            let stuck = format!("the writer has been at one batch for {seconds} s");
            return not("the disk does not finish a write", stuck);
        }
        let files = Arc::clone(&self.files);
        let read = move |connection: &Connection| {
            let newest = read::last_id(connection);
            Ok((files.check(connection), newest.map_err(store_error)))
        };
        let unread = "the store cannot be read";
        // Not held at the gate, nor behind the reads that others wait for.
        let read = self.readers.short(read).await;
        let (files, newest) = read.map_err(NotReady::because(unread))?;
        files.map_err(NotReady::because(REPLACED))?;
        let newest = newest.map_err(NotReady::because(unread))?;
        let copied = self.health.log_failure().map_or(Ok(()), Err);
        let grows = "the store's log cannot be copied into its file; look at the disk";
        copied.map_err(NotReady::because(grows))?;
        // Nobody may dare to post while this says no, so it finds out itself.
        if self.health.failure().is_some() {
            let probed = self.queue.run(Writer::probe).await;
            probed.map_err(NotReady::because("the disk does not take writes"))?;
        }
        Ok(Warning::of_newest(newest, Utc::now()).into_iter().collect())
    }

    fn jobs(&self) -> Vec<Job> {
        let (erasure, queue) = (Arc::clone(&self.erasure), Arc::clone(&self.queue));
        let empty = move || empty_the_log(Arc::clone(&erasure), Arc::clone(&queue));
        vec![Job::new("empty the log after removals", empty)]
    }

    fn measure(&self, page: &mut Page) {
        self.queue.measure(page);
        self.health.supervision().measure(page);
        self.health.counts.measure(page);
        let (file, log) = self.files.sizes();
        let help = "Bytes of the store's file.";
        page.gauge("dunder_store_size_bytes", help, &[], file as f64);
        let help = "Bytes of the log beside it.";
        page.gauge("dunder_store_log_bytes", help, &[], log as f64);
        let help = "Messages that lists and counters in the file do not know yet.";
        let messages = self.memtable.messages() as f64;
        page.gauge("dunder_store_memtable_messages", help, &[], messages);
    }

    async fn close(&self) {
        // The writer's connection is the last one: it empties the log.
        self.readers.close().await;
        self.queue.close().await;
        self.left.clear();
    }
}

/// Reminds the writer, who has other things to do, of a log that could not be
/// emptied at once.
async fn empty_the_log(erasure: Arc<Erasure>, queue: Arc<Queue>) {
    /// Between two reminders.
    const FIRST: Duration = Duration::from_millis(20);
    const LAST: Duration = Duration::from_secs(1);
    loop {
        let mut pause = FIRST;
        while erasure.pending().is_some() {
            tokio::time::sleep(pause).await;
            pause = LAST.min(pause * 2);
            // The writer looks after its log whatever it does.
            if queue.run(|_| Ok(())).await.is_err() {
                return;
            }
        }
        erasure.begun().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tempfile::TempDir;

    use super::*;
    use crate::store::sqlite::SqliteOptions;

    #[tokio::test]
    async fn a_check_does_not_wait_for_the_reads_that_are_under_way() {
        let dir = TempDir::new().unwrap();
        let options = SqliteOptions {
            readers: 1,
            ..SqliteOptions::default()
        };
        let store = SqliteStore::open(&dir.path().join("dunder.sqlite"), &options).unwrap();
        let (go_on, told) = mpsc::channel::<()>();
        let long = store.readers.run(move |_| {
            let _ = told.recv();
            Ok(())
        });
        let check = async {
            let checked = tokio::time::timeout(Duration::from_secs(30), store.check()).await;
            drop(go_on);
            checked
        };
        let (long, checked) = tokio::join!(long, check);
        long.unwrap();
        assert_eq!(checked.expect("an answer").unwrap(), []);
        store.close().await;
    }
}
