//! What every hashtag counts in each month of 30 days, kept in memory: no list
//! of the busiest hashtags has to read the counters of all of them.
//!
//! Rests on *counters are the messages, counted*: a message counts in the
//! series of all messages and in those of its hashtags in the same
//! transaction. So while a month's [`Version`] is what it was, so is every
//! count of it, whichever server stores; and by as much as its `added` has
//! grown, no hashtag can have grown more. Only another folding of hashtags
//! changes counts otherwise: that is another release, which takes the place of
//! every server.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a month is, in seconds; months begin at multiples of it from the
/// Unix epoch on.
pub(super) const MONTH: i64 = 30 * 86_400;

/// Counts kept at most, of all months together: 8 MiB.
pub(super) const MOST: usize = 1 << 20;
/// Names kept at most.
const MOST_NAMES: usize = 1 << 18;
/// Answers kept: ranges that are asked for by turns touch the same months.
const MOST_ANSWERS: usize = 16;
/// How long nothing is kept once there was too much.
const PAUSE: Duration = Duration::from_secs(600);

/// What tells whether a month has the counts that it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Version {
    /// Messages that were ever counted.
    pub(super) added: i64,
    /// Of those, what was taken away again, below zero.
    pub(super) taken: i64,
}

impl Version {
    /// Messages there are.
    fn count(self) -> i64 {
        self.added + self.taken
    }
}

/// The months that were read.
#[derive(Default)]
pub(super) struct Months {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    months: BTreeMap<i64, Month>,
    counts: usize,
    full: Option<Instant>,
    /// What was answered since a month was read, the oldest first.
    answers: VecDeque<(Question, (Vec<Candidate>, i64))>,
}

/// What candidates were asked for: as of [`Months::candidates`].
#[derive(PartialEq, Eq)]
struct Question {
    months: Range<i64>,
    taken: Range<i64>,
    prefix: String,
    most: usize,
}

struct Month {
    version: Version,
    /// By number of the hashtag.
    counts: Box<[(u32, u32)]>,
}

/// A hashtag that may be among the busiest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) name: Arc<str>,
    /// What it counts in the months that are taken from memory.
    pub(super) counted: i64,
    /// What it counts in all months of the range, more than which it cannot.
    pub(super) bound: i64,
}

impl Months {
    /// Whether there was too much to keep.
    pub(super) fn is_full(&self) -> bool {
        self.full.is_some_and(|since| since.elapsed() < PAUSE)
    }

    /// What a month was when it was read.
    pub(super) fn version(&self, month: i64) -> Option<Version> {
        self.months.get(&month).map(|month| month.version)
    }

    /// The same of all in a range.
    pub(super) fn versions(&self, range: Range<i64>) -> BTreeMap<i64, Version> {
        let months = self.months.range(range);
        months
            .map(|(start, month)| (*start, month.version))
            .collect()
    }

    /// Takes in a month; the series of all messages is ''. When there is too
    /// much, nothing is kept for a while.
    pub(super) fn keep<'n>(&mut self, month: i64, rows: impl Iterator<Item = (&'n str, Version)>) {
        self.answers.clear();
        if let Some(old) = self.months.remove(&month) {
            self.counts -= old.counts.len();
        }
        let (mut version, mut counts) = (Version::default(), Vec::new());
        let mut fits = true;
        for (series, of_series) in rows {
            if series.is_empty() {
                version = of_series;
                continue;
            }
            match u32::try_from(of_series.count()) {
                Ok(0) => {}
                Ok(count) => counts.push((self.number(series), count)),
                Err(_) => fits = false,
            }
        }
        self.counts += counts.len();
        if !fits || self.counts > MOST || self.names.len() > MOST_NAMES {
            *self = Months {
                full: Some(Instant::now()),
                ..Months::default()
            };
            return;
        }
        let counts = counts.into_boxed_slice();
        self.months.insert(month, Month { version, counts });
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let (number, name) = (self.names.len() as u32, Arc::<str>::from(name));
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    /// Hashtags that start so by what they can count in some months, the
    /// highest first, so many of them; and what the next one can count. Those
    /// of the months in `taken` count there what is kept here.
    pub(super) fn candidates(
        &mut self,
        months: Range<i64>,
        taken: &Range<i64>,
        prefix: &str,
        most: usize,
    ) -> (Vec<Candidate>, i64) {
        let question = Question {
            months: months.clone(),
            taken: taken.clone(),
            prefix: prefix.to_owned(),
            most,
        };
        let mut answers = self.answers.iter();
        if let Some((_, answer)) = answers.find(|(asked, _)| *asked == question) {
            return answer.clone();
        }
        let answer = self.find(months, taken, prefix, most);
        if self.answers.len() >= MOST_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((question, answer.clone()));
        answer
    }

    fn find(
        &self,
        months: Range<i64>,
        taken: &Range<i64>,
        prefix: &str,
        most: usize,
    ) -> (Vec<Candidate>, i64) {
        let mut sums = vec![(0_i64, 0_i64); self.names.len()];
        for (start, month) in self.months.range(months) {
            let is_taken = taken.contains(start);
            for &(number, count) in &month.counts {
                let (bound, counted) = &mut sums[number as usize];
                *bound += i64::from(count);
                if is_taken {
                    *counted += i64::from(count);
                }
            }
        }
        let fits = |number: usize| self.names[number].starts_with(prefix);
        let mut order: Vec<(i64, usize)> = (sums.iter().enumerate())
            .filter(|(number, (bound, _))| *bound > 0 && (prefix.is_empty() || fits(*number)))
            .map(|(number, (bound, _))| (*bound, number))
            .collect();
        let highest_first = |a: &(i64, usize), b: &(i64, usize)| b.cmp(a);
        let mut next = 0;
        if order.len() > most {
            order.select_nth_unstable_by(most, highest_first);
            next = order[most].0;
            order.truncate(most);
        }
        order.sort_unstable_by(highest_first);
        let candidate = |(bound, number): (i64, usize)| Candidate {
            name: self.names[number].clone(),
            counted: sums[number].1,
            bound,
        };
        (order.into_iter().map(candidate).collect(), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(added: i64) -> Version {
        Version { added, taken: 0 }
    }

    fn of(months: &mut Months, taken: Range<i64>, most: usize) -> (Vec<Candidate>, i64) {
        months.candidates(0..10 * MONTH, &taken, "", most)
    }

    #[test]
    fn candidates_are_those_that_can_count_most_and_the_next_one_is_bounded() {
        let mut months = Months::default();
        let first = [("", added(9)), ("a", added(5)), ("b", added(2))];
        months.keep(0, first.into_iter());
        let taken_away = Version {
            added: 4,
            taken: -1,
        };
        let second = [("b", taken_away), ("c", added(1)), ("", added(7))];
        months.keep(MONTH, second.into_iter());
        let candidate = |name: &str, counted, bound| Candidate {
            name: name.into(),
            counted,
            bound,
        };
        let (found, next) = of(&mut months, MONTH..2 * MONTH, 2);
        assert_eq!(found.len(), 2);
        assert!(found.contains(&candidate("b", 3, 5)));
        assert!(found.contains(&candidate("a", 0, 5)));
        assert_eq!(next, 1);
        let (found, next) = months.candidates(0..2 * MONTH, &(0..0), "c", 9);
        assert_eq!((found, next), (vec![candidate("c", 0, 1)], 0));
        assert_eq!(months.version(MONTH), Some(added(7)));
        assert_eq!(
            months.versions(MONTH..9 * MONTH),
            [(MONTH, added(7))].into()
        );
    }

    #[test]
    fn a_month_that_is_read_again_takes_the_place_of_what_it_was() {
        let mut months = Months::default();
        months.keep(0, [("a", added(5)), ("", added(5))].into_iter());
        assert_eq!(of(&mut months, 0..0, 9).0[0].bound, 5);
        assert_eq!(of(&mut months, 0..0, 9).0[0].bound, 5);
        months.keep(0, [("a", added(6)), ("", added(6))].into_iter());
        let (found, _) = of(&mut months, 0..0, 9);
        assert_eq!(found[0].bound, 6);
        assert_eq!(months.counts, 1);
    }

    #[test]
    fn more_than_there_is_room_for_is_not_kept_and_nothing_is_for_a_while() {
        let mut months = Months::default();
        months.keep(0, [("a", added(1)), ("", added(1))].into_iter());
        let many: Vec<String> = (0..=MOST_NAMES).map(|n| n.to_string()).collect();
        months.keep(MONTH, many.iter().map(|name| (name.as_str(), added(1))));
        assert!(months.is_full());
        assert_eq!((months.version(0), months.names.len()), (None, 0));
        let mut months = Months::default();
        months.keep(0, [("a", added(1 << 32))].into_iter());
        assert!(months.is_full());
    }
}
