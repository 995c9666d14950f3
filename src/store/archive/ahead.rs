//! Row groups that are read ahead of a walk: while one is looked through, the
//! next ones are read and decoded. A walk begins with one at a time, as most
//! end there.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::cold::{Cold, Footer, Meter};
use super::files::FileError;
use super::group::Wanted;
use crate::domain::Record;

/// Row groups that are read ahead at most: each is some megabytes while it is
/// decoded.
const MOST: usize = 2;

/// A row group.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) footer: Arc<Footer>,
    pub(super) group: usize,
    /// It may have what was deleted since.
    pub(super) has_removals: bool,
}

impl Place {
    fn is(&self, other: &Place) -> bool {
        self.group == other.group && self.footer.file.name == other.footer.file.name
    }
}

type Reading = JoinHandle<Result<Vec<Record>, FileError>>;

/// What is read, and what comes after it.
pub(super) struct Ahead {
    cold: Arc<Cold>,
    meter: Arc<Meter>,
    /// In the order of the walk.
    upcoming: VecDeque<Place>,
    reading: VecDeque<(Place, Reading)>,
    most: usize,
}

impl Ahead {
    pub(super) fn new(cold: &Arc<Cold>, meter: &Arc<Meter>) -> Ahead {
        Ahead {
            cold: Arc::clone(cold),
            meter: Arc::clone(meter),
            upcoming: VecDeque::new(),
            reading: VecDeque::new(),
            most: 0,
        }
    }

    /// Row groups that the walk is likely to come to.
    pub(super) fn announce(&mut self, places: impl IntoIterator<Item = Place>) {
        self.upcoming.extend(places);
    }

    /// What a row group has of what is wanted, oldest first. What else is
    /// wanted of those behind it is the same.
    pub(super) async fn records(
        &mut self,
        place: Place,
        wanted: &Wanted,
    ) -> Result<Vec<Record>, FileError> {
        while self.upcoming.iter().any(|next| next.is(&place)) {
            self.upcoming.pop_front();
        }
        if place.footer.is_at_hand() {
            return read(&self.cold, &place, wanted, &self.meter).await;
        }
        while let Some((other, reading)) = self.reading.pop_front() {
            if other.is(&place) {
                self.reading.push_front((other, reading));
                break;
            }
            reading.abort();
        }
        if self.reading.is_empty() {
            self.begin(place, wanted);
        }
        while self.reading.len() <= self.most
            && let Some(next) = self.upcoming.pop_front()
        {
            if !next.footer.is_at_hand() {
                self.begin(next, wanted);
            }
        }
        self.most = MOST.min(self.most + 1);
        let lost = || FileError::away("a row group", "its reader ended");
        match self.reading.pop_front() {
            Some((_, reading)) => reading.await.unwrap_or_else(|_| Err(lost())),
            None => Err(lost()),
        }
    }

    fn begin(&mut self, place: Place, wanted: &Wanted) {
        let (cold, meter) = (Arc::clone(&self.cold), Arc::clone(&self.meter));
        let (of, wanted) = (place.clone(), wanted.clone());
        let reading = tokio::spawn(async move { read(&cold, &of, &wanted, &meter).await });
        self.reading.push_back((place, reading));
    }
}

async fn read(
    cold: &Cold,
    place: &Place,
    wanted: &Wanted,
    meter: &Meter,
) -> Result<Vec<Record>, FileError> {
    let (footer, group) = (&place.footer, place.group);
    if !cold.may_have(footer, group, &wanted.filter, meter).await? {
        return Ok(Vec::new());
    }
    let mut wanted = wanted.clone();
    if place.has_removals {
        // Of those that were deleted none is wanted after all.
        wanted.most = usize::MAX;
    }
    cold.records(footer, group, &wanted, meter).await
}

impl Drop for Ahead {
    fn drop(&mut self) {
        for (_, reading) in &self.reading {
            reading.abort();
        }
    }
}
