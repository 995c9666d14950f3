//! Output for other programs: one line a message or a bucket, stable, the
//! same on every terminal.
//!
//! Lines are fields separated by TAB; in a field a backslash is `\\`, a
//! newline `\n`, a tab `\t` and what a terminal would obey `\u{1b}`, so every
//! line reads back in one way. CSV keeps newlines inside quotes.

use crate::api::{self, Hashtags, Message, TrendBucket, Users};
use crate::output::{Clock, TimeFormat, sanitize, sanitize_line};

/// `time, id, user, hashtags, text`, the hashtags as `#a #b`.
pub fn message_line(message: &Message, clock: Clock, format: &TimeFormat) -> String {
    let tags: Vec<String> = message.hashtags.iter().map(|t| format!("#{t}")).collect();
    line(&[
        &clock.show(message.created_at, format),
        &message.id,
        &message.user.name,
        &tags.join(" "),
        &message.text,
    ])
}

/// `from_date, to_date, count`, and `hashtag` when the bucket has one.
pub fn bucket_line(bucket: &TrendBucket) -> String {
    let from = api::time::format_seconds(&bucket.from_date);
    let to = api::time::format_seconds(&bucket.to_date);
    let count = bucket.count.to_string();
    match &bucket.hashtag {
        Some(tag) => line(&[&from, &to, &count, tag]),
        None => line(&[&from, &to, &count]),
    }
}

/// `hashtag, count`, one line each.
pub fn tag_lines(tags: &Hashtags) -> String {
    tags.hashtags
        .iter()
        .map(|tag| line(&[&tag.hashtag, &tag.count.to_string()]))
        .collect()
}

/// The busiest hashtags in CSV, with a header.
pub fn tag_csv(tags: &Hashtags) -> String {
    let rows = tags.hashtags.iter();
    rows.fold("hashtag,count\n".to_owned(), |text, tag| {
        text + &csv(&[&tag.hashtag, &tag.count.to_string()])
    })
}

/// User names, one a line.
pub fn user_lines(users: &Users) -> String {
    users.users.iter().map(|user| line(&[&user.name])).collect()
}

/// User names in CSV, with a header.
pub fn user_csv(users: &Users) -> String {
    let rows = users.users.iter();
    rows.fold("name\n".to_owned(), |text, user| text + &csv(&[&user.name]))
}

pub(crate) fn line(fields: &[&str]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|field| sanitize_line(&field.replace('\\', "\\\\")))
        .collect();
    fields.join("\t") + "\n"
}

/// The first line of messages in CSV.
pub const MESSAGE_CSV_HEADER: &str = "created_at,id,user_name,hashtags,text\n";

/// A message in CSV (RFC 4180), hashtags separated by blanks.
pub fn message_csv(message: &Message) -> String {
    csv(&[
        &api::time::format_millis(&message.created_at),
        &message.id,
        &message.user.name,
        &message.hashtags.join(" "),
        &message.text,
    ])
}

/// The first line of a trend in CSV.
pub fn bucket_csv_header(hashtags: bool) -> &'static str {
    if hashtags {
        "from_date,to_date,count,hashtag\n"
    } else {
        "from_date,to_date,count\n"
    }
}

/// A bucket in CSV.
pub fn bucket_csv(bucket: &TrendBucket) -> String {
    let from = api::time::format_seconds(&bucket.from_date);
    let to = api::time::format_seconds(&bucket.to_date);
    let count = bucket.count.to_string();
    match &bucket.hashtag {
        Some(tag) => csv(&[&from, &to, &count, tag]),
        None => csv(&[&from, &to, &count]),
    }
}

fn csv(fields: &[&str]) -> String {
    let quoted = |field: &&str| {
        let plain = sanitize(field);
        if plain.contains([',', '"', '\n']) || plain.starts_with(' ') || plain.ends_with(' ') {
            format!("\"{}\"", plain.replace('"', "\"\""))
        } else {
            plain
        }
    };
    let fields: Vec<String> = fields.iter().map(quoted).collect();
    fields.join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::Zone;
    use super::super::tests::message;
    use super::*;

    fn clock() -> Clock {
        Clock {
            now: "2026-11-24T12:00:00Z".parse().unwrap(),
            zone: Zone::Utc,
        }
    }

    #[test]
    fn a_line_has_one_message_whatever_its_text() {
        let message = message("ann", "one\ntwo\tthree \\n \u{1b}[2J", &["a", "b"]);
        assert_eq!(
            message_line(&message, clock(), &TimeFormat::Iso),
            "2026-11-24T11:00:00.000Z\t01JDEN0W00000000000000000A\tann\t#a #b\tone\\ntwo\\tthree \\\\n \\u{1b}[2J\n"
        );
    }

    #[test]
    fn csv_quotes_what_it_must() {
        let message = message("ann", "say \"hi\",\nplease", &[]);
        assert_eq!(
            message_csv(&message),
            "2026-11-24T11:00:00.000Z,01JDEN0W00000000000000000A,ann,,\"say \"\"hi\"\",\nplease\"\n"
        );
    }
}
