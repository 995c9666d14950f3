//! Times on the wire: RFC 3339 in UTC, to the millisecond for messages, to
//! the second for the edges of buckets.

use chrono::{DateTime, Datelike, Timelike, Utc};

/// `2019-09-23T10:00:00.123Z`.
pub fn format_millis(date: &DateTime<Utc>) -> String {
    let mut text = String::with_capacity(24);
    push_seconds(&mut text, date);
    text.push('.');
    push_digits(&mut text, date.timestamp_subsec_millis(), 3);
    text.push('Z');
    text
}

/// `2019-09-23T10:00:00Z`.
pub fn format_seconds(date: &DateTime<Utc>) -> String {
    let mut text = String::with_capacity(20);
    push_seconds(&mut text, date);
    text.push('Z');
    text
}

// Written out digit by digit: chrono's formatter costs several times as much,
// and every message of every page passes here.
fn push_seconds(text: &mut String, date: &DateTime<Utc>) {
    push_digits(text, date.year().max(0) as u32, 4);
    for (separator, number) in [
        ('-', date.month()),
        ('-', date.day()),
        ('T', date.hour()),
        (':', date.minute()),
        (':', date.second()),
    ] {
        text.push(separator);
        push_digits(text, number, 2);
    }
}

fn push_digits(text: &mut String, number: u32, least: u32) {
    let mut scale = 10u32.pow(least - 1);
    while number / scale >= 10 {
        scale *= 10;
    }
    while scale > 0 {
        text.push(char::from(b'0' + (number / scale % 10) as u8));
        scale /= 10;
    }
}

macro_rules! serde_with {
    ($module:ident, $format:ident, $doc:literal) => {
        #[doc = $doc]
        pub mod $module {
            use super::*;
            use serde::{Deserialize, Deserializer, Serializer, de::Error};

            /// Writes the time.
            pub fn serialize<S: Serializer>(
                date: &DateTime<Utc>,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                to.serialize_str(&$format(date))
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

serde_with!(
    millis,
    format_millis,
    "To the millisecond, for `#[serde(with)]`."
);
serde_with!(
    seconds,
    format_seconds,
    "To the second, for `#[serde(with)]`."
);

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
