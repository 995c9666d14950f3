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
/// page and every bucket of every trend passes here.
struct Text {
    bytes: [u8; Text::ROOM],
    length: usize,
}

impl Text {
    /// chrono's last year has six digits: 27 characters.
    const ROOM: usize = 32;

    fn millis(date: &DateTime<Utc>) -> Text {
        let mut text = Text::up_to_seconds(date);
        text.push(b'.');
        text.digits(date.timestamp_subsec_millis(), 3);
        text.push(b'Z');
        text
    }

    fn seconds(date: &DateTime<Utc>) -> Text {
        let mut text = Text::up_to_seconds(date);
        text.push(b'Z');
        text
    }

    fn up_to_seconds(date: &DateTime<Utc>) -> Text {
        let mut text = Text {
            bytes: [0; Text::ROOM],
            length: 0,
        };
        text.digits(date.year().max(0) as u32, 4);
        for (separator, number) in [
            (b'-', date.month()),
            (b'-', date.day()),
            (b'T', date.hour()),
            (b':', date.minute()),
            (b':', date.second()),
        ] {
            text.push(separator);
            text.digits(number, 2);
        }
        text
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn digits(&mut self, number: u32, least: u32) {
        let mut scale = 10u32.pow(least - 1);
        while number / scale >= 10 {
            scale *= 10;
        }
        while scale > 0 {
            self.push(b'0' + (number / scale % 10) as u8);
            scale /= 10;
        }
    }

    fn as_str(&self) -> &str {
        // Digits and separators alone.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
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
    }
}
