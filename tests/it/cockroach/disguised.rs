//! PostgreSQL that says it is CockroachDB v19.1 and errs as that one does:
//! what the store makes of it.

use dunder::domain::prelude::*;
use dunder::domain::{PostError, StoreError};
use dunder::store::cockroach::{CockroachOptions, CockroachStore, OpenError, migrate};

use super::{assert_exact, draft, open, postgres};

/// A migrated database whose next sessions find functions of its own before
/// those of the system.
pub async fn disguised(functions: &str) -> (CockroachOptions, tokio_postgres::Client) {
    let options = postgres::shared().fresh();
    open(&options).await.close().await;
    let look = postgres::session(&options).await;
    let disguise = format!(
        "CREATE FUNCTION public.version() RETURNS text LANGUAGE sql \
         AS $$ SELECT 'CockroachDB CCL v19.1.0 (x86_64-unknown-linux-gnu)' $$; \
         ALTER DATABASE {} SET search_path = public, pg_catalog; {functions}",
        options.database
    );
    look.batch_execute(&disguise).await.unwrap();
    (options, look)
}

/// Has the next `times` batches fail with what an old CockroachDB says.
fn failing(times: u32, message: &str) -> String {
    format!(
        "CREATE SEQUENCE calls; \
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF nextval('calls') <= {times} THEN \
             RAISE EXCEPTION '{message}' USING ERRCODE = 'XX000'; \
           END IF; \
           RETURN NULL; \
         END $$; \
         CREATE TRIGGER fail AFTER INSERT ON messages EXECUTE FUNCTION fail();"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_without_a_code_costs_an_attempt_not_a_message() {
    let message = "rpc error: code = Unavailable desc = transport is closing";
    let (options, _look) = disguised(&failing(3, message)).await;
    let store = open(&options).await;
    let posted = store.post(draft("ann", "text", &["t"])).await.unwrap();
    assert_eq!(assert_exact(&*store).await, [posted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_of_the_database_is_not_tried_again() {
    let (options, look) = disguised(&failing(1, "internal error: nil plan")).await;
    let store = open(&options).await;
    let refused = store.post(draft("ann", "text", &["t"])).await.unwrap_err();
    let unexpected = matches!(refused, PostError::Store(StoreError::Unexpected(_)));
    assert!(unexpected, "{refused:?}");
    let calls = look.query_one("SELECT last_value FROM calls", &[]).await;
    assert_eq!(calls.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_a_schema_is_in_a_database_that_does_not_exist() {
    let missing_once = "CREATE SEQUENCE calls; \
        CREATE FUNCTION public.current_schema() RETURNS name LANGUAGE sql AS $$ \
          SELECT CASE WHEN nextval('calls') > 2 THEN name 'public' END $$;";
    let (mut options, _look) = disguised(missing_once).await;
    options.should_migrate = false;
    let refused = CockroachStore::open(options.clone()).await.err().unwrap();
    assert!(matches!(refused, OpenError::NoDatabase { .. }), "{refused}");
    options.should_migrate = true;
    let store = open(&options).await;
    store.post(draft("ann", "text", &["t"])).await.unwrap();
    assert_exact(&*store).await;
}

/// Has an index be listed as there only after it was looked for so often.
fn building(looks: u32) -> String {
    format!(
        "CREATE SEQUENCE looks; DELETE FROM dunder_schema WHERE step > 3; \
         CREATE VIEW public.pg_indexes AS SELECT * FROM pg_catalog.pg_indexes \
         WHERE (SELECT nextval('looks')) > {looks};"
    )
}

/// How many steps are done.
async fn steps(look: &tokio_postgres::Client) -> i64 {
    let row = look
        .query_one("SELECT count(*) FROM dunder_schema", &[])
        .await;
    row.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_waits_for_an_index_that_an_earlier_one_began() {
    let (options, look) = disguised(&building(3)).await;
    // What CockroachDB alone understands comes later.
    let refused = migrate(options).await.unwrap_err().to_string();
    assert!(refused.contains("STORING"), "{refused}");
    assert_eq!(steps(&look).await, 16);
    let looks = look.query_one("SELECT last_value FROM looks", &[]).await;
    assert_eq!(looks.unwrap().get::<_, i64>(0), 3 + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_built_for_too_long_stops_the_migration_with_its_name() {
    let (mut options, look) = disguised(&building(1_000_000)).await;
    options.index_patience = std::time::Duration::ZERO;
    let refused = migrate(options).await.unwrap_err();
    assert!(
        matches!(refused, OpenError::StillBuilding { .. }),
        "{refused}"
    );
    assert!(
        refused.to_string().contains("messages_by_user"),
        "{refused}"
    );
    assert_eq!(steps(&look).await, 3);
}
