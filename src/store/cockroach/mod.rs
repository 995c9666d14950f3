//! The store for more than one machine: CockroachDB from v19.1 to today's,
//! and PostgreSQL, over tokio-postgres.
//!
//! Posts go through a queue to a few writers (`writer`), each of which stores
//! a batch in one statement (`sql`, `batch`); reads share a few connections
//! (`pool`, `read`). A failure is retried where that can help (`retry`), and
//! never stores or counts anything twice. Any number of processes work on one
//! database; none of them is special.

mod bare;
mod batch;
mod busiest;
mod closed;
mod columns;
mod compaction;
mod conn;
mod connect;
mod error;
mod follow;
mod import;
mod inspection;
mod manifest;
mod migrate;
mod months;
mod options;
mod pages;
mod places;
mod plans;
mod pool;
mod probe;
mod read;
mod refold;
mod regions;
mod removal;
mod retention;
mod retry;
mod server;
mod slot;
mod sql;
mod task;
mod tls;
mod tokens;
mod tombstones;
mod trend;
mod trouble;
mod watcher;
mod writer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, Notify, oneshot};
use tokio::task::JoinHandle;
use tokio_postgres::Row;
use tracing::{info, warn};

use crate::domain::{
    Counts, Draft, FeedFilter, FeedPage, FollowFilter, Following, HashtagCount, HashtagsFilter,
    IdClock, Imported, Job, Lifecycle, Message, MessageId, Messages, NotReady, Passage, Position,
    PostError, Record, SecretHash, Series, StoreError, Token, TokenId, Tokens, Transfer,
    TrendFilter, UserName, Warning,
};
use crate::metrics::Page;
use crate::store::batch::{Batcher, Queue, Supervision, measured_queue, writer_gone};

#[doc(hidden)]
pub use self::bare::BareWriter;
use self::compaction::Compaction;
use self::conn::within;
use self::connect::{Connector, SharedConnector};
pub use self::error::OpenError;
pub use self::inspection::{inspect, mend};
pub use self::migrate::Migrated;
pub use self::options::{CockroachOptions, DEFAULT_PORT, OptionsError, SslMode};
#[doc(hidden)]
pub use self::plans::{page_statements, pieced_trend_statement, removal_statements};
use self::pool::Readers;
use self::regions::Home;
pub use self::regions::{MOST_REGIONS, Survive};
use self::retry::Failure;
use self::server::Server;
use self::slot::Slot;
use self::task::Task;
pub use self::tls::TlsError;
use self::watcher::Watcher;
use self::writer::{Shared, Writer};

/// How long the check of readiness may take.
const CHECK: Duration = Duration::from_secs(3);

/// Messages in a CockroachDB or PostgreSQL database.
pub struct CockroachStore {
    connector: SharedConnector,
    readers: Arc<Readers>,
    queue: Arc<Queue<Task>>,
    writers: Arc<Supervision>,
    watcher: Arc<Watcher>,
    claims: Vec<JoinHandle<()>>,
    stale_trends: trend::StaleReads,
    months: Arc<Mutex<months::Months>>,
}

/// Brings the database up to date, making it first where it is missing.
///
/// # Errors
/// [`OpenError`]: unreachable, newer, or not dunder's.
pub async fn migrate(mut options: CockroachOptions) -> Result<Migrated, OpenError> {
    options.should_migrate = true;
    let connector = Arc::new(Connector::new(options)?);
    migrate::prepare(&connector).await
}

/// The statements that [`migrate`] would run, none of which is.
///
/// # Errors
/// As of [`migrate`].
pub async fn pending_statements(options: CockroachOptions) -> Result<Vec<String>, OpenError> {
    let connector = Arc::new(Connector::new(options)?);
    migrate::pending(&connector).await
}

impl CockroachStore {
    /// Connects, checks the schema (and migrates it, if so asked), and starts
    /// the writers.
    ///
    /// # Errors
    /// [`OpenError`] says why the database cannot be used and what to do.
    pub async fn open(options: CockroachOptions) -> Result<CockroachStore, OpenError> {
        let connector = Arc::new(Connector::new(options)?);
        migrate::prepare(&connector).await?;
        let readers = Arc::new(Readers::new(connector.clone()));
        let last = last_id(&readers).await.map_err(OpenError::Database)?;
        if let Some(warning) = Warning::of_newest(last, Utc::now()) {
            warn!("{warning}");
        }
        let options = &connector.options;
        let (queue, waiting) = measured_queue(options.queue, options.is_measured);
        let home = Home::find(options, connector.server(), &readers).await?;
        let clock = match home {
            Some(Home(region)) => IdClock::after(last).in_region(region),
            None => IdClock::after(last),
        };
        let batcher = Batcher::new(waiting, clock, options.batch_messages);
        let shared = Shared {
            connector: connector.clone(),
            batcher: Arc::new(batcher),
            users: Arc::default(),
        };
        let writers = Arc::new(Supervision::default());
        let wake = Arc::new(Notify::new());
        let ids = shared.batcher.ids().clone();
        let slot = || {
            let (readers, ids) = (readers.clone(), ids.clone());
            let numbers = Home::slots(home);
            let lease = options.slot_lease;
            Arc::new(Slot::new(readers, ids, lease, numbers, wake.clone()))
        };
        let slots: Vec<_> = (0..options.writers.max(1)).map(|_| slot()).collect();
        let mut claims = Vec::new();
        for (lane, slot) in slots.iter().enumerate() {
            let (shared, its) = (shared.clone(), slot.clone());
            let start = move || Writer::new(shared.clone(), lane, its.clone()).run();
            tokio::spawn(writers.clone().keep("a writer", start));
            let slot = slot.clone();
            let claim = move || slot.clone().claim();
            let kept = Arc::<Supervision>::default().keep("claiming a slot", claim);
            claims.push(tokio::spawn(kept));
        }
        let patience = (options.slot_lease, options.slot_silence);
        let watcher = Watcher::new(readers.clone(), ids, slots, patience, wake);
        drop(shared);
        let stale = options.follower_reads && connector.server().is_cockroach_from(21, 1);
        if options.follower_reads && !stale {
            warn!("this server has no follower reads; trends are read as of now");
        }
        info!(server = ?connector.server(), database = options.database, "the database is open");
        Ok(CockroachStore {
            queue: Arc::new(queue),
            writers,
            watcher: Arc::new(watcher),
            claims,
            stale_trends: trend::StaleReads::new(stale),
            months: Arc::default(),
            readers,
            connector,
        })
    }
}

impl CockroachStore {
    /// Puts counters together that several writers have of one hashtag, hour or
    /// day, of months of 30 days that ended before a moment; how many rows went.
    /// A server does so by itself.
    ///
    /// # Errors
    /// The database could not be asked.
    pub async fn compact_counters(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let compaction = Compaction::new(&self.readers, &self.queue);
        compaction.before(before.timestamp()).await
    }
}

/// The last id, for ids to follow it even when this machine's clock is a bit
/// behind the one that gave it.
async fn last_id(readers: &Readers) -> Result<Option<MessageId>, StoreError> {
    let rows = readers
        .query("read the last id", &sql::LAST_ID, &[])
        .await?;
    id_of(rows.first())
}

fn id_of(row: Option<&Row>) -> Result<Option<MessageId>, StoreError> {
    row.map(|row| Ok(batch::message_id(read::get(row, 0)?)?))
        .transpose()
}

/// What readiness says of a failure.
fn not_ready(failure: Failure) -> NotReady {
    NotReady {
        reason: failure.public_reason(),
        error: StoreError::Unavailable(failure.text),
    }
}

#[async_trait]
impl Messages for CockroachStore {
    async fn post(&self, draft: Draft) -> Result<Message, PostError> {
        self.connector.refuse_writes()?;
        // Longer than a batch may take, so that a writer's answer comes first.
        let patience = self.connector.options.write_limit + CHECK;
        match tokio::time::timeout(patience, self.queue.post(draft)).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::Unavailable("the writers are too slow".to_owned()).into()),
        }
    }

    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        read::message(&self.readers, id).await
    }

    async fn feed(&self, filter: &FeedFilter) -> Result<FeedPage, StoreError> {
        pages::feed(&self.readers, filter).await
    }

    async fn users(&self, prefix: &str, limit: usize) -> Result<Vec<UserName>, StoreError> {
        read::users(&self.readers, prefix, limit).await
    }
}

#[async_trait]
impl Counts for CockroachStore {
    async fn trend(&self, filter: &TrendFilter) -> Result<Vec<Series>, StoreError> {
        Ok(trend::trend(&self.readers, filter, None).await?.0)
    }

    async fn recent_trend(
        &self,
        filter: &TrendFilter,
    ) -> Result<(Vec<Series>, Option<Duration>), StoreError> {
        trend::trend(&self.readers, filter, Some(&self.stale_trends)).await
    }

    async fn hashtags(&self, filter: &HashtagsFilter) -> Result<Vec<HashtagCount>, StoreError> {
        busiest::hashtags(&self.readers, filter, &self.months).await
    }
}

#[async_trait]
impl Tokens for CockroachStore {
    async fn create_token(&self, token: Token, hash: SecretHash) -> Result<(), StoreError> {
        tokens::create(&self.readers, token, hash).await
    }

    async fn token(&self, hash: SecretHash) -> Result<Option<Token>, StoreError> {
        tokens::find(&self.readers, hash).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        tokens::list(&self.readers).await
    }

    async fn revoke_token(
        &self,
        id: TokenId,
        now: DateTime<Utc>,
    ) -> Result<Option<Token>, StoreError> {
        tokens::revoke(&self.readers, id, now).await
    }
}

#[async_trait]
impl Transfer for CockroachStore {
    async fn import(&self, records: Vec<Record>) -> Result<Vec<Imported>, StoreError> {
        self.connector.refuse_writes()?;
        let (reply, answer) = oneshot::channel();
        self.queue.hand(Task::Import(records, reply)).await?;
        answer.await.map_err(|_| writer_gone())?
    }

    async fn export(
        &self,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        read::export(&self.readers, after, limit).await
    }
}

#[async_trait]
impl Lifecycle for CockroachStore {
    fn jobs(&self) -> Vec<Job> {
        let (connector, readers) = (self.connector.clone(), self.readers.clone());
        let watcher = self.watcher.clone();
        let options = &self.connector.options;
        vec![
            Job::new("database probe", move || {
                probe::run(connector.clone(), readers.clone())
            }),
            Job::new("closing ids", move || watcher.clone().run()),
            compaction::job(&self.readers, &self.queue, options.compact_after),
        ]
    }

    fn measure(&self, page: &mut Page) {
        self.queue.measure(page);
        self.writers.measure(page);
        self.connector.retries.measure(page);
        if let Some(age) = self.watcher.age() {
            let help = "Age of the id up to which all is stored, while somebody follows.";
            let age = age.as_secs_f64();
            page.gauge("dunder_closed_id_age_seconds", help, &[], age);
        }
    }

    async fn check(&self) -> Result<Vec<Warning>, NotReady> {
        if self.queue.is_closed() {
            return Err(NotReady::because("the server is stopping")(writer_gone()));
        }
        if self.writers.panics() > 0 && self.writers.running() == 0 {
            let panics = self.writers.panics();
            let error = StoreError::Unexpected(format!("all writers panicked, {panics} times"));
            return Err(NotReady::because("the writers have failed")(error));
        }
        // Data is read: a cluster without a quorum still answers what needs
        // none.
        let attempt = within(CHECK, self.readers.once(&sql::LAST_ID, &[], CHECK));
        let rows = self.connector.reads.watch(attempt).await;
        let rows = rows.map_err(not_ready)?;
        let is_postgres = self.connector.server() == Server::Postgres;
        if is_postgres && self.readers.only_read(CHECK).await {
            let failure = Failure::read_only();
            self.connector.writes.note(Instant::now(), &failure);
            return Err(not_ready(failure));
        }
        let connector = &self.connector;
        let unconnected = connector.unconnected.last(connector.options.writers.max(1));
        if let Some(failure) = self.connector.writes.last().or(unconnected) {
            return Err(not_ready(failure));
        }
        let last = id_of(rows.first());
        let last = last.map_err(NotReady::because("the store cannot be read"))?;
        Ok(Warning::of_newest(last, Utc::now()).into_iter().collect())
    }

    async fn close(&self) {
        self.watcher.stop();
        self.queue.close().await;
        self.claims.iter().for_each(JoinHandle::abort);
        self.readers.close().await;
    }
}

impl Drop for CockroachStore {
    fn drop(&mut self) {
        self.watcher.stop();
        self.claims.iter().for_each(JoinHandle::abort);
    }
}

#[async_trait]
impl Following for CockroachStore {
    async fn closed(&self) -> Result<Option<Position>, StoreError> {
        Ok(self.watcher.closed().await?.map(Position))
    }

    async fn after(
        &self,
        position: Option<Position>,
        filter: &FollowFilter,
    ) -> Result<Passage, StoreError> {
        follow::after(&self.readers, &self.watcher, position, filter).await
    }

    async fn stored(&self) {
        self.watcher.looked().await;
    }
}
