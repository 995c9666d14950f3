//! Query strings and JSON.

use std::hint::black_box;

use criterion::Criterion;
use dunder::api::{Envelope, FeedQuery, PostBody, TrendQuery, Trends};

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
    let page = Envelope { data: page(20) };
    criterion.bench_function("page of 20 messages as JSON", |b| {
        b.iter(|| serde_json::to_vec(black_box(&page)));
    });
    let day = Envelope {
        data: Trends {
            trends: trends(24 * 60, 60),
        },
    };
    criterion.bench_function("trend of 1440 buckets as JSON", |b| {
        b.iter(|| serde_json::to_vec(black_box(&day)));
    });
}
