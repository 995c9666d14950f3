//! Times on the wire: RFC 3339 in UTC, to the millisecond for messages, to
//! the second for the edges of buckets.

use chrono::{DateTime, Datelike, Timelike, Utc};

/// `2019-09-23T10:00:00.123Z`.
pub fn format_millis(date: &DateTime<Utc>) -> String {
    Text::millis(date).as_str().to_owned()
}

/// `2019-09-23T10:00:00Z`.
pub fn format_seconds(date: &DateTime<Utc>) -> String {
    Text::seconds(date).as_str().to_owned()
}

/// A time as text, without an allocation. Written out digit by digit:
/// chrono's formatter costs several times as much, and every message of every
/// page passes here.
pub(super) struct Text {
    bytes: [u8; Text::ROOM],
    length: usize,
}

impl Text {
    /// chrono's last year has six digits: 27 characters.
    const ROOM: usize = 32;

    pub(super) fn millis(date: &DateTime<Utc>) -> Text {
        let mut text = Text::up_to_seconds(date);
        let millis = date.timestamp_subsec_millis();
        let [tens, ones] = two_digits(millis % 100);
        text.push(&[b'.', b'0' + (millis / 100 % 10) as u8, tens, ones, b'Z']);
        text
    }

    pub(super) fn seconds(date: &DateTime<Utc>) -> Text {
        let mut text = Text::up_to_seconds(date);
        text.push(b"Z");
        text
    }

    fn up_to_seconds(date: &DateTime<Utc>) -> Text {
        let mut text = Text {
            bytes: [0; Text::ROOM],
            length: 0,
        };
        // Its parts are asked for once each: a time zone, even this one, is
        // applied for every part.
        let date = date.naive_utc();
        let year = date.year().max(0) as u32;
        if year > 9_999 {
            text.push(&two_digits(year / 10_000)[usize::from(year < 100_000)..]);
        }
        let [a, b] = two_digits(year / 100 % 100);
        let [c, d] = two_digits(year % 100);
        let [e, f] = two_digits(date.month());
        let [g, h] = two_digits(date.day());
        text.push(&[a, b, c, d, b'-', e, f, b'-', g, h]);
        text.push(&clock(date.num_seconds_from_midnight()));
        text
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
            self.length = end;
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn as_str(&self) -> &str {
        // Digits and separators alone.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// `T10:00:00`.
fn clock(seconds: u32) -> [u8; 9] {
    let hour = two_digits(seconds / 3600);
    let minute = two_digits(seconds / 60 % 60);
    let second = two_digits(seconds % 60);
    [
        b'T', hour[0], hour[1], b':', minute[0], minute[1], b':', second[0], second[1],
    ]
}

fn two_digits(number: u32) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

pub(super) const DAY: i64 = 86_400;

/// Appends the first second of a day, counted from 1970, and tells where its
/// time of day is.
pub(super) fn write_day(out: &mut Vec<u8>, day: i64) -> usize {
    let date = DateTime::from_timestamp(day * DAY, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    out.extend_from_slice(Text::seconds(&date).as_bytes());
    out.len() - "T10:00:00Z".len()
}

/// Writes the time of day of Unix seconds over the one that is there.
pub(super) fn write_clock(place: &mut [u8], seconds: i64) {
    let clock = clock(seconds.rem_euclid(DAY) as u32);
    if let Some((place, _)) = place.split_first_chunk_mut() {
        *place = clock;
    }
}

macro_rules! serde_with {
    ($module:ident, $doc:literal) => {
        #[doc = $doc]
        pub mod $module {
            use super::*;
            use serde::{Deserialize, Deserializer, Serializer, de::Error};

            /// Writes the time.
            pub fn serialize<S: Serializer>(
                date: &DateTime<Utc>,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                to.serialize_str(Text::$module(date).as_str())
            }

            /// Reads any RFC 3339 time.
            pub fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<DateTime<Utc>, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                DateTime::parse_from_rfc3339(&text)
                    .map(|date| date.with_timezone(&Utc))
                    .map_err(D::Error::custom)
            }
        }
    };
}

serde_with!(millis, "To the millisecond, for `#[serde(with)]`.");
serde_with!(seconds, "To the second, for `#[serde(with)]`.");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_read_as_the_calendar_writes_them(millis in 0i64..253_402_300_799_999) {
            let date = DateTime::from_timestamp_millis(millis).unwrap();
            prop_assert_eq!(format_millis(&date), date.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
            prop_assert_eq!(format_seconds(&date), date.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        }

        #[test]
        fn years_beyond_9999_have_as_many_digits_as_they_need(millis in 253_402_300_800_000i64..8_210_266_876_799_999) {
            let date = DateTime::from_timestamp_millis(millis).unwrap();
            let rest = date.format("-%m-%dT%H:%M:%SZ").to_string();
            prop_assert_eq!(format_seconds(&date), date.year().to_string() + &rest);
        }
    }
}
