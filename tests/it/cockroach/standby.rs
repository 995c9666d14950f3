//! PostgreSQL with a standby among the hosts.

use std::time::{Duration, Instant};

use dunder::domain::Position;
use dunder::domain::prelude::*;

use super::following::read_on;
use super::postgres::Postgres;
use super::{assert_exact, draft, open};

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_among_the_hosts_is_passed_over_by_who_posts_who_reads_and_who_follows() {
    let primary = Postgres::start();
    let mut options = primary.fresh();
    let store = open(&options).await;
    store.post(draft("ann", "before", &["t"])).await.unwrap();
    store.close().await;
    let standby = primary.standby();
    let host = |server: &Postgres| ("127.0.0.1".to_owned(), server.port);
    for hosts in [
        [host(&primary), host(&standby)],
        [host(&standby), host(&primary)],
    ] {
        options.hosts = hosts.to_vec();
        (options.readers, options.writers) = (2, 2);
        let store = open(&options).await;
        let mut position = store.closed().await.unwrap();
        for n in 0..8 {
            let posted = store.post(draft("ann", &format!("{n}"), &["t"])).await;
            let posted = posted.unwrap();
            assert_eq!(
                store.message(posted.id).await.unwrap(),
                Some(posted.clone())
            );
            let mut seen = Vec::new();
            let began = Instant::now();
            while position < Some(Position(posted.id)) {
                seen.extend(read_on(&store, &mut position).await.unwrap());
                assert!(began.elapsed() < Duration::from_secs(60));
            }
            assert_eq!(seen, [posted]);
        }
        store.check().await.unwrap();
        store.close().await;
    }
    assert_eq!(assert_exact(&*open(&options).await).await.len(), 17);
}
