//! Hashtags, dates and ids.

use std::hint::black_box;

use chrono::{DateTime, Utc};
use criterion::Criterion;
use dunder::domain::{Hashtag, IdClock, MessageId, Zone, hashtags_in_text, parse_date};

/// A moment of 2025.
const NOW: i64 = 1_748_779_200_000;

pub fn measure(criterion: &mut Criterion) {
    for (name, written) in [
        ("hashtag, ascii", "#Deploy-2024"),
        ("hashtag, full width", "ＤＥＰＬＯＹ"),
        ("hashtag, with marks", "हिन्दी"),
    ] {
        criterion.bench_function(name, |b| {
            b.iter(|| black_box(written).parse::<Hashtag>());
        });
    }
    let plain = "storage: compact the ranges of node 1234 before the split".to_owned();
    let tagged = "deploy of #prod done, #eu next; see http://example/#frag and (#ops)".to_owned();
    let long = tagged.repeat(8 * 1024 / tagged.len());
    for (name, text) in [
        ("hashtags in a text, none", &plain),
        ("hashtags in a text, three", &tagged),
        ("hashtags in a text, 8 KiB", &long),
    ] {
        criterion.bench_function(name, |b| b.iter(|| hashtags_in_text(black_box(text))));
    }
    let now = DateTime::<Utc>::from_timestamp_millis(NOW).unwrap_or_default();
    for text in [
        "2019-09-23T10:00:00+02:00",
        "2019-09-23",
        "1569232800",
        "90m",
    ] {
        criterion.bench_function(&format!("date, {text}"), |b| {
            b.iter(|| parse_date(black_box(text), now, &Zone::UTC));
        });
    }
    let id = MessageId::from_parts(NOW, 0x1234_5678_9abc_def0);
    let text = id.to_string();
    criterion.bench_function("id to text", |b| b.iter(|| black_box(id).to_string()));
    criterion.bench_function("id from text", |b| {
        b.iter(|| black_box(&text).parse::<MessageId>());
    });
    let mut clock = IdClock::after(None);
    criterion.bench_function("id, the next", |b| b.iter(|| clock.next(black_box(NOW))));
}
