//! A walk along the archive's days, newest or oldest first, for a page or for
//! a few messages: bounded by what is wanted and by a moment.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::ahead::{Ahead, Place};
use super::cold::{Cold, Footer, Meter};
use super::days::Days;
use super::decode;
use super::files::FileError;
use super::group::Wanted;
use crate::domain::{
    ArchivedDay, ColdRead, Day, FollowFilter, MessageId, Record, Store, StoreError,
};

/// How often a day is looked at again whose file was replaced meanwhile.
const REPLACED: usize = 3;
/// What is looked at first may take so long, however little time there is: who
/// goes on from where a walk stopped is to get further.
const FIRST: Duration = Duration::from_secs(1);

/// What is looked for.
#[derive(Clone)]
pub(super) struct Search {
    /// From the first (inclusive) to the second (exclusive).
    pub(super) range: (MessageId, MessageId),
    pub(super) filter: Arc<FollowFilter>,
    /// Only these, in order.
    pub(super) ids: Option<Arc<[MessageId]>>,
    /// The newest first.
    pub(super) is_back: bool,
    /// At most so many.
    pub(super) want: usize,
    /// When to stop, but not before something was looked at.
    pub(super) deadline: Instant,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// In the order of the walk.
    pub(super) records: Vec<Record>,
    /// Where the walk stopped for want of time: back, all from this id on were
    /// looked at; forward, all up to this one.
    pub(super) reached: Option<MessageId>,
    pub(super) cold: ColdRead,
    /// Why the walk ended before its end, where the archive does not answer.
    pub(super) failure: Option<FileError>,
}

impl Found {
    /// All of what was looked for, or why that is not known.
    pub(super) fn whole(self) -> Result<Vec<Record>, StoreError> {
        if let Some(failure) = self.failure {
            return Err(failure.into_error());
        }
        match self.cold.missing.first() {
            None => Ok(self.records),
            Some(days) => Err(StoreError::ArchiveAway(format!(
                "the file of {} is missing or damaged; the log says how",
                days.start
            ))),
        }
    }

    fn miss(&mut self, days: Range<Day>) {
        let read = ColdRead {
            missing: vec![days],
            ..ColdRead::default()
        };
        self.cold.add(read);
    }
}

/// What became of a day.
enum Walked {
    /// To its end.
    On,
    /// As much as is wanted is found, or the time is up.
    Stop,
}

impl Cold {
    /// Looks for messages.
    ///
    /// # Errors
    /// The store with the manifest. What the archive does not give is said in
    /// [`Found`].
    pub(super) async fn search(
        self: &Arc<Cold>,
        hot: &dyn Store,
        search: Search,
    ) -> Result<Found, StoreError> {
        let (low, high) = search.range;
        if low >= high || search.want == 0 {
            return Ok(Found::default());
        }
        let mut days = Days::new(&search);
        // What is being read at the deadline is waited for a while.
        let now = Instant::now();
        let late = search.deadline + search.deadline.saturating_duration_since(now) / 2;
        let deadline = late.max(now + FIRST);
        let meter = Arc::new(Meter::until(deadline));
        let mut walk = Walk {
            cold: self,
            hot,
            ahead: Ahead::new(self, &meter),
            meter,
            began: search.range,
            search,
            found: Found::default(),
            is_first: true,
        };
        let mut permit = None;
        'walk: loop {
            let batch = days.next(hot, &walk.search).await?;
            let Some(first) = batch.first() else {
                break;
            };
            if permit.is_none() {
                permit = timeout_at(deadline, self.walks.acquire()).await.ok();
            }
            if permit.is_none() {
                walk.unread(first.day, FileError::Late("the archive".to_owned()));
                break;
            }
            let footers = walk.footers(&batch).await;
            walk.announce(&batch, &footers);
            for (day, footer) in batch.into_iter().zip(footers) {
                walk.found.cold.files += 1;
                match walk.day(day, footer).await? {
                    Walked::On => {}
                    Walked::Stop => break 'walk,
                }
            }
        }
        walk.found.cold.bytes = walk.meter.bytes();
        Ok(walk.found)
    }

    async fn footer_of(&self, day: &ArchivedDay, meter: &Meter) -> Result<Arc<Footer>, FileError> {
        match &day.file {
            Some(file) => self.footer(day.day, file, meter).await,
            None => Err(FileError::Missing(format!("a file of {}", day.day))),
        }
    }
}

/// The state of a walk.
struct Walk<'a> {
    cold: &'a Arc<Cold>,
    hot: &'a dyn Store,
    meter: Arc<Meter>,
    ahead: Ahead,
    /// Its range shrinks to what was not looked at yet.
    search: Search,
    /// The range as it was.
    began: (MessageId, MessageId),
    found: Found,
    /// Nothing was looked at yet.
    is_first: bool,
}

impl Walk<'_> {
    /// The footers of some days, all at once.
    async fn footers(&self, days: &[ArchivedDay]) -> Vec<Result<Arc<Footer>, FileError>> {
        let mut reading = JoinSet::new();
        for (at, day) in days.iter().enumerate() {
            let (cold, meter) = (Arc::clone(self.cold), Arc::clone(&self.meter));
            let day = day.clone();
            reading.spawn(async move { (at, cold.footer_of(&day, &meter).await) });
        }
        let lost = || Err(FileError::away("a footer", "its reader ended"));
        let mut read: Vec<_> = days.iter().map(|_| lost()).collect();
        while let Some(done) = reading.join_next().await {
            if let Ok((at, footer)) = done {
                read[at] = footer;
            }
        }
        read
    }

    /// Row groups of these days will be looked through, if it comes to that.
    fn announce(&mut self, days: &[ArchivedDay], footers: &[Result<Arc<Footer>, FileError>]) {
        for (day, footer) in days.iter().zip(footers) {
            let Ok(footer) = footer else { continue };
            let groups = in_turn(footer, self.search.is_back);
            let wanted = groups.filter(|group| {
                let bounds = decode::group_ids(footer.metadata.row_group(*group));
                bounds.is_ok_and(|(first, last)| self.search.may_be_within(first, last))
            });
            let places = wanted.map(|group| Place {
                footer: Arc::clone(footer),
                group,
                has_removals: day.is_unclean(),
            });
            self.ahead.announce(places);
        }
    }

    /// Looks through a day; again, if its file was replaced meanwhile.
    async fn day(
        &mut self,
        mut day: ArchivedDay,
        mut footer: Result<Arc<Footer>, FileError>,
    ) -> Result<Walked, StoreError> {
        for _ in 0..REPLACED {
            let walked = match &footer {
                Ok(footer) => self.groups(footer, day.is_unclean()).await?,
                Err(error) => Err(error.clone()),
            };
            let error = match walked {
                Ok(walked) => return Ok(walked),
                Err(error) => error,
            };
            if matches!(error, FileError::Missing(_)) {
                let present = self.hot.archived_days(day.day, day.day, 1).await?.pop();
                let Some(present) = present.filter(|present| present.file.is_some()) else {
                    return Ok(Walked::On);
                };
                if present.file != day.file {
                    day = present;
                    footer = self.cold.footer_of(&day, &self.meter).await;
                    continue;
                }
            }
            return Ok(self.unread(day.day, error));
        }
        let error = FileError::away(&format!("the file of {}", day.day), "it changes too often");
        Ok(self.unread(day.day, error))
    }

    /// Says that a day is missing, and with a place that does not answer all
    /// that is behind it.
    fn unread(&mut self, day: Day, error: FileError) -> Walked {
        let (low, high) = self.search.range;
        let next = Day(day.0 + 1);
        match &error {
            FileError::Late(_) => {
                let place = match self.search.is_back {
                    true => day.ids().1,
                    false => day.ids().0.predecessor(),
                };
                if self.stops_at(place) {
                    return Walked::Stop;
                }
            }
            FileError::Missing(_) | FileError::Damaged { .. } | FileError::Away { .. } => {
                self.cold.problems.met(day, &error);
            }
        }
        match error {
            FileError::Missing(_) | FileError::Damaged { .. } => {
                self.found.miss(day..next);
                Walked::On
            }
            FileError::Away { .. } | FileError::Late(_) => {
                self.found.miss(match self.search.is_back {
                    true => Day::of(low)..next,
                    false => day..Day(Day::of(high.predecessor()).0 + 1),
                });
                self.found.failure = Some(error);
                Walked::Stop
            }
        }
    }

    /// Stops for want of time, if who goes on from there is further than who
    /// asked. Back, all from a place on were looked at; forward, all up to it.
    fn stops_at(&mut self, place: MessageId) -> bool {
        let (low, high) = self.began;
        let is_further = match self.search.is_back {
            true => place < high,
            false => place >= low,
        };
        if is_further {
            self.found.reached = Some(place);
        }
        is_further
    }

    /// Looks through the row groups of a file.
    async fn groups(
        &mut self,
        footer: &Arc<Footer>,
        has_removals: bool,
    ) -> Result<Result<Walked, FileError>, StoreError> {
        for group in in_turn(footer, self.search.is_back) {
            let (first, last) = match decode::group_ids(footer.metadata.row_group(group)) {
                Ok(ids) => ids,
                Err(damage) => return Ok(Err(FileError::damaged(&footer.file.name, damage))),
            };
            if !self.search.may_be_within(first, last) {
                continue;
            }
            let place = match self.search.is_back {
                true => last.successor(),
                false => first.predecessor(),
            };
            if !self.is_first && Instant::now() >= self.search.deadline {
                self.found.reached = Some(place);
                return Ok(Ok(Walked::Stop));
            }
            let next = Place {
                footer: Arc::clone(footer),
                group,
                has_removals,
            };
            let wanted = self.wanted();
            let mut records = match self.ahead.records(next, &wanted).await {
                Ok(records) => records,
                Err(FileError::Late(_)) if self.stops_at(place) => return Ok(Ok(Walked::Stop)),
                Err(error) => return Ok(Err(error)),
            };
            self.is_first = false;
            if has_removals && !records.is_empty() {
                without_deleted(self.hot, &mut records).await?;
            }
            self.take(records);
            if self.found.records.len() >= self.search.want {
                return Ok(Ok(Walked::Stop));
            }
        }
        Ok(Ok(Walked::On))
    }

    /// What is wanted of the row groups that come.
    fn wanted(&self) -> Wanted {
        let search = &self.search;
        Wanted {
            range: search.range,
            filter: Arc::clone(&search.filter),
            ids: search.ids.clone(),
            most: search.want - self.found.records.len(),
            is_back: search.is_back,
            is_kept: true,
        }
    }

    /// Takes what is wanted, and does not look for it again: the day may have
    /// to be begun anew, over another file.
    fn take(&mut self, mut records: Vec<Record>) {
        if self.search.is_back {
            records.reverse();
        }
        records.truncate(self.search.want - self.found.records.len());
        if let Some(last) = records.last() {
            match self.search.is_back {
                true => self.search.range.1 = last.message.id,
                false => self.search.range.0 = last.message.id.successor(),
            }
        }
        self.found.records.extend(records);
    }
}

/// The row groups of a file, in the order of a walk.
fn in_turn(footer: &Footer, is_back: bool) -> impl Iterator<Item = usize> + use<> {
    let count = footer.metadata.num_row_groups();
    (0..count).map(move |at| if is_back { count - 1 - at } else { at })
}

impl Search {
    /// Whether anything from the first to the last of these may be wanted.
    pub(super) fn may_be_within(&self, first: MessageId, last: MessageId) -> bool {
        let (low, high) = self.range;
        let is_within = first < high && last >= low;
        is_within
            && self.ids.as_ref().is_none_or(|ids| {
                let next = ids.partition_point(|id| *id < first);
                ids.get(next).is_some_and(|id| *id <= last)
            })
    }
}

/// Takes out what was deleted and is still in a file.
pub(super) async fn without_deleted(
    hot: &dyn Store,
    records: &mut Vec<Record>,
) -> Result<(), StoreError> {
    /// Ids asked for at once.
    const AT_ONCE: usize = 1_000;
    let ids: Vec<MessageId> = records.iter().map(|record| record.message.id).collect();
    let mut deleted = Vec::new();
    for ids in ids.chunks(AT_ONCE) {
        deleted.extend(hot.deleted_of(ids.to_vec()).await?);
    }
    if !deleted.is_empty() {
        deleted.sort_unstable();
        records.retain(|record| deleted.binary_search(&record.message.id).is_err());
    }
    Ok(())
}
