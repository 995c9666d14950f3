//! How files are named: by their day, by when they were begun, and by how many
//! removals of the day were known then.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::domain::{ArchivedDay, Day, MessageId};

/// The name of a file: `2026/11/30/ULID-REMOVALS.parquet`. A file of fewer
/// removals than its day has can be named by nobody any more: who wrote it
/// saw the day as it is no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    day: Day,
    id: MessageId,
    /// Known when its messages were read.
    pub(crate) removals: u64,
}

/// The folder of a day.
pub(crate) fn folder(day: Day) -> String {
    day.start().format("%Y/%m/%d").to_string()
}

impl Name {
    /// One that was never used, for a day as it was seen.
    pub(crate) fn new(seen: &ArchivedDay) -> Name {
        let mut random = [0; 16];
        // Without entropy the clock has to do: of two programs that write one
        // day in one millisecond, one would find the name taken.
        let _ = getrandom::fill(&mut random);
        let now = Utc::now().timestamp_millis();
        Name {
            day: seen.day,
            id: MessageId::from_parts(now, u128::from_be_bytes(random)),
            removals: seen.removals,
        }
    }

    /// When it was given.
    pub(crate) fn given_at(&self) -> DateTime<Utc> {
        self.id.created_at()
    }

    /// Whose messages the file has.
    pub(crate) fn day(&self) -> Day {
        self.day
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (folder, removals) = (folder(self.day), self.removals);
        write!(f, "{folder}/{}-{removals}.parquet", self.id)
    }
}

/// Not one of ours.
#[derive(Debug)]
pub(crate) struct Foreign;

impl FromStr for Name {
    type Err = Foreign;

    fn from_str(text: &str) -> Result<Name, Foreign> {
        let (day, file) = text.rsplit_once('/').ok_or(Foreign)?;
        let start = chrono::NaiveDate::parse_from_str(day, "%Y/%m/%d").map_err(|_| Foreign)?;
        let day = Day::at(start.and_time(chrono::NaiveTime::MIN).and_utc());
        let file = file.strip_suffix(".parquet").ok_or(Foreign)?;
        let (id, removals) = file.split_once('-').ok_or(Foreign)?;
        let name = Name {
            day,
            id: id.parse().map_err(|_| Foreign)?,
            removals: removals.parse().map_err(|_| Foreign)?,
        };
        // Whatever else it may be read from is somebody else's.
        match name.to_string() == text {
            true => Ok(name),
            false => Err(Foreign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_given_and_no_other_is() {
        let seen = ArchivedDay {
            day: Day(20_788),
            file: None,
            removals: 3,
            cleaned: 0,
            replaced: None,
        };
        let name = Name::new(&seen);
        let text = name.to_string();
        assert!(
            text.starts_with("2026/12/01/") && text.ends_with("-3.parquet"),
            "{text}"
        );
        assert_eq!(text.parse::<Name>().unwrap(), name);
        let id = name.id;
        for other in [
            format!("{id}-3.parquet"),
            format!("2026/12/{id}-3.parquet"),
            format!("2026/12/01/x/{id}-3.parquet"),
            format!("2026/12/1/{id}-3.parquet"),
            format!("2026/12/01/{id}-3.csv"),
            format!("2026/12/01/{id}-03.parquet"),
            format!("2026/12/01/{id}.parquet"),
            "2026/12/01/notes.parquet".to_owned(),
        ] {
            assert!(other.parse::<Name>().is_err(), "{other}");
        }
    }
}
