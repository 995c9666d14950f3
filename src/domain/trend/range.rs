//! The time that is asked about, in whole minutes: counters have no finer
//! grain, and what is listed and what is counted is the same.

use chrono::{DateTime, Utc};

use super::super::FilterError;

/// The end of the year 9999 in Unix seconds: the latest end of a range.
pub(super) const LAST: i64 = 253_402_300_800;
const MINUTE: i64 = 60;

/// From a minute (inclusive) to a minute (exclusive), in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    from: i64,
    to: i64,
}

impl Range {
    /// The minutes that hold a range: its start moves back and its end forward
    /// to a whole minute, and no further.
    ///
    /// # Errors
    /// The start is not before the end.
    pub fn new(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Range, FilterError> {
        if from >= to {
            return Err(FilterError::EmptyRange { from, to });
        }
        let from = minute_of(from);
        Ok(Range {
            from,
            to: minute_after(to).max(from + MINUTE),
        })
    }

    /// The start.
    pub fn from(self) -> i64 {
        self.from
    }

    /// The end.
    pub fn to(self) -> i64 {
        self.to
    }

    /// How long it is.
    pub fn seconds(self) -> i64 {
        self.to - self.from
    }

    /// The start as a date.
    pub fn from_date(self) -> DateTime<Utc> {
        moment(self.from)
    }

    /// The end as a date.
    pub fn to_date(self) -> DateTime<Utc> {
        moment(self.to)
    }

    /// The same end, and a start that is no later than it.
    pub(super) fn starting(self, from: i64) -> Range {
        Range {
            from: from.clamp(0, self.to - MINUTE),
            to: self.to,
        }
    }
}

/// The start of a moment's minute.
pub(crate) fn minute_of(date: DateTime<Utc>) -> i64 {
    let seconds = date.timestamp().clamp(0, LAST - MINUTE);
    seconds - seconds % MINUTE
}

/// The first whole minute that is not before a moment.
pub(crate) fn minute_after(date: DateTime<Utc>) -> i64 {
    let seconds = date.timestamp().clamp(0, LAST);
    // A moment between two seconds belongs to the minute that ends later.
    let seconds = seconds + i64::from(date.timestamp_subsec_nanos() > 0);
    ((seconds + MINUTE - 1) / MINUTE * MINUTE).min(LAST)
}

/// An edge as a date; the very last one is the last second that RFC 3339 has.
pub(super) fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds.min(LAST - 1), 0).unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_minute_of_time_ends_in_the_last_second_that_can_be_written() {
        let date = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (from, to) = ("9999-12-31T23:59:30Z", "9999-12-31T23:59:59.999Z");
        let range = Range::new(date(from), date(to)).unwrap();
        assert_eq!(range.from_date(), date("9999-12-31T23:59:00Z"));
        assert_eq!(range.to_date(), date("9999-12-31T23:59:59Z"));
        let again = Range::new(range.from_date(), range.to_date()).unwrap();
        assert_eq!(again, range);
    }

    proptest! {
        #[test]
        fn a_range_holds_its_dates_and_less_than_a_minute_more(from in 0i64..253_402_300_799_999, length in 1i64..100_000_000) {
            let date = |millis| DateTime::from_timestamp_millis(millis).unwrap();
            let to = (from + length).min(253_402_300_799_999);
            prop_assume!(from < to);
            let range = Range::new(date(from), date(to)).unwrap();
            prop_assert!(range.from() * 1000 <= from && from - range.from() * 1000 < 60_000);
            prop_assert!(to <= range.to() * 1000 && range.to() * 1000 - to < 60_000);
            prop_assert_eq!((range.from() % 60, range.to() % 60), (0, 0));
            prop_assert!(Range::new(date(to), date(from)).is_err());
        }
    }
}
