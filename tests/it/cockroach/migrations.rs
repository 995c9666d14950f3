//! Opening databases that are missing, empty, old, new, foreign, or being
//! migrated by somebody else.

use std::time::Duration;

use dunder::domain::prelude::*;
use dunder::store::cockroach::{CockroachStore, OpenError, migrate};
use tokio::task::JoinSet;

use super::proxy::Proxy;
use super::{assert_exact, databases, draft, open, postgres};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_made_when_asked_for_and_else_the_command_is_named() {
    let mut options = postgres::shared().fresh();
    options.should_migrate = false;
    let refused = refusal(&options).await;
    assert!(matches!(refused, OpenError::NoDatabase { .. }), "{refused}");
    assert!(refused.to_string().contains("dunder migrate"), "{refused}");
    let migrated = migrate(options.clone()).await.unwrap();
    assert!(
        migrated.applied >= 10 && migrated.skipped == 4,
        "{migrated:?}"
    );
    assert_eq!(migrate(options.clone()).await.unwrap(), Default::default());
    open(&options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_for_other_servers_are_recorded_as_skipped() {
    let options = postgres::shared().fresh();
    open(&options).await;
    let look = postgres::session(&options).await;
    let sql = "SELECT name FROM dunder_schema WHERE outcome = 'skipped' ORDER BY step";
    let rows = look.query(sql, &[]).await.unwrap();
    let skipped: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    let for_cockroach = [
        "0002_messages_spread",
        "0017_counters_by_bucket_stored",
        "0018_counters_by_bucket_dropped",
        "0027_counters_below_zero_cockroach",
    ];
    assert_eq!(skipped, for_cockroach);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_or_empty_schema_is_refused_with_the_command_and_untouched() {
    let mut options = postgres::shared().fresh();
    open(&options).await.close().await;
    let look = postgres::session(&options).await;
    look.batch_execute("DELETE FROM dunder_schema WHERE step > 9; DROP TABLE tokens")
        .await
        .unwrap();
    options.should_migrate = false;
    let refused = refusal(&options).await.to_string();
    assert!(
        refused.contains("9 of 34") && refused.contains("dunder migrate"),
        "{refused}"
    );
    assert!(look.query("SELECT FROM tokens", &[]).await.is_err());
    options.should_migrate = true;
    assert!(open(&options).await.tokens().await.unwrap().is_empty());
    look.batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        .await
        .unwrap();
    options.should_migrate = false;
    let refused = refusal(&options).await.to_string();
    assert!(refused.contains("dunder migrate"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_or_foreign_database_is_refused_and_untouched() {
    let options = postgres::shared().fresh();
    open(&options).await.close().await;
    let look = postgres::session(&options).await;
    look.batch_execute("INSERT INTO dunder_schema VALUES (99, '0099_future', 'applied', 0)")
        .await
        .unwrap();
    let refused = refusal(&options).await.to_string();
    assert!(
        refused.contains("0099_future") && refused.contains("newer"),
        "{refused}"
    );
    look.batch_execute(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE orders (id int)",
    )
    .await
    .unwrap();
    let refused = refusal(&options).await.to_string();
    assert!(refused.contains("orders"), "{refused}");
    let tables = look
        .query("SELECT FROM pg_tables WHERE schemaname = 'public'", &[])
        .await
        .unwrap();
    assert_eq!(tables.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_servers_that_start_together_migrate_once() {
    for options in databases() {
        let mut migrations = JoinSet::new();
        for _ in 0..10 {
            migrations.spawn(migrate(options.clone()));
        }
        let migrated = migrations.join_all().await;
        let applied: Vec<usize> = migrated.into_iter().map(|m| m.unwrap().applied).collect();
        assert_eq!(applied.iter().filter(|&&n| n > 0).count(), 1, "{applied:?}");
        let store = open(&options).await;
        store.post(draft("ann", "up", &["t"])).await.unwrap();
        assert_exact(&*store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_broken_off_anywhere_is_completed_by_the_next_start() {
    let server = postgres::shared();
    let proxy = Proxy::before(server.port).await;
    let mut options = server.fresh();
    options.lock_lease = Duration::from_millis(200);
    let mut through = options.clone();
    through.hosts = vec![("127.0.0.1".to_owned(), proxy.port)];
    // Broken off after the first, then after the second, … statement.
    let mut broken = 0;
    for answers in 1.. {
        proxy.close_after(answers);
        let migrated = migrate(through.clone()).await;
        proxy.close_after(0);
        proxy.close(false);
        match migrated {
            Ok(_) => break,
            Err(_) => broken += 1,
        }
        assert!(answers < 500);
    }
    assert!(broken > 16, "{broken}");
    let store = open(&options).await;
    store.post(draft("ann", "up", &["t"])).await.unwrap();
    assert_exact(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_whose_holder_died_is_taken_over() {
    let mut options = postgres::shared().fresh();
    options.lock_lease = Duration::from_millis(100);
    open(&options).await.close().await;
    let look = postgres::session(&options).await;
    look.batch_execute(
        "DELETE FROM dunder_schema WHERE step > 5; UPDATE dunder_lock SET owner = 'dead'",
    )
    .await
    .unwrap();
    open(&options).await;
    let row = look.query_one("SELECT owner FROM dunder_lock", &[]).await;
    assert_eq!(row.unwrap().get::<_, &str>(0), "");
}

async fn refusal(options: &dunder::store::cockroach::CockroachOptions) -> OpenError {
    match CockroachStore::open(options.clone()).await {
        Ok(_) => panic!("the database was opened"),
        Err(error) => error,
    }
}
