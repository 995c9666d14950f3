//! Query plans: whatever names a user or a hashtag is led by an index.

use dunder::domain::prelude::*;
use dunder::domain::{MessageId, Record};
use tokio_postgres::types::{ToSql, Type};

use super::{draft, open, postgres};

/// A session beside a store of 20,000 messages.
async fn session() -> tokio_postgres::Client {
    let options = postgres::shared().fresh();
    let store = open(&options).await;
    for start in (0..20_000).step_by(4_000) {
        let records = (start..start + 4_000).map(|n| {
            let (user, tag) = (format!("u{}", n % 40), format!("t{}", n % 20));
            let tags = ["all", &tag, "x", "y"];
            let draft = draft(&user, &format!("text {n}"), &tags[..1 + n % 4]);
            Record {
                message: draft.into_message(MessageId::from_parts(1_000 * n as i64, 1)),
                idempotency_key: None,
            }
        });
        store.import(records.collect()).await.unwrap();
    }
    let look = postgres::session(&options).await;
    look.batch_execute(
        "ANALYZE; SET plan_cache_mode = force_custom_plan; SET random_page_cost = 1.1",
    )
    .await
    .unwrap();
    look
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trend_of_odd_buckets_looks_its_pieces_up() {
    let look = session().await;
    let statement = dunder::store::cockroach::pieced_trend_statement(1);
    let minutes: Vec<i64> = (0..6_000).map(|n| n / 60 * 604_860 + n % 60 * 60).collect();
    let hours: Vec<i64> = (0..2_400)
        .map(|n| n / 24 * 604_800 + n % 24 * 3_600)
        .collect();
    let days: Vec<i64> = (0..100).map(|n| n * 604_800).collect();
    let none: Vec<i64> = Vec::new();
    let (width, shift, day) = (604_860i64, 0i64, 86_400i64);
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&width, &shift, &shift, &shift, &shift, &day];
    params.extend([&0i64 as &(dyn ToSql + Sync), &60_486_000i64, &days]);
    params.extend([&minutes as &(dyn ToSql + Sync), &hours, &none, &"t1"]);
    let mut types = vec![Type::INT8; 8];
    types.resize(12, Type::INT8_ARRAY);
    types.push(Type::TEXT);
    let statement = format!("EXPLAIN {statement}");
    let statement = look.prepare_typed(&statement, &types);
    let plan = look
        .query(&statement.await.unwrap(), &params)
        .await
        .unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(!plan.contains("Seq Scan on counters"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_a_user_or_a_hashtag_reads_a_table_from_end_to_end() {
    let look = session().await;
    let low = "0".repeat(26);
    let high = "7".to_owned() + &"Z".repeat(25);
    let range: [&(dyn ToSql + Sync); 3] = [&low, &high, &404i64];
    for (name, statement, types) in dunder::store::cockroach::page_statements() {
        let mut params = range.to_vec();
        let more: &[&(dyn ToSql + Sync)] = match name {
            "of a user" => &[&"u1"],
            "of a hashtag" => &[&"t1"],
            "of a user's part" => &[&101i64, &"u1", &"all", &"x"],
            "of a hashtag's part" => &[&101i64, &"t1", &"u1", &"all", &"x"],
            "of two users' part" => &[&101i64, &"u1", &"u2", &"t1", &"x", &"y"],
            "of two hashtags' part" => &[&101i64, &"t1", &"t2", &"u1", &"u2"],
            "of everybody's part" => &[&101i64, &"x", &"y"],
            "ends of parts" => &[&404i64, &"u1", &"t1", &"t2", &"t3"],
            other => panic!("{other}"),
        };
        params.extend(more);
        let statement = format!("EXPLAIN {statement}");
        let statement = look.prepare_typed(&statement, &types).await.unwrap();
        let plan = look.query(&statement, &params).await;
        let plan: Vec<String> = plan.unwrap().iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
        assert!(plan.contains("Index"), "{name}:\n{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_messages_looks_their_places_and_keys_up() {
    let look = session().await;
    look.batch_execute(
        "INSERT INTO idempotency_keys (user_name, key, message_id)
         SELECT 'u' || n % 40, 'k' || n, 'm' || n FROM generate_series(1, 20000) AS n;
         ANALYZE idempotency_keys",
    )
    .await
    .unwrap();
    for pairs in [8, 128] {
        for (name, statement, types) in dunder::store::cockroach::removal_statements(pairs) {
            let values: Vec<String> = (0..2 * pairs).map(|n| format!("v{n}")).collect();
            let mut params: Vec<&(dyn ToSql + Sync)> = Vec::new();
            if name == "keys" {
                params.push(&values);
            }
            params.extend(values.iter().map(|value| value as &(dyn ToSql + Sync)));
            let statement = format!("EXPLAIN {statement}");
            let statement = look.prepare_typed(&statement, &types).await.unwrap();
            let plan = look.query(&statement, &params).await;
            let plan: Vec<String> = plan.unwrap().iter().map(|row| row.get(0)).collect();
            let plan = plan.join("\n");
            assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
            assert!(plan.contains("Index"), "{name}:\n{plan}");
        }
    }
}
