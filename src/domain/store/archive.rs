//! What a store knows of an archive: which file has the messages of which day.
//!
//! A day of the archive is a UTC day, and one file. The store keeps a row for
//! each, changed only as it was last seen, so that of two who archive one day
//! one has to begin again, and nothing they wrote is named twice.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Deleter, Deletion, StoreError};
use crate::domain::{MessageId, Record};

/// A day in UTC, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

impl Day {
    /// The day of a message.
    pub fn of(id: MessageId) -> Day {
        Day(id.millis().div_euclid(DAY_MILLIS))
    }

    /// The day of a moment.
    pub fn at(moment: DateTime<Utc>) -> Day {
        Day(moment.timestamp_millis().div_euclid(DAY_MILLIS))
    }

    /// Its first moment.
    pub fn start(self) -> DateTime<Utc> {
        let millis = self.0.saturating_mul(DAY_MILLIS);
        DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The ids of its messages: from the first (inclusive) to the second
    /// (exclusive).
    pub fn ids(self) -> (MessageId, MessageId) {
        let first = |day: Day| MessageId::from_parts(day.0.saturating_mul(DAY_MILLIS), 0);
        (first(self), first(Day(self.0 + 1)))
    }
}

/// As people write it, `2026-11-30`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.start().format("%Y-%m-%d"))
    }
}

/// A file of the archive. It is never changed, and its name never used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveFile {
    /// Below the archive's root: `2026/11/30/ULID-0.parquet`.
    pub name: String,
    /// Messages in it, at least one.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// The oldest message in it.
    pub first: MessageId,
    /// The newest.
    pub last: MessageId,
    /// SHA-256 of its bytes.
    pub checksum: [u8; 32],
}

/// A day that is archived, or that is about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedDay {
    /// Which one.
    pub day: Day,
    /// The file with its messages, if there is one yet.
    pub file: Option<ArchiveFile>,
    /// Messages of the day that were deleted since it was begun; never less
    /// than it was.
    pub removals: u64,
    /// As many of them are known not to be in the file.
    pub cleaned: u64,
    /// The file that this one took the place of, until it is known to be gone.
    pub replaced: Option<String>,
}

impl ArchivedDay {
    /// Whether the file may have messages that were deleted.
    pub fn is_unclean(&self) -> bool {
        self.file.is_some() && self.removals > self.cleaned
    }
}

/// What an answer took out of an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColdRead {
    /// Files that were looked into.
    pub files: u64,
    /// Bytes of them that were read.
    pub bytes: u64,
    /// Days, from the first (inclusive) to the second (exclusive), whose
    /// messages may be missing in the answer: their files cannot be read, or
    /// may not be.
    pub missing: Vec<Range<Day>>,
}

impl ColdRead {
    /// Both together.
    pub fn add(&mut self, other: ColdRead) {
        self.files += other.files;
        self.bytes += other.bytes;
        for days in other.missing {
            // A walk goes from day to day.
            match self.missing.last_mut() {
                Some(last) if days.start <= last.end && last.start <= days.end => {
                    *last = days.start.min(last.start)..days.end.max(last.end);
                }
                Some(_) | None => self.missing.push(days),
            }
        }
    }
}

/// Knows the files of an archive, and takes part where messages are deleted
/// that only the archive has.
#[async_trait]
pub trait Manifest: Send + Sync {
    /// What tells this store from all others but its own copies: 32 lower-case
    /// hexadecimal digits, drawn at random when it was made.
    async fn identity(&self) -> Result<String, StoreError> {
        Err(StoreError::NotYet("archive messages"))
    }

    /// Days from the first to the second, both included, newest first, at most
    /// `limit`; without a file too.
    async fn archived_days(
        &self,
        from: Day,
        to: Day,
        limit: usize,
    ) -> Result<Vec<ArchivedDay>, StoreError> {
        let _ = (from, to, limit);
        Ok(Vec::new())
    }

    /// What there is of a day. From here on each message of it that is deleted
    /// is counted, so this comes before its messages are read.
    async fn begin_day(&self, day: Day) -> Result<ArchivedDay, StoreError> {
        let _ = day;
        Err(StoreError::NotYet("archive messages"))
    }

    /// Names another file for a day, or none, which is clean of the removals
    /// `seen`, and keeps the name of the file that was there as the one
    /// replaced; unless anything of the day is otherwise than it was seen, or a
    /// file replaced before is not known to be gone. Says whether it did. The
    /// same file again is only known to be clean.
    async fn swap_day(
        &self,
        seen: &ArchivedDay,
        file: Option<&ArchiveFile>,
    ) -> Result<bool, StoreError> {
        let _ = (seen, file);
        Err(StoreError::NotYet("archive messages"))
    }

    /// A file that was replaced is gone.
    async fn forget_replaced(&self, day: Day, name: &str) -> Result<(), StoreError> {
        let _ = (day, name);
        Err(StoreError::NotYet("archive messages"))
    }

    /// Days that have work left: a file that is not known to be clean, or one
    /// that was replaced and may be there.
    async fn unfinished_days(&self) -> Result<Vec<ArchivedDay>, StoreError> {
        Ok(Vec::new())
    }

    /// Deletes messages that the archive has, a thousand at most at once: as
    /// [`Removal::delete`](super::Removal::delete), and where the store has
    /// neither a row nor a tombstone it takes away what the record says that
    /// it counted.
    async fn delete_archived(
        &self,
        records: Vec<Record>,
        deleter: Deleter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Deletion>, StoreError> {
        let _ = (records, deleter, now);
        Err(StoreError::NotYet("delete archived messages"))
    }

    /// Which of these messages were deleted, a thousand at most at once.
    async fn deleted_of(&self, ids: Vec<MessageId>) -> Result<Vec<MessageId>, StoreError> {
        let _ = ids;
        Err(StoreError::NotYet("archive messages"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_the_ids_of_its_moments() {
        let midnight = DateTime::from_timestamp(1_796_083_200, 0).unwrap();
        let day = Day::at(midnight);
        assert_eq!(day.to_string(), "2026-12-01");
        let (first, end) = day.ids();
        assert_eq!((Day::of(first), first.created_at()), (day, midnight));
        assert_eq!(Day::of(first.predecessor()), Day(day.0 - 1));
        assert_eq!(Day::of(end.predecessor()), day);
        assert_eq!(Day::of(end), Day(day.0 + 1));
    }
}
