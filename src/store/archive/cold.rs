//! The archive's files, read in parts: footers and row groups, of which the
//! last ones are kept. A file never changes, so what is kept is never stale;
//! one that is replaced is just not asked for again.

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use parquet::file::metadata::ParquetMetaData;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::decode::{self, Damage, Parsed, Part};
use super::files::{FileError, Files};
use super::group::{self, Wanted};
use super::problems::Problems;
use crate::domain::{ArchiveFile, Day, FollowFilter, MessageId, Record};

/// Of a file's end that is read first: the footer and the Bloom filters of a
/// day of some hundred thousand messages.
const TAIL: u64 = 64 * 1024;
/// The most Bloom filters that are read with a footer; those of larger days
/// are read by row group.
const MOST_BLOOMS: u64 = 1024 * 1024;
/// Files of at most so many bytes are kept whole with their footers.
const SMALL: u64 = 16 * 1024;
/// Footers kept, and row groups as much again, in bytes.
const KEPT: u64 = 32 * 1024 * 1024;
/// Walks along the days that go on at once; others wait. Each holds some
/// footers.
const WALKS: usize = 16;

/// A file's footer, and what else is read before its messages are.
pub(super) struct Footer {
    pub(super) day: Day,
    pub(super) file: ArchiveFile,
    pub(super) metadata: ParquetMetaData,
    blooms: Option<Part>,
    /// All of the file, where it is small.
    whole: Option<Part>,
}

impl Footer {
    /// Whether its messages were read with it: there are few.
    pub(super) fn is_at_hand(&self) -> bool {
        self.whole.is_some()
    }

    fn weight(&self) -> u64 {
        let parts = [&self.blooms, &self.whole].into_iter().flatten();
        let parts: usize = parts.map(|part| part.bytes.len()).sum();
        (self.metadata.memory_size() + parts) as u64
    }
}

/// What is read for one answer.
pub(super) struct Meter {
    /// When it has to be there.
    pub(super) deadline: Instant,
    bytes: AtomicU64,
}

impl Meter {
    pub(super) fn until(deadline: Instant) -> Meter {
        Meter {
            deadline,
            bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<String, Arc<Footer>> for Weight {
    fn weight(&self, name: &String, footer: &Arc<Footer>) -> u64 {
        footer.weight() + name.len() as u64
    }
}

impl Weighter<(String, usize), Part> for Weight {
    fn weight(&self, (name, _): &(String, usize), part: &Part) -> u64 {
        (part.bytes.len() + name.len()) as u64
    }
}

/// The files, and what is kept of them.
pub(super) struct Cold {
    pub(super) files: Arc<dyn Files>,
    footers: Cache<String, Arc<Footer>, Weight>,
    groups: Cache<(String, usize), Part, Weight>,
    pub(super) walks: Semaphore,
    /// As many threads decode as can work at once: each needs some memory, and
    /// keeps it for a while.
    decoders: Arc<Semaphore>,
    pub(super) problems: Problems,
}

impl Cold {
    pub(super) fn new(files: Arc<dyn Files>) -> Cold {
        Cold {
            files,
            footers: Cache::with_weighter(256, KEPT, Weight),
            groups: Cache::with_weighter(64, KEPT, Weight),
            walks: Semaphore::new(WALKS),
            decoders: Arc::new(Semaphore::new(
                available_parallelism().map_or(2, usize::from),
            )),
            problems: Problems::default(),
        }
    }

    async fn read(&self, name: &str, range: Range<u64>, meter: &Meter) -> Result<Part, FileError> {
        let start = range.start;
        let late = |_| FileError::Late(name.to_owned());
        let read = timeout_at(meter.deadline, self.files.read(name, range)).await;
        let bytes = read.map_err(late)??;
        meter.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(Part { start, bytes })
    }

    /// The footer of a file.
    pub(super) async fn footer(
        &self,
        day: Day,
        file: &ArchiveFile,
        meter: &Meter,
    ) -> Result<Arc<Footer>, FileError> {
        if let Some(kept) = self.footers.get(&file.name) {
            return Ok(kept);
        }
        let mut length = TAIL;
        let (tail, metadata) = loop {
            let range = file.bytes.saturating_sub(length)..file.bytes;
            let tail = self.read(&file.name, range, meter).await?;
            let (whole, part) = (file.clone(), tail.clone());
            let parse = move || decode::footer(&part, &whole, day);
            match self.decoded(&file.name, length <= TAIL, parse).await? {
                Parsed::Whole(metadata) => break (tail, metadata),
                Parsed::Needs(more) if more > length && more <= file.bytes => length = more,
                Parsed::Needs(_) => {
                    return Err(FileError::damaged(&file.name, "its footer has no end"));
                }
            }
        };
        let blooms = match decode::bloom_range(metadata.row_groups().iter()) {
            Some(range) if range.end.saturating_sub(range.start) <= MOST_BLOOMS => {
                match tail.slice(&range) {
                    // Without the rest, which would stay in memory with it.
                    Some(blooms) => Some(blooms.copied()),
                    None => Some(self.read(&file.name, range, meter).await?),
                }
            }
            Some(_) | None => None,
        };
        let whole = (file.bytes <= SMALL).then(|| tail.slice(&(0..file.bytes)));
        let footer = Arc::new(Footer {
            day,
            file: file.clone(),
            metadata: *metadata,
            blooms,
            whole: whole.flatten(),
        });
        self.footers.insert(file.name.clone(), Arc::clone(&footer));
        self.problems.solved(day, &file.name);
        Ok(footer)
    }

    /// Whether a row group may have what a filter wants.
    pub(super) async fn may_have(
        &self,
        footer: &Footer,
        number: usize,
        filter: &FollowFilter,
        meter: &Meter,
    ) -> Result<bool, FileError> {
        let name = &footer.file.name;
        if filter.users.is_empty() && filter.hashtags.is_empty() {
            return Ok(true);
        }
        let group = footer.metadata.row_group(number);
        let blooms = match &footer.blooms {
            Some(blooms) => blooms.clone(),
            None => match decode::bloom_range(std::iter::once(group)) {
                Some(range) => self.read(name, range, meter).await?,
                None => return Ok(true),
            },
        };
        decode::may_have(group, &blooms, filter).map_err(|damage| {
            self.forget(footer, number);
            FileError::damaged(name, damage)
        })
    }

    /// A row group's bytes, kept where they may be `wanted` again; and whether
    /// they were read just then.
    async fn group(
        &self,
        footer: &Footer,
        group: usize,
        is_kept: bool,
        meter: &Meter,
    ) -> Result<(Part, bool), FileError> {
        if let Some(whole) = &footer.whole {
            return Ok((whole.clone(), false));
        }
        let key = (footer.file.name.clone(), group);
        if let Some(kept) = self.groups.get(&key) {
            return Ok((kept, false));
        }
        let range = decode::group_range(footer.metadata.row_group(group));
        let part = self.read(&footer.file.name, range, meter).await?;
        if is_kept {
            self.groups.insert(key, part.clone());
        }
        Ok((part, true))
    }

    /// Messages of a row group, oldest first.
    pub(super) async fn records(
        &self,
        footer: &Arc<Footer>,
        group: usize,
        wanted: &Wanted,
        meter: &Meter,
    ) -> Result<Vec<Record>, FileError> {
        let (part, is_read) = self.group(footer, group, wanted.is_kept, meter).await?;
        let (of, wanted) = (Arc::clone(footer), wanted.clone());
        let decode = move || {
            let group = of.metadata.row_group(group);
            group::records(group, part, &wanted)
        };
        let records = self
            .decoded(&footer.file.name, footer.is_at_hand(), decode)
            .await;
        let records = records.inspect_err(|_| self.forget(footer, group))?;
        self.problems
            .read(footer.day, &footer.file.name, group, is_read);
        Ok(records)
    }

    /// Decodes: a few bytes at once, more on a thread that may take its time.
    /// Other people's bytes may also end a decoder in a panic.
    async fn decoded<T: Send + 'static>(
        &self,
        name: &str,
        is_small: bool,
        decode: impl FnOnce() -> Result<T, Damage> + Send + 'static,
    ) -> Result<T, FileError> {
        if is_small {
            let done = std::panic::catch_unwind(AssertUnwindSafe(decode));
            let done = done.map_err(|_| FileError::damaged(name, "it cannot be decoded"))?;
            return done.map_err(|damage| FileError::damaged(name, damage));
        }
        // It is never closed. Who no longer waits does not end the thread.
        let turn = Arc::clone(&self.decoders).acquire_owned().await.ok();
        let decode = move || {
            let _turn = turn;
            decode()
        };
        let done = tokio::task::spawn_blocking(decode).await;
        let done = done.map_err(|_| FileError::damaged(name, "it cannot be decoded"))?;
        done.map_err(|damage| FileError::damaged(name, damage))
    }

    /// What is damaged is read again the next time: somebody may have put the
    /// file back.
    fn forget(&self, footer: &Footer, group: usize) {
        let name = &footer.file.name;
        self.footers.remove(name);
        self.groups.remove(&(name.to_owned(), group));
        self.problems.damaged(footer.day, name, group);
    }

    /// The ids of a row group, oldest first.
    pub(super) async fn ids(
        &self,
        footer: &Arc<Footer>,
        group: usize,
        meter: &Meter,
    ) -> Result<Vec<MessageId>, FileError> {
        let (part, _) = self.group(footer, group, false, meter).await?;
        let of = Arc::clone(footer);
        let decode = move || group::ids(of.metadata.row_group(group), part);
        let ids = self
            .decoded(&footer.file.name, footer.is_at_hand(), decode)
            .await;
        ids.inspect_err(|_| self.forget(footer, group))
    }
}
