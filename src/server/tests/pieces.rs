//! Bodies that are made as they are taken, and what they hold.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Body;

use super::stub::Stub;
use super::{ask, over, shared, text};
use crate::api::{self, Envelope};
use crate::config::Limits;
use crate::domain::{FeedFilter, FeedLimit, Messages};
use crate::server::handle::message;
use crate::server::response::body::PIECE;
use crate::server::response::progress::Progress;

/// What serde writes of the first page.
async fn by_serde(stub: &Stub, limit: u16) -> String {
    let filter = FeedFilter {
        limit: FeedLimit::new(limit).unwrap(),
        ..FeedFilter::default()
    };
    let page = stub.feed(&filter).await.unwrap();
    let data = api::FeedPage {
        messages: page.messages.iter().map(message::on_the_wire).collect(),
        next_cursor: page.next_cursor.map(|id| id.to_string()),
        missing: Vec::new(),
    };
    serde_json::to_string(&Envelope { data }).unwrap()
}

#[tokio::test]
async fn a_page_in_pieces_is_what_serde_writes_of_it() {
    for (count, long, limit) in [
        (0, 1, 100),
        (1, 1, 100),
        (3, 7, 100),
        (1_000, 3, 1_000),
        (1_001, 3, 1_000),
        (700, 1, 1_000),
        (700, 700, 600),
        (2_000, 50, 999),
    ] {
        let expected = by_serde(&Stub::with(count, long), limit).await;
        let context = over(Stub::with(count, long), Limits::default());
        let answer = ask(&context, "GET", &format!("/message?limit={limit}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        // What is short enough to be kept for those who ask again is whole.
        let most = if limit == 100 { PIECE } else { 512 * 1024 };
        let is_whole = answer.body().size_hint().exact().is_some();
        assert_eq!(is_whole, expected.len() < most);
        assert!(text(answer).await == expected, "{count} {long} {limit}");
    }
}

#[tokio::test]
async fn a_page_is_read_as_it_is_taken() {
    let stub = Stub::with(1_000, 1);
    let context = over(stub, Limits::default());
    let answer = ask(&context, "GET", "/message?limit=1000").await;
    let mut body = answer.into_body();
    let mut sizes = Vec::new();
    while let Some(piece) = body.frame().await {
        sizes.push(piece.unwrap().into_data().unwrap().len());
    }
    assert!(sizes.len() > 100, "{} pieces", sizes.len());
    assert!(sizes.iter().all(|size| *size < 2 * PIECE), "{sizes:?}");
}

#[tokio::test]
async fn a_page_that_cannot_be_finished_is_cut_and_not_ended() {
    let stub = Stub {
        reads_at_most: Some(3),
        ..Stub::with(1_000, 1)
    };
    let context = over(stub, Limits::default());
    let answer = ask(&context, "GET", "/message?limit=1000").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.into_body().collect().await.is_err());
}

#[tokio::test]
async fn an_answer_holds_its_place_until_its_last_byte_has_left() {
    let limits = Limits {
        requests: 1,
        ..Limits::default()
    };
    let context = over(Stub::with(1_000, 30), limits);
    let is_free = async || ask(&context, "GET", "/").await.status() == StatusCode::OK;
    for path in [
        "/message?limit=20",
        "/message?limit=100",
        "/message?limit=1000",
    ] {
        let mut body = ask(&context, "GET", path).await.into_body();
        if body.is_stream() {
            body.follow(Arc::new(Progress::default()));
        }
        let mut last = None;
        loop {
            assert!(!is_free().await, "{path}");
            // A piece is asked for once the one before has left.
            drop(last.take());
            match body.frame().await {
                Some(piece) => last = Some(piece.unwrap()),
                None => break,
            }
        }
        drop(last);
        drop(body);
        assert!(is_free().await, "{path}");
    }
}

#[tokio::test]
async fn a_piece_is_made_once_the_one_before_has_left() {
    let context = over(Stub::with(1_000, 1), Limits::default());
    let mut body = ask(&context, "GET", "/message?limit=1000")
        .await
        .into_body();
    let progress = Arc::new(Progress::default());
    body.follow(Arc::clone(&progress));
    let first = body.frame().await.unwrap().unwrap();
    let next = tokio::time::timeout(std::time::Duration::ZERO, body.frame());
    assert!(next.await.is_err());
    drop(first);
    assert!(progress.has_left());
    body.frame().await.unwrap().unwrap();
}

#[tokio::test]
async fn long_answers_share_the_memory_there_is_and_stream_where_there_is_none() {
    let limits = Limits {
        answer_memory: PIECE * 8,
        ..Limits::default()
    };
    // A page of some 200 KB: one fits whole, the next comes in pieces.
    let context = over(Stub::with(100, 5), limits);
    let first = ask(&context, "GET", "/message").await;
    assert!(!first.body().is_stream());
    let second = ask(&context, "GET", "/message").await;
    assert!(second.body().is_stream());
    assert_eq!(text(first).await, text(second).await);
}

#[tokio::test]
async fn a_long_page_that_nobody_takes_is_not_read() {
    let stub = Arc::new(Stub::with(1_000, 1));
    let context = shared(Arc::clone(&stub), Limits::default());
    let answer = ask(&context, "HEAD", "/message?limit=1000").await;
    drop(answer);
    assert_eq!(stub.reads.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_page_asked_for_again_is_read_again_only_after_a_change() {
    let stub = Arc::new(Stub::with(1_000, 1_000));
    let context = shared(Arc::clone(&stub), Limits::default());
    for path in ["/message?limit=20", "/message?limit=1000"] {
        stub.version.store(1, Ordering::Relaxed);
        let reads_of_one = async || {
            let before = stub.reads.load(Ordering::Relaxed);
            let answer = text(ask(&context, "GET", path).await).await;
            (stub.reads.load(Ordering::Relaxed) - before, answer)
        };
        // It is worth being kept from the second time on.
        let (first, _) = reads_of_one().await;
        let (second, answer) = reads_of_one().await;
        assert!(first > 0 && second > 0, "{path}");
        assert_eq!(reads_of_one().await, (0, answer.clone()), "{path}");
        stub.version.store(2, Ordering::Relaxed);
        assert_eq!(reads_of_one().await, (second, answer), "{path}");
    }
}
