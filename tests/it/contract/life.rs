//! Opening and closing.

use std::sync::Arc;

use dunder::domain::{FeedFilter, PostError, StoreError};
use tokio::task::JoinSet;

use super::model::{Model, TAGS};
use super::{Fixture, draft, export, pages, totals};

pub async fn closing_and_opening_again_keeps_everything(fixture: &mut impl Fixture) {
    let store = fixture.store();
    store.check().await.unwrap();
    let model = Model::random(9, 100);
    model.fill(&*store).await;
    let posted = store.post(draft("ann", "posted", &["sql"])).await.unwrap();
    let (before, counts) = (export(&*store).await, totals(&*store, &TAGS).await);
    fixture.reopen().await;
    let store = fixture.store();
    store.check().await.unwrap();
    assert_eq!(export(&*store).await, before);
    assert_eq!(totals(&*store, &TAGS).await, counts);
    assert_eq!(
        store.message(posted.id).await.unwrap().as_ref(),
        Some(&posted)
    );
    let next = store.post(draft("ann", "after", &["sql"])).await.unwrap();
    assert!(next.id > posted.id);
}

pub async fn a_closed_store_takes_no_posts(fixture: &mut impl Fixture) {
    let store = fixture.store();
    store.post(draft("ann", "before", &[])).await.unwrap();
    store.close().await;
    store.close().await;
    let refused = store.post(draft("ann", "after", &[])).await;
    assert!(
        matches!(refused, Err(PostError::Store(StoreError::Unavailable(_)))),
        "{refused:?}"
    );
    assert!(store.check().await.is_err());
    fixture.reopen().await;
    assert_eq!(totals(&*fixture.store(), &[]).await, [1]);
}

pub async fn posts_taken_before_closing_are_kept(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let mut posts = JoinSet::new();
    for n in 0..200 {
        let store = Arc::clone(&store);
        posts.spawn(async move { store.post(draft("ann", &n.to_string(), &[])).await });
    }
    store.close().await;
    let posted: Vec<_> = posts
        .join_all()
        .await
        .into_iter()
        .filter_map(Result::ok)
        .collect();
    fixture.reopen().await;
    let mut posted: Vec<_> = posted.into_iter().map(|message| message.id).collect();
    posted.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
    let kept = pages(&*fixture.store(), &FeedFilter::default()).await;
    assert_eq!(super::ids(&kept), posted);
}
