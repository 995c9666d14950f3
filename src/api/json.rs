//! The JSON of what is read most, written straight into an answer: messages
//! and buckets. It is byte for byte what serde writes of [`super::Message`]
//! and [`super::TrendBucket`]; a page of messages that nobody asked for before
//! is mostly the cost of this.

use chrono::{DateTime, Utc};

use super::time;

/// A message that is held by somebody else.
#[derive(Debug, Clone, Copy)]
pub struct MessageParts<'m, H> {
    /// A ULID.
    pub id: &'m str,
    /// Who wrote it.
    pub user: &'m str,
    /// What was written.
    pub text: &'m str,
    /// Without `#`.
    pub hashtags: H,
    /// Told to the millisecond.
    pub created_at: DateTime<Utc>,
}

/// Appends a message.
pub fn write_message<'m>(
    out: &mut Vec<u8>,
    message: MessageParts<'m, impl Iterator<Item = &'m str>>,
) {
    out.extend_from_slice(br#"{"id":"#);
    write_text(out, message.id);
    out.extend_from_slice(br#","user":{"name":"#);
    write_text(out, message.user);
    out.extend_from_slice(br#"},"text":"#);
    write_text(out, message.text);
    out.extend_from_slice(br#","hashtags":["#);
    for (at, hashtag) in message.hashtags.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_text(out, hashtag);
    }
    out.extend_from_slice(br#"],"created_at":""#);
    out.extend_from_slice(time::Text::millis(&message.created_at).as_bytes());
    out.extend_from_slice(br#""}"#);
}

/// Writes buckets that follow each other: from one to the next mostly the
/// time of day and the count differ.
#[derive(Debug, Default)]
pub struct BucketWriter {
    /// Up to the count, as of the last bucket.
    head: Vec<u8>,
    /// The days of its edges since 1970, and where their times of day are.
    days: Option<(i64, i64)>,
    clocks: (usize, usize),
}

impl BucketWriter {
    /// What follows the count in every bucket of one series.
    pub fn tail(hashtag: Option<&str>) -> Vec<u8> {
        let mut tail = Vec::new();
        if let Some(hashtag) = hashtag {
            tail.extend_from_slice(br#","hashtag":"#);
            write_text(&mut tail, hashtag);
        }
        tail.push(b'}');
        tail
    }

    /// Appends a bucket of the series with this tail; its edges are Unix
    /// seconds.
    pub fn write(&mut self, out: &mut Vec<u8>, (from, to): (i64, i64), count: u64, tail: &[u8]) {
        let days = (from.div_euclid(time::DAY), to.div_euclid(time::DAY));
        if self.days != Some(days) {
            self.begin(days);
        }
        time::write_clock(&mut self.head[self.clocks.0..], from);
        time::write_clock(&mut self.head[self.clocks.1..], to);
        out.extend_from_slice(&self.head);
        write_number(out, count);
        out.extend_from_slice(tail);
    }

    fn begin(&mut self, days: (i64, i64)) {
        let head = &mut self.head;
        head.clear();
        head.extend_from_slice(br#"{"from_date":""#);
        self.clocks.0 = time::write_day(head, days.0);
        head.extend_from_slice(br#"","to_date":""#);
        self.clocks.1 = time::write_day(head, days.1);
        head.extend_from_slice(br#"","count":"#);
        self.days = Some(days);
    }
}

/// Appends a string in its quotes.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some((plain, byte, after)) = split_at_special(rest) {
        out.extend_from_slice(plain);
        write_special(out, byte);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// What comes before the first byte that JSON does not take as it is, that
/// byte, and what comes after it.
fn split_at_special(bytes: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    let mut at = 0;
    // Eight bytes at once: most texts have none at all.
    while let Some(eight) = bytes.get(at..at + 8).and_then(|some| some.try_into().ok()) {
        let found = specials(u64::from_le_bytes(eight));
        if found != 0 {
            at += found.trailing_zeros() as usize / 8;
            return Some((&bytes[..at], bytes[at], &bytes[at + 1..]));
        }
        at += 8;
    }
    let tail = &bytes[at..];
    let found = tail
        .iter()
        .position(|byte| matches!(byte, ..0x20 | b'"' | b'\\'))?;
    Some((&bytes[..at + found], tail[found], &tail[found + 1..]))
}

/// The top bit of every byte that needs an escape, the first byte lowest. Of
/// bytes after the first it may also be set wrongly.
fn specials(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let quotes = zeros(eight ^ (ONES * 0x22));
    let backslashes = zeros(eight ^ (ONES * 0x5c));
    let controls = eight.wrapping_sub(ONES * 0x20) & !eight;
    (quotes | backslashes | controls) & (ONES * 0x80)
}

fn write_special(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        b'"' | b'\\' => byte,
        _ => {
            let digit = |half: u8| b"0123456789abcdef"[usize::from(half & 15)];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[digit(byte >> 4), digit(byte)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Message, TrendBucket, User};
    use proptest::prelude::*;

    fn both(text: &str) -> (String, String) {
        let mut out = Vec::new();
        write_text(&mut out, text);
        (
            String::from_utf8(out).unwrap(),
            serde_json::to_string(text).unwrap(),
        )
    }

    #[test]
    fn every_character_below_a_thousand_is_written_as_serde_writes_it_wherever_it_stands() {
        for character in (0..1_000).filter_map(char::from_u32) {
            for before in 0..18 {
                let text = "x".repeat(before) + &character.to_string().repeat(3) + "yyyyyyyy\"";
                let (ours, serdes) = both(&text);
                assert_eq!(ours, serdes);
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_writes_it(text: String) {
            let (ours, serdes) = both(&text);
            prop_assert_eq!(ours, serdes);
        }

        #[test]
        fn any_message_is_written_as_serde_writes_it(
            id in "[0-9A-Z]{26}", user: String, text: String,
            hashtags in proptest::collection::vec(".*", 0..4), millis in 0i64..281_474_976_710_655,
        ) {
            let message = Message {
                id,
                user: User { name: user.into() },
                text: text.into(),
                hashtags: hashtags.into_iter().map(Into::into).collect(),
                created_at: DateTime::from_timestamp_millis(millis).unwrap(),
            };
            let mut out = Vec::new();
            write_message(&mut out, MessageParts {
                id: &message.id,
                user: &message.user.name,
                text: &message.text,
                hashtags: message.hashtags.iter().map(|tag| &**tag),
                created_at: message.created_at,
            });
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&message).unwrap());
        }

        #[test]
        fn any_buckets_are_written_as_serde_writes_them(
            start in 0i64..253_402_300_799, widths in proptest::collection::vec(0i64..100_000, 1..5),
            count: u64, hashtag in proptest::option::of(".*"),
        ) {
            let (mut writer, mut from) = (BucketWriter::default(), start);
            for width in widths {
                let to = from + width;
                let moment = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
                let bucket = TrendBucket {
                    from_date: moment(from),
                    to_date: moment(to),
                    count,
                    hashtag: hashtag.as_deref().map(Into::into),
                };
                let mut out = Vec::new();
                let tail = BucketWriter::tail(hashtag.as_deref());
                writer.write(&mut out, (from, to), count, &tail);
                let serdes = serde_json::to_string(&bucket).unwrap();
                prop_assert_eq!(String::from_utf8(out).unwrap(), serdes);
                from = to;
            }
        }
    }
}
