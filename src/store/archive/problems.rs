//! Days whose files cannot be read, for the log and for readiness.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::files::FileError;
use crate::domain::Day;

/// What is known to be wrong.
#[derive(Default)]
pub(super) struct Problems(Mutex<Known>);

#[derive(Default)]
struct Known {
    days: BTreeMap<Day, String>,
    /// Row groups that were damaged when they were read last, by file and
    /// number: as long as one is, its day is not whole, however well the others
    /// are read.
    groups: BTreeSet<(Day, String, usize)>,
}

impl Problems {
    /// Remembers a failure, and logs it unless it is known.
    pub(super) fn met(&self, day: Day, error: &FileError) {
        let why = error.to_string();
        let mut known = self.known();
        if known.days.get(&day) != Some(&why) {
            tracing::warn!(%day, "a file of the archive cannot be read: {why}");
            known.days.insert(day, why);
        }
    }

    /// A row group is not what was written.
    pub(super) fn damaged(&self, day: Day, file: &str, group: usize) {
        self.known().groups.insert((day, file.to_owned(), group));
    }

    /// A row group was decoded well, and `is_new` if it was read for that.
    pub(super) fn read(&self, day: Day, file: &str, group: usize, is_new: bool) {
        let mut known = self.known();
        if known.days.is_empty() {
            return;
        }
        let was_damaged = known.groups.remove(&(day, file.to_owned(), group));
        if was_damaged || is_new {
            known.solve(day, file);
        }
    }

    /// The day's file is there in its length, or its footer was read.
    pub(super) fn solved(&self, day: Day, file: &str) {
        self.known().solve(day, file);
    }

    /// The days, oldest first.
    pub(super) fn days(&self) -> Vec<Day> {
        self.known().days.keys().copied().collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn solve(&mut self, day: Day, file: &str) {
        // Another file took the place of what was damaged.
        self.groups
            .retain(|(of, name, _)| *of != day || name == file);
        let is_whole = !self.groups.iter().any(|(of, ..)| *of == day);
        if is_whole && self.days.remove(&day).is_some() {
            tracing::info!(%day, "the archive's file of this day can be read again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_with_a_damaged_row_group_is_whole_once_that_one_is_read_or_the_file_is_another() {
        let (problems, day) = (Problems::default(), Day(20_000));
        let damage = FileError::damaged("a", "a bit fell over");
        problems.damaged(day, "a", 3);
        problems.met(day, &damage);
        problems.solved(day, "a");
        problems.read(day, "a", 2, true);
        assert_eq!(problems.days(), [day]);
        problems.read(day, "a", 3, false);
        assert!(problems.days().is_empty());
        problems.damaged(day, "a", 3);
        problems.met(day, &damage);
        problems.solved(day, "b");
        assert!(problems.days().is_empty());
    }
}
