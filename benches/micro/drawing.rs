//! Tables and charts, and the values that they are made of.

use std::hint::black_box;

use chrono::{DateTime, Duration, Utc};
use criterion::Criterion;
use dunder::api::{FeedPage, Message, TrendBucket, User};
use dunder::domain::{Interval, MessageId, Range, TrendFilter, Zone};
use dunder::output::chart::{ChartStyle, Trend, draw};
use dunder::output::format::{FORMATS, Format, Listing, Options, write_all};
use dunder::output::records::MESSAGES;
use dunder::output::{Charset, Clock, Look, TimeFormat, sanitize};

/// 2025-06-01.
const START: i64 = 1_748_736_000;

pub fn measure(criterion: &mut Criterion) {
    let clock = Clock {
        now: moment(0),
        zone: Zone::UTC,
    };
    let look = Look::new(100, true, Charset::Unicode);
    let options = Options {
        time_format: Some(TimeFormat::Absolute),
        ..Options::new(look.with_lines(50), clock.clone())
    };
    let write = |format: &Format, messages: &[Message]| {
        write_all(
            format.open(Listing::of(&MESSAGES), options.clone()),
            messages,
        )
    };
    let messages = page(20).messages;
    for format in FORMATS.into_iter().filter(|format| !format.needs_range) {
        let name = format!("page of 20 messages as {}", format.name);
        criterion.bench_function(&name, |b| b.iter(|| write(format, black_box(&messages))));
    }
    for (name, text) in [
        ("table of a text of 4095 lines", "x\n".repeat(4_095)),
        ("table of a text of 8189 tabs", "\t".repeat(8_189) + "x"),
    ] {
        let long = [Message {
            text: text.into(),
            ..messages[0].clone()
        }];
        let table = FORMATS[0];
        criterion.bench_function(name, |b| b.iter(|| write(table, black_box(&long))));
    }
    let hostile = "plain, then \u{1b}[31mred\u{1b}[0m and \u{202e}backwards".repeat(4);
    for (name, text) in [
        ("text made safe, plain", &*messages[0].text),
        ("text made safe, hostile", &hostile),
    ] {
        criterion.bench_function(name, |b| b.iter(|| sanitize(black_box(text))));
    }
    for (name, style) in [
        ("chart of 1440 buckets, bars", ChartStyle::Bars),
        ("chart of 1440 buckets, line", ChartStyle::Line),
        ("chart of 1440 buckets, spark", ChartStyle::Spark),
    ] {
        let range = Range::new(moment(0), moment(86_400)).expect("a day");
        let day = TrendFilter::unlimited(range, Interval::MINUTE).expect("1440 buckets");
        let trend = Trend::new(&trends(1440, 60), &[], day.buckets, day.interval);
        criterion.bench_function(name, |b| {
            b.iter(|| draw(black_box(&trend), style, &clock, look));
        });
    }
}

/// A page as the server answers it.
pub fn page(count: usize) -> FeedPage {
    let message = |n: usize| {
        let id = MessageId::from_parts((START + n as i64) * 1000, n as u128);
        Message {
            id: id.to_string(),
            user: User {
                name: format!("user{}", n % 7).into(),
            },
            text: format!("storage: compact the ranges of node {n} before the split").into(),
            hashtags: vec!["storage".into(), format!("tag{n}").into()],
            created_at: id.created_at(),
        }
    };
    let messages: Vec<Message> = (0..count).map(message).collect();
    FeedPage {
        next_cursor: messages.last().map(|message| message.id.clone()),
        messages,
        missing: Vec::new(),
    }
}

/// Buckets of so many seconds as the server answers them.
pub fn trends(count: i64, interval: i64) -> Vec<TrendBucket> {
    let bucket = |n: i64| TrendBucket {
        from_date: moment(n * interval),
        to_date: moment((n + 1) * interval),
        count: (n * n % 97) as u64,
        hashtag: None,
    };
    (0..count).map(bucket).collect()
}

fn moment(after: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(START, 0).unwrap_or_default() + Duration::seconds(after)
}
