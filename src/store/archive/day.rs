//! Writing a day anew: what the hot store has of it that is due, and what its
//! file has, without what was deleted. Then the hot store evicts what is in
//! the file.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use parquet::errors::ParquetError;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::Archived;
use super::cold::{Footer, Meter};
use super::decode;
use super::encode::DayWriter;
use super::files::{self, FileError, Name, Spool};
use super::group::Wanted;
use super::mover::{Due, Moved, unsettled};
use super::scan::without_deleted;
use crate::domain::{ArchiveFile, ArchivedDay, Day, MessageId, Record, Rule, StoreError};

/// Records read, and handed to the writer of the file, at once.
const PAGE: usize = 1_000;
/// Messages evicted in one transaction, at the least and at the most.
const EVICTED: (usize, usize) = (200, 2_000);
/// How long a transaction is to take: posts wait for it.
const WAITED: Duration = Duration::from_millis(40);
/// How often a day is begun again that others change meanwhile.
const ATTEMPTS: usize = 8;
/// Of a file read back.
const PIECE: u64 = 8 * 1024 * 1024;
/// How long a day may take: a name that is older may be swept away.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// A day written to a local file.
struct Spooled {
    temporary: Spool,
    /// `None` where no message is left.
    file: Option<ArchiveFile>,
    /// It differs from the present file.
    is_new: bool,
}

impl Archived {
    /// Writes a day anew and evicts what is in its file; only without what was
    /// deleted, where nothing is due.
    pub(super) async fn write_day(&self, day: Day, due: &Due) -> Result<Moved, StoreError> {
        self.claim().await?;
        let begun = Instant::now();
        for _ in 0..ATTEMPTS {
            let seen = self.begin(day).await?;
            let spooled = self.spool(&seen, due).await?;
            let mut moved = Moved::default();
            let present = match spooled.is_new {
                true => {
                    if let Some(file) = &spooled.file {
                        self.keep(file, spooled.temporary).await?;
                        moved.files = 1;
                        moved.bytes = file.bytes;
                    }
                    spooled.file
                }
                false => seen.file.clone(),
            };
            let is_changed = spooled.is_new || seen.is_unclean();
            if begun.elapsed() > LONGEST {
                return Err(StoreError::Unavailable(format!(
                    "{day} takes too long to archive"
                )));
            }
            if is_changed && !self.hot.swap_day(&seen, present.as_ref()).await? {
                if let Some(file) = present.filter(|_| spooled.is_new) {
                    self.discard(&file.name).await?;
                }
                continue;
            }
            let is_replaced = spooled.is_new && seen.file.is_some();
            let mut dropped = match seen.file.filter(|_| is_replaced) {
                Some(replaced) => self.drop_replaced(day, &replaced.name).await,
                None => Ok(()),
            };
            if seen.removals > 0 && dropped.is_ok() {
                dropped = self.drop_outdated(day, seen.removals).await;
            }
            if let Some(file) = present.filter(|_| !due.is_nothing()) {
                moved.messages = self.evict_archived(day, &file).await?;
            }
            dropped?;
            return Ok(moved);
        }
        Err(StoreError::Conflict(format!(
            "{day} changes too often to be archived"
        )))
    }

    /// Writes days anew whose files may have what was deleted, and removes what
    /// they replaced.
    pub(super) async fn finish_days(&self, mut days: Vec<Day>) -> Result<(), StoreError> {
        days.sort_unstable();
        days.dedup();
        for day in days {
            let present = self.hot.archived_days(day, day, 1).await?.pop();
            let Some(present) = present else { continue };
            if present.is_unclean() || present.replaced.is_some() {
                self.write_day(day, &Due::nothing()).await?;
            } else if present.removals > 0 && day < unsettled(Utc::now()) {
                // Somebody may have been cut off before, even before the day
                // had a file.
                self.drop_outdated(day, present.removals).await?;
            }
        }
        Ok(())
    }

    /// What there is of a day, with nothing left that was replaced.
    async fn begin(&self, day: Day) -> Result<ArchivedDay, StoreError> {
        let seen = self.hot.begin_day(day).await?;
        let Some(replaced) = &seen.replaced else {
            return Ok(seen);
        };
        self.drop_replaced(day, replaced).await?;
        self.hot.begin_day(day).await
    }

    async fn drop_replaced(&self, day: Day, name: &str) -> Result<(), StoreError> {
        self.discard(name).await?;
        self.hot.forget_replaced(day, name).await
    }

    /// Removes what was written of a day by who then did not name it, and may
    /// have what was deleted since: nobody can name it any more.
    async fn drop_outdated(&self, day: Day, removals: u64) -> Result<(), StoreError> {
        let listed = self.cold.files.list(Some(&files::folder(day))).await;
        let mut outdated = listed.map_err(FileError::into_error)?;
        let present = self.hot.archived_days(day, day, 1).await?.pop();
        let named = present.and_then(|day| day.file);
        outdated.retain(|listed| {
            let name: Option<Name> = listed.name.parse().ok();
            let is_named = named.as_ref().is_some_and(|file| file.name == listed.name);
            !is_named && name.is_some_and(|name| name.removals < removals)
        });
        if outdated.is_empty() {
            return Ok(());
        }
        // Of a day whose own file is lost, another may be the only copy.
        if let Some(file) = &named
            && self.length(day, file).await? != Some(file.bytes)
        {
            return Err(self.unread(day, &FileError::Missing(file.name.clone())));
        }
        for file in outdated {
            self.discard(&file.name).await?;
        }
        Ok(())
    }

    async fn discard(&self, name: &str) -> Result<(), StoreError> {
        self.claim().await?;
        let removed = self.cold.files.remove(name).await;
        removed.map_err(FileError::into_error)
    }

    /// Writes what the day's file is to have to a local file.
    async fn spool(&self, seen: &ArchivedDay, due: &Due) -> Result<Spooled, StoreError> {
        let temporary = self.cold.files.spool().map_err(unwritten)?;
        let file = temporary.file.try_clone().map_err(unwritten)?;
        let mut writer = DayWriter::new(file, seen.day);
        let mut hot = HotDay::new(self, seen.day, due);
        let mut cold = ColdDay::open(self, seen).await?;
        let (mut batch, mut is_new) = (Vec::with_capacity(PAGE), false);
        loop {
            let order = match (hot.peek().await?, cold.peek().await?) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(hot), Some(cold)) => hot.cmp(&cold),
            };
            // What is in both is in the file already.
            is_new |= order.is_lt();
            if order.is_le() {
                batch.extend(hot.page.pop_front());
            }
            if order.is_ge() {
                let archived = cold.group.pop_front();
                batch.extend(archived.filter(|_| order.is_gt()));
            }
            if batch.len() == PAGE {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(PAGE));
                writer = written(writer, full).await?;
            }
        }
        writer = written(writer, batch).await?;
        let name = Name::new(seen).to_string();
        let finish = tokio::task::spawn_blocking(move || writer.finish(name)).await;
        let file = finish.map_err(unwritten)?.map_err(unwritten)?;
        Ok(Spooled {
            temporary,
            file,
            is_new: is_new || cold.dropped > 0,
        })
    }

    /// Puts a file into the archive, and reads it back: only what is seen to be
    /// there is evicted.
    async fn keep(&self, file: &ArchiveFile, temporary: Spool) -> Result<(), StoreError> {
        let away = |error: FileError| StoreError::ArchiveAway(error.to_string());
        let files = &self.cold.files;
        files.put(&file.name, temporary).await.map_err(away)?;
        let (mut hash, mut start) = (Sha256::new(), 0);
        while start < file.bytes {
            let end = file.bytes.min(start + PIECE);
            let piece = files.read(&file.name, start..end).await.map_err(away)?;
            hash.update(&piece);
            start = end;
        }
        let read: [u8; 32] = hash.finalize().into();
        match read == file.checksum {
            true => Ok(()),
            false => Err(away(FileError::damaged(
                &file.name,
                "what was read back is not what was written",
            ))),
        }
    }

    /// Evicts what the hot store has of a file; how many messages.
    async fn evict_archived(&self, day: Day, file: &ArchiveFile) -> Result<u64, StoreError> {
        let meter = no_hurry();
        let footer = self.cold.footer(day, file, &meter).await;
        let footer = footer.map_err(|error| self.unread(day, &error))?;
        let (mut evicted, mut after) = (0, file.first.predecessor());
        let after_none = file.first == MessageId::MIN;
        let mut group = None;
        let mut is_first = after_none;
        let mut step = EVICTED.0;
        loop {
            let behind = Some(after).filter(|_| !is_first);
            is_first = false;
            let end = file.last.successor();
            let ids = self.hot.due(&Rule::All, behind, end, step).await?;
            let Some(last) = ids.last() else {
                return Ok(evicted);
            };
            after = *last;
            let there = self.in_file(&footer, ids, &mut group, &meter).await;
            let there = there.map_err(|error| self.unread(day, &error))?;
            if !there.is_empty() {
                let evict = async {
                    let begun = Instant::now();
                    let gone = self.hot.evict(there, None).await?;
                    Ok((gone, begun.elapsed()))
                };
                let (gone, taken) = self.in_turn(evict).await?;
                evicted += gone;
                step = next_step(step, taken);
                // As much time for posts.
                tokio::time::sleep(taken).await;
            }
        }
    }

    /// Which of some ids, in order, a file has; the row group looked at last is
    /// kept for the next ones.
    async fn in_file(
        &self,
        footer: &Arc<Footer>,
        mut ids: Vec<MessageId>,
        kept: &mut Option<(usize, Vec<MessageId>)>,
        meter: &Meter,
    ) -> Result<Vec<MessageId>, FileError> {
        let damaged = |damage| FileError::damaged(&footer.file.name, damage);
        let mut there = Vec::with_capacity(ids.len());
        for at in 0..footer.metadata.num_row_groups() {
            let bounds = decode::group_ids(footer.metadata.row_group(at));
            let (first, last) = bounds.map_err(damaged)?;
            let (low, high) = (
                ids.partition_point(|id| *id < first),
                ids.partition_point(|id| *id <= last),
            );
            if low == high {
                continue;
            }
            if kept.as_ref().is_none_or(|(group, _)| *group != at) {
                *kept = Some((at, self.cold.ids(footer, at, meter).await?));
            }
            let rows = kept.as_ref().map_or(&[][..], |(_, rows)| rows.as_slice());
            let found = ids[low..high].iter();
            there.extend(found.filter(|id| rows.binary_search(id).is_ok()));
            ids.drain(..high);
        }
        Ok(there)
    }

    fn unread(&self, day: Day, error: &FileError) -> StoreError {
        self.cold.problems.met(day, error);
        StoreError::ArchiveAway(error.to_string())
    }
}

/// What the hot store has of a day that is due, oldest first.
struct HotDay<'a> {
    archived: &'a Archived,
    due: &'a Due,
    page: VecDeque<Record>,
    after: Option<MessageId>,
    end: MessageId,
    is_done: bool,
}

impl HotDay<'_> {
    fn new<'a>(archived: &'a Archived, day: Day, due: &'a Due) -> HotDay<'a> {
        let (first, end) = day.ids();
        HotDay {
            archived,
            due,
            page: VecDeque::new(),
            after: (first > MessageId::MIN).then(|| first.predecessor()),
            end,
            is_done: due.is_nothing(),
        }
    }

    /// The id of the next record.
    async fn peek(&mut self) -> Result<Option<MessageId>, StoreError> {
        while self.page.is_empty() && !self.is_done {
            let mut page = self.archived.hot.export(self.after, PAGE).await?;
            self.after = page.last().map(|last| last.message.id).or(self.after);
            self.is_done = page.len() < PAGE || self.after >= Some(self.end);
            page.retain(|record| record.message.id < self.end && self.due.wants(&record.message));
            self.page = page.into();
        }
        Ok(self.page.front().map(|record| record.message.id))
    }
}

/// What a day's file has that was not deleted, oldest first.
struct ColdDay<'a> {
    archived: &'a Archived,
    footer: Option<Arc<Footer>>,
    is_unclean: bool,
    group: VecDeque<Record>,
    next: usize,
    meter: Meter,
    /// Messages left out.
    dropped: usize,
}

impl ColdDay<'_> {
    async fn open<'a>(
        archived: &'a Archived,
        seen: &ArchivedDay,
    ) -> Result<ColdDay<'a>, StoreError> {
        let meter = no_hurry();
        let footer = match &seen.file {
            Some(file) => {
                let footer = archived.cold.footer(seen.day, file, &meter).await;
                Some(footer.map_err(|error| archived.unread(seen.day, &error))?)
            }
            None => None,
        };
        Ok(ColdDay {
            archived,
            footer,
            is_unclean: seen.is_unclean(),
            group: VecDeque::new(),
            next: 0,
            meter,
            dropped: 0,
        })
    }

    /// The id of the next record.
    async fn peek(&mut self) -> Result<Option<MessageId>, StoreError> {
        let Some(footer) = &self.footer else {
            return Ok(None);
        };
        while self.group.is_empty() && self.next < footer.metadata.num_row_groups() {
            let wanted = Wanted {
                range: (MessageId::MIN, MessageId::MAX),
                filter: Arc::default(),
                ids: None,
                most: usize::MAX,
                is_back: false,
                is_kept: false,
            };
            let cold = &self.archived.cold;
            let read = cold.records(footer, self.next, &wanted, &self.meter).await;
            let mut records = read.map_err(|error| self.archived.unread(footer.day, &error))?;
            self.next += 1;
            let all = records.len();
            if self.is_unclean {
                without_deleted(self.archived.hot.as_ref(), &mut records).await?;
            }
            self.dropped += all - records.len();
            self.group = records.into();
        }
        Ok(self.group.front().map(|record| record.message.id))
    }
}

/// How many messages the next transaction evicts, where one of so many took so
/// long.
fn next_step(step: usize, taken: Duration) -> usize {
    let (least, most) = EVICTED;
    match taken {
        taken if taken > WAITED => (step / 2).max(least),
        taken if taken < WAITED / 2 => (step * 2).min(most),
        _ => step,
    }
}

/// Writes records, on a thread that may take its time.
async fn written(mut writer: DayWriter, records: Vec<Record>) -> Result<DayWriter, StoreError> {
    let write = move || {
        for record in records {
            writer.push(record)?;
        }
        Ok::<_, ParquetError>(writer)
    };
    let done = tokio::task::spawn_blocking(write).await;
    done.map_err(unwritten)?.map_err(unwritten)
}

fn unwritten(error: impl ToString) -> StoreError {
    let error = error.to_string();
    StoreError::Unavailable(format!("a file for the archive cannot be written: {error}"))
}

fn no_hurry() -> Meter {
    Meter::until(Instant::now() + LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_messages_are_evicted_at_once_as_posts_can_wait_for() {
        let after = |times: &[u64]| {
            let times = times.iter().map(|millis| Duration::from_millis(*millis));
            times.fold(EVICTED.0, next_step)
        };
        assert_eq!(after(&[5, 5]), 800);
        assert_eq!(after(&[5, 30, 50]), 200);
        assert_eq!(after(&[1; 9]), EVICTED.1);
        assert_eq!(after(&[1_000]), EVICTED.0);
    }
}
