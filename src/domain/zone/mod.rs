//! Time zones: by which rule the clocks of a place are set.
//!
//! A zone is named as the IANA database names it (`Europe/Berlin`), or given
//! as a POSIX rule (`CET-1CEST,M3.5.0,M10.5.0/3`) or a TZif file. The database
//! is part of the program, so the same name means the same everywhere.
//! Offsets are whole minutes, the finest that counters know: Liberia's 44
//! minutes and 30 seconds, until 1972, are taken as 45.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset, TimeZone as _, Utc};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::shown;

/// A time zone.
#[derive(Clone)]
pub struct Zone(Rules);

#[derive(Clone)]
enum Rules {
    /// What needs no looking up.
    Utc,
    Named(TimeZone),
    /// The rule as it was written, and what it means.
    Posix(Arc<str>, TimeZone),
    /// Of a file without a name, told apart by where it is kept.
    File(Arc<TimeZone>),
}

/// Why a text is not a time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is not a time zone; write an IANA name such as Europe/Berlin or a POSIX rule such as CET-1CEST,M3.5.0,M10.5.0/3",
    shown(.0)
)]
pub struct ZoneError(String);

/// A time in which a zone's clocks are a fixed time ahead of UTC. All in
/// seconds; from and to are Unix time, whole minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Inclusive.
    pub from: i64,
    /// Exclusive.
    pub to: i64,
    /// Local time minus UTC.
    pub offset: i64,
}

/// The moments at which a zone's clocks show a time, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moments {
    /// As usual.
    One(i64),
    /// The clocks were set back: the earlier and the later.
    Two(i64, i64),
    /// The clocks skip the time: the moment at which they are set forward.
    Skipped(i64),
}

impl Moments {
    /// The first moment at which the clocks show the time or a later one.
    pub fn first(self) -> i64 {
        match self {
            Moments::One(moment) | Moments::Two(moment, _) | Moments::Skipped(moment) => moment,
        }
    }
}

/// Zones differ from UTC by less than this, in seconds.
const LARGEST_OFFSET: i64 = 26 * 3_600;
/// POSIX leaves open when summer time is where a rule does not say; this is
/// what glibc takes (<https://sourceware.org/glibc/manual/latest/html_node/TZ-Variable.html>).
const USUAL_CHANGES: &str = ",M3.2.0,M11.1.0";
/// Longer than any name or rule.
const MAX_LENGTH: usize = 100;

impl Zone {
    /// UTC.
    pub const UTC: Zone = Zone(Rules::Utc);

    /// The zone of an IANA name, in any case.
    ///
    /// # Errors
    /// There is none in the database.
    pub fn named(name: &str) -> Result<Zone, ZoneError> {
        static DATABASE: OnceLock<TimeZoneDatabase> = OnceLock::new();
        let wrong = || ZoneError(name.to_owned());
        if name.len() > MAX_LENGTH {
            return Err(wrong());
        }
        let database = DATABASE.get_or_init(TimeZoneDatabase::bundled);
        let zone = database.get(name).map_err(|_| wrong())?;
        Ok(match zone.iana_name() {
            Some("UTC" | "Etc/UTC") => Zone::UTC,
            _ => Zone(Rules::Named(zone)),
        })
    }

    /// The zone of a POSIX rule (`CET-1CEST`, `IST-2IDT,M3.4.4/26,M10.5.0`).
    ///
    /// # Errors
    /// It is not one.
    pub fn rule(rule: &str) -> Result<Zone, ZoneError> {
        let wrong = || ZoneError(rule.to_owned());
        if rule.len() > MAX_LENGTH || !rule.is_ascii() {
            return Err(wrong());
        }
        let whole = || rule.to_owned() + USUAL_CHANGES;
        let zone = TimeZone::posix(rule).or_else(|_| TimeZone::posix(&whole()));
        Ok(Zone(Rules::Posix(rule.into(), zone.map_err(|_| wrong())?)))
    }

    /// The zone in a TZif file (RFC 9636) that has no name.
    ///
    /// # Errors
    /// It is not one.
    pub fn of_file(bytes: &[u8]) -> Option<Zone> {
        let zone = TimeZone::tzif("", bytes).ok()?;
        Some(Zone(Rules::File(Arc::new(zone))))
    }

    /// What others know it by; none when it is of a file without a name.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Rules::Utc => Some("UTC"),
            Rules::Named(zone) => zone.iana_name(),
            Rules::Posix(rule, _) => Some(rule),
            Rules::File(_) => None,
        }
    }

    /// Whether it is UTC.
    pub fn is_utc(&self) -> bool {
        matches!(self.0, Rules::Utc)
    }

    fn rules(&self) -> Option<&TimeZone> {
        match &self.0 {
            Rules::Utc => None,
            Rules::Named(zone) | Rules::Posix(_, zone) => Some(zone),
            Rules::File(zone) => Some(zone),
        }
    }

    /// Local time minus UTC at a moment (Unix seconds), in seconds; the same
    /// in all of its minute.
    pub fn offset_at(&self, moment: i64) -> i64 {
        let minute = timestamp(whole_minutes(moment));
        match self.rules() {
            None => 0,
            Some(zone) => whole_minutes(zone.to_offset(minute).seconds().into()),
        }
    }

    /// The time around a moment (Unix seconds) without a change of the clocks.
    pub fn span_at(&self, moment: i64) -> Span {
        let Some(zone) = self.rules() else {
            return Span {
                from: i64::MIN,
                to: i64::MAX,
                offset: 0,
            };
        };
        let offset = self.offset_at(moment);
        // Some changes are of the name alone.
        let differs = |at: &i64| self.offset_at(*at) != offset;
        let edge = |at: Timestamp| whole_minutes(at.as_second().saturating_add(59));
        let mut to = zone
            .following(timestamp(moment))
            .map(|t| edge(t.timestamp()));
        let to = to.find(differs).unwrap_or(i64::MAX);
        let mut from = i64::MIN;
        // The one that begins at the moment itself is not before it.
        let after = timestamp(moment.saturating_add(1));
        for change in zone.preceding(after) {
            let at = edge(change.timestamp());
            if self.offset_at(at.saturating_sub(1)) != offset {
                from = at;
                break;
            }
        }
        Span { from, to, offset }
    }

    /// When the zone's clocks show a time, given in seconds as if it were UTC.
    pub fn moments_of(&self, local: i64) -> Moments {
        if self.is_utc() {
            return Moments::One(local);
        }
        let mut span = self.span_at(local.saturating_sub(LARGEST_OFFSET));
        let end = local.saturating_add(LARGEST_OFFSET);
        let mut found: Option<(i64, i64)> = None;
        let mut skipped = None;
        loop {
            let moment = local.saturating_sub(span.offset);
            if (span.from..span.to).contains(&moment) {
                found = Some((found.map_or(moment, |(first, _)| first), moment));
            }
            if span.to > end {
                break;
            }
            let next = self.span_at(span.to);
            if span.to + span.offset <= local && local < span.to + next.offset {
                skipped = Some(span.to);
            }
            span = next;
        }
        match (found, skipped) {
            (Some((first, last)), _) if first == last => Moments::One(first),
            (Some((first, last)), _) => Moments::Two(first, last),
            (None, Some(change)) => Moments::Skipped(change),
            (None, None) => Moments::One(local.saturating_sub(self.offset_at(local))),
        }
    }

    /// A moment with this zone's offset at it.
    pub fn at(&self, moment: DateTime<Utc>) -> DateTime<FixedOffset> {
        let seconds = i32::try_from(self.offset_at(moment.timestamp())).unwrap_or(0);
        let offset = FixedOffset::east_opt(seconds).unwrap_or(Utc.fix());
        offset.from_utc_datetime(&moment.naive_utc())
    }

    /// `UTC`, `UTC+02:00`: what the zone is at a moment.
    pub fn offset_name_at(&self, moment: DateTime<Utc>) -> String {
        let offset = self.at(moment).offset().fix();
        match offset.local_minus_utc() {
            0 => "UTC".to_owned(),
            _ => format!("UTC{offset}"),
        }
    }

    /// `UTC+02:00`, or `UTC+02:00 to UTC+01:00` when the clocks are set
    /// differently at the end.
    pub fn offset_name_between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> String {
        let (first, last) = (self.offset_name_at(from), self.offset_name_at(to));
        match first == last {
            true => first,
            false => format!("{first} to {last}"),
        }
    }

    /// The first moment at which this zone's clocks show a time or, where they
    /// skip it, a later one.
    pub fn first_moment_of(&self, local: NaiveDateTime) -> DateTime<Utc> {
        let nanos = local.and_utc().timestamp_subsec_nanos();
        let moments = self.moments_of(local.and_utc().timestamp());
        let nanos = if matches!(moments, Moments::Skipped(_)) {
            0
        } else {
            nanos
        };
        DateTime::from_timestamp(moments.first(), nanos).unwrap_or(local.and_utc())
    }
}

/// Towards the past, as moments move back to whole minutes.
fn whole_minutes(seconds: i64) -> i64 {
    seconds - seconds.rem_euclid(60)
}

fn timestamp(seconds: i64) -> Timestamp {
    let bounds = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(seconds.clamp(bounds.0, bounds.1)).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Zone, ZoneError> {
        Zone::named(text).or_else(|_| Zone::rule(text))
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        match (&self.0, &other.0) {
            (Rules::File(one), Rules::File(other)) => Arc::ptr_eq(one, other),
            _ => self.name() == other.name() && self.name().is_some(),
        }
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("this machine's zone"))
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({self})")
    }
}

#[cfg(test)]
mod tests;
