//! Answers in other forms than JSON.

use std::sync::Arc;
use std::time::Duration;

use super::stub::Stub;
use super::{ask, over, text};
use crate::api;
use crate::config::Limits;
use crate::domain::{FeedFilter, FeedLimit, Messages};
use crate::output::format::{FORMATS, Listing, Options, write_all};
use crate::output::records::MESSAGES;
use crate::output::{Charset, Look};
use crate::server::handle::draw::Drawers;
use crate::server::handle::{format, message};

#[tokio::test]
async fn a_drawing_waits_for_a_thread_that_draws_and_json_does_not() {
    let mut context = over(Stub::with(3, 5), Limits::default());
    let drawn = ["/message?format=text", "/message?format=oneline"];
    for path in drawn {
        assert_eq!(ask(&context, "GET", path).await.status(), 200, "{path}");
    }
    Arc::get_mut(&mut context).unwrap().drawers = Drawers::of(0);
    for path in drawn {
        let waits = tokio::time::timeout(Duration::ZERO, ask(&context, "GET", path)).await;
        assert!(waits.is_err(), "{path}");
    }
    for path in ["/message", "/message?format=csv&limit=1"] {
        assert_eq!(ask(&context, "GET", path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_page_in_pieces_is_what_each_form_writes_of_it_whole() {
    let stub = Stub::with(1_000, 3);
    let filter = FeedFilter {
        limit: FeedLimit::new(1_000).unwrap(),
        ..FeedFilter::default()
    };
    let page = stub.feed(&filter).await.unwrap();
    let messages: Vec<api::Message> = page.messages.iter().map(message::on_the_wire).collect();
    let context = over(stub, Limits::default());
    for form in FORMATS.into_iter().filter(|form| !form.is_drawn) {
        let options = Options::new(Look::new(80, false, Charset::Unicode), format::clock());
        let whole = write_all(form.open(Listing::of(&MESSAGES), options), &messages);
        let path = format!("/message?limit=1000&format={}", form.name);
        let answer = ask(&context, "GET", &path).await;
        assert_eq!(answer.headers()["content-type"], form.content_type);
        assert!(text(answer).await.into_bytes() == whole, "{}", form.name);
    }
}
