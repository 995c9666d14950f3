//! Query strings and JSON.

use std::hint::black_box;

use criterion::Criterion;
use dunder::api::json::{BucketWriter, MessageParts, write_message};
use dunder::api::{FeedQuery, Message, PostBody, TrendBucket, TrendQuery};

use super::drawing::{page, trends};

pub fn measure(criterion: &mut Criterion) {
    let feed = "limit=20&hashtag=prod&hashtag=caf%C3%A9&user_name=ann&from_date=2025-06-01T10:00:00%2B02:00";
    criterion.bench_function("query of a feed, read", |b| {
        b.iter(|| FeedQuery::parse(black_box(feed)));
    });
    criterion.bench_function("query of a trend, read", |b| {
        b.iter(|| TrendQuery::parse(black_box("hashtag=prod&aggregation=1m&fill=true")));
    });
    let parsed = FeedQuery::parse(feed).expect("a query");
    criterion.bench_function("query of a feed, written", |b| {
        b.iter(|| black_box(&parsed).to_query_string());
    });
    let body = br##"{"text":"storage: compact the ranges of node 1234 before the split #ops","hashtags":["storage","tag7"]}"##;
    criterion.bench_function("body of a post, read", |b| {
        b.iter(|| serde_json::from_slice::<PostBody>(black_box(body)));
    });
    let messages = page(20).messages;
    criterion.bench_function("page of 20 messages as JSON", |b| {
        b.iter(|| page_as_json(black_box(&messages)));
    });
    let day = trends(24 * 60, 60);
    criterion.bench_function("trend of 1440 buckets as JSON", |b| {
        b.iter(|| trend_as_json(black_box(&day)));
    });
}

fn page_as_json(messages: &[Message]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        let parts = MessageParts {
            id: &message.id,
            user: &message.user.name,
            text: &message.text,
            hashtags: message.hashtags.iter().map(|tag| &**tag),
            created_at: message.created_at,
        };
        write_message(&mut out, parts);
    }
    out
}

fn trend_as_json(buckets: &[TrendBucket]) -> Vec<u8> {
    let (mut out, mut writer) = (Vec::new(), BucketWriter::default());
    let tail = BucketWriter::tail(None);
    for bucket in buckets {
        let edges = (bucket.from_date.timestamp(), bucket.to_date.timestamp());
        writer.write(&mut out, edges, bucket.count, &tail);
    }
    out
}
