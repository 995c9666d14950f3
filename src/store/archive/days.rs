//! The days of a walk, read from the manifest a few at a time.

use chrono::Utc;

use super::scan::Search;
use crate::domain::{ArchivedDay, Day, Store, StoreError};

/// Days that are asked for at once: of the manifest, and of their footers.
const MOST_DAYS: usize = 16;
/// Days that one look into the manifest goes forward, at most.
const MOST_SPAN: i64 = 1024;

/// What is left of them.
pub(super) struct Days {
    /// Both still to be asked for.
    first: Day,
    last: Day,
    /// Back: so many days; forward: days of so long a time.
    step: usize,
    is_back: bool,
}

impl Days {
    /// All that may have what is looked for.
    pub(super) fn new(search: &Search) -> Days {
        let (low, high) = search.range;
        let has_names = !search.filter.users.is_empty() || !search.filter.hashtags.is_empty();
        Days {
            first: Day::of(low),
            // What is archived was there when its day had ended.
            last: Day::of(high.predecessor()).min(Day::at(Utc::now())),
            // Without names the first day mostly has enough.
            step: if has_names { 8 } else { 1 },
            is_back: search.is_back,
        }
    }

    /// The next days with files that may have something; none at the end.
    pub(super) async fn next(
        &mut self,
        hot: &dyn Store,
        search: &Search,
    ) -> Result<Vec<ArchivedDay>, StoreError> {
        while self.first <= self.last {
            let mut days = match self.is_back {
                true => self.earlier(hot).await?,
                false => self.later(hot).await?,
            };
            days.retain(|day| {
                let file = day.file.as_ref();
                file.is_some_and(|file| search.may_be_within(file.first, file.last))
            });
            if !days.is_empty() {
                return Ok(days);
            }
        }
        Ok(Vec::new())
    }

    async fn earlier(&mut self, hot: &dyn Store) -> Result<Vec<ArchivedDay>, StoreError> {
        let days = hot.archived_days(self.first, self.last, self.step).await?;
        self.last = match days.last() {
            Some(day) if days.len() == self.step => Day(day.day.0 - 1),
            Some(_) | None => Day(self.first.0 - 1),
        };
        self.step = MOST_DAYS.min(self.step * 2);
        Ok(days)
    }

    async fn later(&mut self, hot: &dyn Store) -> Result<Vec<ArchivedDay>, StoreError> {
        let span = i64::try_from(self.step).unwrap_or(MOST_SPAN).min(MOST_SPAN);
        let end = Day(self.first.0 + span - 1).min(self.last);
        let mut days = hot.archived_days(self.first, end, self.step).await?;
        days.reverse();
        if days.len() > MOST_DAYS {
            // The rest is asked for again.
            days.truncate(MOST_DAYS);
        }
        self.first = match days.last() {
            Some(day) if days.len() == MOST_DAYS => Day(day.day.0 + 1),
            Some(_) | None => Day(end.0 + 1),
        };
        self.step = (self.step * 4).min(MOST_SPAN as usize);
        Ok(days)
    }
}
