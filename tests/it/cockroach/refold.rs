//! Hashtags that an older folding stored under other names.

use dunder::domain::prelude::*;
use dunder::domain::{Draft, FeedFilter, Hashtag, Store};

use super::{assert_exact, databases, draft, open, postgres};

/// A message with hashtags that are kept as they are written.
fn old(text: &str, tags: &[&str]) -> Draft {
    Draft {
        hashtags: tags.iter().map(|tag| Hashtag::from_stored(tag)).collect(),
        ..draft("ann", text, &[])
    }
}

/// The texts that a hashtag finds, newest first.
async fn texts(store: &dyn Store, tag: &str) -> String {
    let filter = FeedFilter {
        hashtags: vec![tag.parse().unwrap()],
        ..FeedFilter::default()
    };
    let found = store.feed(&filter).await.unwrap().messages;
    found.iter().map(|message| message.text.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hashtags_of_an_older_folding_are_found_by_what_people_write() {
    for options in databases() {
        let store = open(&options).await;
        for (text, tags) in [
            ("1", &["οδος"][..]),
            ("2", &["οδοσ", "prod"]),
            ("3", &["οδοσ", "prod", "οδος"]),
            ("4", &["i\u{307}stanbul", "prod"]),
            ("5", &["น้\u{e4d}าท่วม"]),
            ("6", &["a\u{fe0f}é", "a\u{34f}é"]),
        ] {
            store.post(old(text, tags)).await.unwrap();
        }
        store.close().await;
        let look = postgres::session(&options).await;
        // A migration may be cut off: it is taken again from its start.
        for _ in 0..2 {
            let sql = "DELETE FROM dunder_schema WHERE name >= '0019_folding'";
            assert!(look.execute(sql, &[]).await.unwrap() > 0);
            let store = open(&options).await;
            for (tag, found) in [
                ("ΟΔΟΣ", "321"),
                ("οδος", "321"),
                ("istanbul", "4"),
                ("น้ำท่วม", "5"),
                ("aé", "6"),
                ("prod", "432"),
            ] {
                assert_eq!(texts(&*store, tag).await, found, "{tag}");
            }
            let messages = assert_exact(&*store).await;
            let tags = messages[2].hashtags.iter().map(Hashtag::as_str);
            assert_eq!(tags.collect::<Vec<_>>(), ["οδοσ", "prod"]);
            store.close().await;
        }
    }
}
