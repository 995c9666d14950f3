//! Which messages are moved into the archive, and what else is done for it
//! from time to time.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Archived;
use super::files::{FileError, Listed, Name, folder};
use crate::domain::{ArchiveFile, ArchivedDay, Day, Message, MessageId, Rule, StoreError};

/// A file that no day names is spoken of after so long: until then somebody may
/// be about to name it.
const ORPHANED: Duration = Duration::from_secs(24 * 60 * 60);
/// A day is moved so long after its end at the earliest: retries of its last
/// posts are known by their keys, and who follows has read them.
const SETTLED: chrono::Duration = chrono::Duration::hours(1);
/// Days of the manifest read at once.
const DAYS: usize = 1_000;

/// Messages that are to be moved: those that a rule is about, of days before
/// one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due(Vec<(Rule, Day)>);

impl Due {
    /// All that one of the rules is about and that is of an earlier day than it
    /// says. Days that had not ended an hour before `now` are never moved.
    pub fn by(rules: impl IntoIterator<Item = (Rule, Day)>, now: DateTime<Utc>) -> Due {
        let latest = unsettled(now);
        let rules = rules.into_iter().map(|(rule, day)| (rule, day.min(latest)));
        Due(rules.collect())
    }

    pub(super) fn nothing() -> Due {
        Due::default()
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a message is to be moved.
    pub(super) fn wants(&self, message: &Message) -> bool {
        let day = Day::of(message.id);
        let mut rules = self.0.iter();
        rules.any(|(rule, before)| day < *before && rule.is_about(&message.hashtags))
    }
}

/// The first day that is not moved yet.
pub(super) fn unsettled(now: DateTime<Utc>) -> Day {
    Day::at(now - SETTLED)
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Messages that the hot store has no more.
    pub messages: u64,
    /// Files written.
    pub files: u64,
    /// Their length.
    pub bytes: u64,
}

impl Moved {
    fn add(&mut self, other: Moved) {
        self.messages += other.messages;
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// What would be moved of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueDay {
    /// The day.
    pub day: Day,
    /// Messages of it.
    pub messages: u64,
}

impl Archived {
    /// Moves what is due into the archive, a day at a time, the oldest first. A
    /// day that fails is left for the next time, and its failure is the answer
    /// once the others are moved.
    ///
    /// # Errors
    /// The hot store, or the archive, of the first day that failed.
    pub async fn move_due(&self, due: &Due, moved: &mut Moved) -> Result<(), StoreError> {
        let cleared = self.cold.files.clear_spools().await;
        let mut first_failure = cleared.map_err(FileError::into_error);
        for (rule, before) in &due.0 {
            let mut after: Option<MessageId> = None;
            let end = before.ids().0;
            loop {
                let next = self.hot.due(rule, after, end, 1).await?.pop();
                let Some(day) = next.map(Day::of) else {
                    break;
                };
                match self.write_day(day, due).await {
                    Ok(done) => {
                        tracing::info!(
                            %day,
                            messages = done.messages,
                            bytes = done.bytes,
                            "moved messages of a day into the archive"
                        );
                        moved.add(done);
                    }
                    Err(error) => {
                        tracing::warn!(%day, %error, "a day was not archived; it is tried again");
                        first_failure = first_failure.and(Err(error));
                    }
                }
                after = Some(day.ids().1.predecessor());
            }
        }
        first_failure
    }

    /// What is due, by day, oldest first.
    ///
    /// # Errors
    /// The hot store.
    pub async fn due_days(&self, due: &Due) -> Result<Vec<DueDay>, StoreError> {
        let mut days: Vec<DueDay> = Vec::new();
        let mut seen = HashSet::new();
        for (at, (rule, before)) in due.0.iter().enumerate() {
            let (mut after, end) = (None, before.ids().0);
            loop {
                let ids = self.hot.due(rule, after, end, DAYS).await?;
                after = ids.last().copied();
                if after.is_none() {
                    break;
                }
                for id in ids {
                    // Two rules may be about one message.
                    if due.0.len() > 1 && (at + 1 < due.0.len() || at > 0) && !seen.insert(id) {
                        continue;
                    }
                    let day = Day::of(id);
                    match days.last_mut().filter(|last| last.day == day) {
                        Some(last) => last.messages += 1,
                        None => days.push(DueDay { day, messages: 1 }),
                    }
                }
            }
        }
        days.sort_by_key(|day| day.day);
        days.dedup_by(|next, kept| {
            let is_same = next.day == kept.day;
            kept.messages += if is_same { next.messages } else { 0 };
            is_same
        });
        Ok(days)
    }

    /// Whether no deletion waits for its day to be written anew.
    ///
    /// # Errors
    /// The hot store.
    pub async fn is_finished(&self) -> Result<bool, StoreError> {
        Ok(self.hot.unfinished_days().await?.is_empty())
    }

    /// Writes days anew that deletions left unclean, and removes what was
    /// replaced.
    ///
    /// # Errors
    /// The hot store, or the archive, of the first day that failed; the others
    /// are done.
    pub async fn finish(&self) -> Result<(), StoreError> {
        let mut first_failure = Ok(());
        for day in self.hot.unfinished_days().await? {
            let done = self.write_day(day.day, &Due::nothing()).await;
            if let Err(error) = done {
                let day = day.day;
                tracing::warn!(%day, %error, "deleted messages are still in a file of the archive; it is tried again");
                first_failure = first_failure.and(Err(error));
            }
        }
        first_failure
    }

    /// Compares the archive with the manifest: what is missing or of another
    /// length is known from then on (`/readyz`), and files that may have what
    /// was deleted since are removed, where the day's own file is whole. How
    /// many were. Others that no day names are left, and the log says so: a
    /// store that was restored from a backup, or another one, may need them.
    ///
    /// # Errors
    /// The hot store, or the archive.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        // Listed first: what is written meanwhile is named, or young.
        let listed = self.cold.files.list(None).await;
        let listed = listed.map_err(FileError::into_error)?;
        let (mut named, mut removals) = (HashSet::new(), HashMap::new());
        for day in self.all_days().await? {
            let is_whole = match &day.file {
                Some(file) => self.compare(day.day, file, &listed).await?,
                None => true,
            };
            if is_whole {
                removals.insert(day.day, day.removals);
            }
            named.extend(day.file.map(|file| file.name));
        }
        let (mut removed, mut left) = (0, Vec::new());
        for file in &listed {
            let Ok(name) = file.name.parse::<Name>() else {
                continue;
            };
            if named.contains(&file.name) {
                continue;
            }
            let known = removals.get(&name.day()).copied().unwrap_or_default();
            let age = (now - name.given_at()).to_std();
            if name.removals < known {
                self.claim().await?;
                let gone = self.cold.files.remove(&file.name).await;
                gone.map_err(FileError::into_error)?;
                tracing::info!(
                    file = file.name,
                    "removed a file of the archive that may have deleted messages and that no day names"
                );
                removed += 1;
            } else if age.is_ok_and(|age| age > ORPHANED) {
                left.push(&file.name);
            }
        }
        if let Some(file) = left.first() {
            let files = left.len();
            tracing::warn!(
                files,
                file,
                "the archive has files that no day names: left by a program that was killed, or needed by another store or backup"
            );
        }
        Ok(removed)
    }

    /// Whether a day's file is there in its length; whether it is or not is
    /// known from then on.
    async fn compare(
        &self,
        day: Day,
        file: &ArchiveFile,
        listed: &[Listed],
    ) -> Result<bool, StoreError> {
        let found = listed.iter().find(|listed| listed.name == file.name);
        let found = match found {
            Some(found) => Some(found.bytes),
            // It may have been written since.
            None => self.length(day, file).await?,
        };
        let problem = match found {
            Some(bytes) if bytes == file.bytes => {
                self.cold.problems.solved(day, &file.name);
                return Ok(true);
            }
            Some(bytes) => {
                let why = format!("it has {bytes} bytes, not {}", file.bytes);
                FileError::damaged(&file.name, why)
            }
            None => FileError::Missing(file.name.clone()),
        };
        let present = self.hot.archived_days(day, day, 1).await?;
        if present.iter().any(|day| day.file.as_ref() == Some(file)) {
            self.cold.problems.met(day, &problem);
        }
        Ok(false)
    }

    /// How long a day's file is, if it is there.
    pub(super) async fn length(
        &self,
        day: Day,
        file: &ArchiveFile,
    ) -> Result<Option<u64>, StoreError> {
        let listed = self.cold.files.list(Some(&folder(day))).await;
        let mut listed = listed.map_err(FileError::into_error)?.into_iter();
        let found = listed.find(|listed| listed.name == file.name);
        Ok(found.map(|found| found.bytes))
    }

    pub(super) async fn all_days(&self) -> Result<Vec<ArchivedDay>, StoreError> {
        let (mut all, mut to) = (Vec::new(), Day::at(Utc::now()));
        loop {
            let days = self.hot.archived_days(Day(0), to, DAYS).await?;
            let next = days.last().map(|last| Day(last.day.0 - 1));
            let is_last = days.len() < DAYS;
            all.extend(days);
            match next {
                Some(next) if !is_last => to = next,
                Some(_) | None => return Ok(all),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_moved_an_hour_after_its_end() {
        let day = Day(20_000);
        let end = Day(day.0 + 1).start();
        let latest = |minutes| {
            let now = end + chrono::Duration::minutes(minutes);
            let due = Due::by([(Rule::All, Day(30_000))], now);
            due.0[0].1
        };
        assert_eq!((latest(59), latest(60)), (day, Day(day.0 + 1)));
    }
}
