//! What goes on for the archive beside requests: old messages are moved into
//! it, deletions are finished, and its files are compared with the manifest.
//! One program at a time does it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::{ArchiveConfig, ArchiveUrl};
use crate::domain::prelude::*;
use crate::domain::{Day, Job, Store, StoreError};
use crate::store::OpenError;
use crate::store::archive::{ArchiveOptions, ArchivePlace, Archived, Due, Moved, Owner};

/// Between two looks for deletions that were not finished.
const LOOK: Duration = Duration::from_secs(60);
/// Between two looks for what is old enough.
const MOVE: Duration = Duration::from_secs(60 * 60);
/// Between two comparisons of the files with the manifest.
const SWEEP: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a server that starts waits for the archive.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between the start and the first look: others start as well.
const SETTLE: Duration = Duration::from_secs(5);
/// The name of the work that one program at a time does.
const WORK: &str = "archive";
/// How long a program that was killed keeps others from it.
const LEASE: Duration = Duration::from_secs(120);
/// Between two times that a lease is made longer.
const RENEW: Duration = Duration::from_secs(30);

/// A store as the settings want it: with its archive, if it has one.
pub struct Opened {
    /// What is asked.
    pub store: Arc<dyn Store>,
    /// The same, where there is an archive.
    pub archive: Option<Arc<Archived>>,
}

/// Puts the archive that the settings name behind a store.
///
/// # Errors
/// The archive cannot be used, or the store has messages in one and none is
/// named.
pub async fn open(
    hot: Arc<dyn Store>,
    config: Option<&ArchiveConfig>,
    patience: Duration,
) -> Result<Opened, OpenError> {
    let Some(config) = config else {
        refuse_without(hot.as_ref()).await?;
        return Ok(Opened {
            store: hot,
            archive: None,
        });
    };
    let place = match &config.url {
        ArchiveUrl::Directory(path) => ArchivePlace::Directory(path.clone()),
        ArchiveUrl::Bucket { bucket, prefix } => ArchivePlace::Bucket {
            bucket: bucket.clone(),
            prefix: prefix.clone(),
        },
    };
    let options = ArchiveOptions {
        is_read: config.is_read,
        patience,
    };
    let archived = Arc::new(Archived::open(hot, &place, options)?);
    refuse_another_s(&archived, &config.url).await?;
    Ok(Opened {
        store: Arc::clone(&archived) as Arc<dyn Store>,
        archive: Some(archived),
    })
}

/// Refuses a store that has messages in an archive which is not named: it would
/// answer as if they were not there, and drop what belongs with them. The store
/// is closed then.
///
/// # Errors
/// It has, or it cannot be read.
pub async fn refuse_without(hot: &dyn Store) -> Result<(), OpenError> {
    /// On a cluster days are known of which only a message was deleted.
    const DAYS: usize = 10_000;
    let today = Day::at(Utc::now());
    let days = hot.archived_days(Day(0), today, DAYS).await;
    let days = days.map_err(|error| OpenError::Database {
        place: "the store".to_owned(),
        reason: error.to_string(),
    })?;
    if let Some(day) = days.iter().find(|day| day.file.is_some()) {
        hot.close().await;
        return Err(OpenError::Settings(format!(
            "messages up to {} are in an archive, and archive.url is not set: name the archive, or answers would lack them (archive.read: false leaves them out knowingly)",
            day.day
        )));
    }
    Ok(())
}

/// Refuses the archive of another store: what either deletes would take files
/// from the other. One that is away is looked at again before it is written to.
async fn refuse_another_s(archived: &Archived, url: &ArchiveUrl) -> Result<(), OpenError> {
    let owner = tokio::time::timeout(PATIENCE, archived.owner()).await;
    match owner {
        Ok(Ok(Owner::This | Owner::Nobody)) => Ok(()),
        Ok(Ok(Owner::Another(store))) => {
            archived.close().await;
            Err(OpenError::Settings(format!(
                "archive.url: {url} is the archive of another store ({store}); name a directory or a prefix that is empty, or this store's own archive (if it is that, and the store was restored from a backup older than the signature, remove _dunder-store from it)"
            )))
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "the archive is not looked at yet");
            Ok(())
        }
        Err(_) => {
            tracing::warn!("the archive does not answer and is not looked at yet");
            Ok(())
        }
    }
}

/// How long an answer may read the archive: what is left of a request's time
/// is for the rest.
pub fn patience(query_timeout: Duration) -> Duration {
    query_timeout / 2
}

/// What is old enough by the settings.
pub fn due(config: &ArchiveConfig, now: DateTime<Utc>) -> Due {
    let rules = config.rules.iter();
    let rules = rules.map(|(rule, after)| (rule.clone(), before(now, *after)));
    Due::by(rules, now)
}

/// The day before which messages are older than so long.
fn before(now: DateTime<Utc>, after: Duration) -> Day {
    let after = chrono::Duration::from_std(after).unwrap_or(chrono::Duration::MAX);
    let then = now.checked_sub_signed(after);
    then.map_or(Day(0), Day::at)
}

/// Whether the work was done, or another program was at it.
pub enum Turn<T> {
    /// It was done.
    Done(T),
    /// Another one does it.
    Another,
}

/// Does the work that one program at a time does, while no other takes it
/// over. What it leaves in the middle is right, whenever that is.
///
/// # Errors
/// The store with the lease.
pub async fn in_turn<T>(
    store: &dyn Store,
    owner: &str,
    work: impl Future<Output = T>,
) -> Result<Turn<T>, StoreError> {
    let take = || async { store.lease(WORK, owner, Utc::now() + LEASE).await };
    if !take().await? {
        return Ok(Turn::Another);
    }
    let mut work = std::pin::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            () = tokio::time::sleep(RENEW) => {
                // A store that is away keeps others away as well.
                if let Ok(false) = take().await {
                    return Ok(Turn::Another);
                }
            }
        }
    };
    store.release(WORK, owner).await?;
    Ok(Turn::Done(done))
}

/// A name of this program that no other has.
pub fn owner() -> String {
    let mut random = [0; 8];
    // Two programs of one machine differ by their process anyway.
    let _ = getrandom::fill(&mut random);
    format!("{}-{:016x}", std::process::id(), u64::from_be_bytes(random))
}

/// When what was done last.
#[derive(Default)]
struct Done {
    moved: Option<Instant>,
    swept: Option<Instant>,
}

/// The job of a server.
pub fn job(archived: Arc<Archived>, config: ArchiveConfig) -> Job {
    let owner: Arc<str> = owner().into();
    let done = Arc::new(Mutex::new(Done::default()));
    Job::new("keep the archive", move || {
        let (archived, owner, config) = (Arc::clone(&archived), Arc::clone(&owner), config.clone());
        let done = Arc::clone(&done);
        async move {
            tokio::time::sleep(SETTLE).await;
            loop {
                let turn = turn(&archived, &owner, &config, &done).await;
                if let Err(error) = turn {
                    tracing::warn!(%error, "the archive was left as it is; it is tried again");
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    })
}

/// Does what is to be done by now, if it is this program's turn.
async fn turn(
    archived: &Archived,
    owner: &str,
    config: &ArchiveConfig,
    done: &Mutex<Done>,
) -> Result<(), StoreError> {
    let mut done = done.lock().await;
    let is_over =
        |last: Option<Instant>, pause: Duration| last.is_none_or(|at| at.elapsed() >= pause);
    let (moves, sweeps) = (is_over(done.moved, MOVE), is_over(done.swept, SWEEP));
    if !moves && !sweeps && archived.is_finished().await? {
        return Ok(());
    }
    let work = async {
        let finished = archived.finish().await;
        if sweeps {
            archived.sweep(Utc::now()).await?;
            done.swept = Some(Instant::now());
        }
        if moves {
            let due = due(config, Utc::now());
            archived.move_due(&due, &mut Moved::default()).await?;
            done.moved = Some(Instant::now());
        }
        finished
    };
    match in_turn(archived, owner, work).await? {
        Turn::Done(finished) => finished,
        Turn::Another => Ok(()),
    }
}
