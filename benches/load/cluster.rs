//! Several servers over one PostgreSQL, and large databases.

use std::thread;

use chrono::DateTime;
use dunder::domain::prelude::*;
use dunder::store::cockroach::{CockroachOptions, CockroachStore};

use super::Result;
use super::answer;
use super::client::{Measured, Requests};
use super::import::{FEW, fill};
use super::messages::{DAY, DAYS, Messages, START, VERSION};
use super::pairs::{Pairs, by_throughput};
use super::postgres::{flags, serve, server};
use super::settings::Settings;
use super::table::{Goal, Row, Table};
use super::{growth, server::Dunder};

const CONNECTIONS: usize = 256;
const TWO: &str = "durable POST, PostgreSQL, two servers against one";
const STORE: &str = "PostgreSQL, ";

/// The rows.
pub fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    if settings.wants(TWO) {
        table.push(two_servers(settings)?);
    }
    if growth::any(settings, STORE) {
        large_database(settings, table)?;
    }
    Ok(())
}

/// As many posters as one server has, half of them at each of two.
fn two_servers(settings: &Settings) -> Result<Row> {
    let postgres = server();
    let (alone, shared) = (postgres.fresh(), postgres.fresh());
    let alone = serve(&alone)?;
    let two = [serve(&shared)?, serve(&shared)?];
    let pairs = Pairs::measure(
        TWO,
        settings.pairs,
        || alone.load(&Requests::Posts, CONNECTIONS, settings.seconds),
        || together(&two, settings.seconds),
        by_throughput,
    )?;
    let mut row = Row::of_pairs(TWO, CONNECTIONS, &pairs, Goal::AtLeast(1.0));
    let limit = pairs.median().limit.per_second();
    row.limit = format!("one server, {limit:.0}/s");
    Ok(row)
}

/// Posts at two servers at the same time.
fn together(servers: &[Dunder; 2], seconds: f64) -> Result<Measured> {
    let post = |server: &Dunder| server.load(&Requests::Posts, CONNECTIONS / 2, seconds);
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(|| post(&servers[0]));
        let other = post(&servers[1]);
        (one.join(), other)
    });
    let (one, other) = (one.map_err(|_| "the load generator panicked")??, other?);
    Ok(Measured {
        requests: one.requests + other.requests,
        seconds: one.seconds.max(other.seconds),
        p50: one.p50.max(other.p50),
        p99: one.p99.max(other.p99),
        answer: one.answer,
        client_cpu: one.client_cpu + other.client_cpu,
        server_cpu: one.server_cpu + other.server_cpu,
        machine_cpu: one.machine_cpu,
    })
}

/// Every read's growth.
fn large_database(settings: &Settings, table: &mut Table) -> Result<()> {
    let postgres = server();
    let many = match &settings.postgres {
        Some(kept) => CockroachOptions {
            hosts: vec![kept.clone()],
            ..postgres.options(&format!("bench_{}_{VERSION}", settings.postgres_messages))
        },
        None => postgres.fresh(),
    };
    let large = filled(&many, settings.postgres_messages)?;
    let small = |which| {
        let few = postgres.fresh();
        fill(&flags(&few)?, Messages::of(FEW, which))?;
        compact(&few)?;
        serve(&few)
    };
    growth::measure(settings, STORE, &small, &large, table)
}

/// A server over a database with so many messages.
fn filled(options: &CockroachOptions, messages: u64) -> Result<Dunder> {
    let dunder = serve(options)?;
    match stored(&dunder.address)? {
        0 => {
            let rate = fill(&flags(options)?, Messages::new(messages))?;
            eprintln!("{messages} messages imported into PostgreSQL, {rate:.0}/s");
        }
        stored if stored == messages => {}
        stored => {
            let database = &options.database;
            let reason =
                format!("database {database} has {stored} messages of {messages}: drop it");
            return Err(reason.into());
        }
    }
    compact(options)?;
    Ok(dunder)
}

/// What a server does in the course of an hour.
fn compact(options: &CockroachOptions) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = CockroachStore::open(options.clone()).await?;
        let end = DateTime::from_timestamp_millis((START + (DAYS + 30) * DAY) as i64);
        store.compact_counters(end.ok_or("no such date")?).await?;
        store.close().await;
        Ok(())
    })
}

/// How many messages there are of the years that are filled.
fn stored(address: &str) -> Result<u64> {
    let to = START + DAYS * DAY;
    let path = format!("/trend?aggregation=year&from_date={START}&to_date={to}");
    let answer: serde_json::Value = serde_json::from_str(&answer::get(address, &path)?.body)?;
    let years = answer["data"]["trends"].as_array().ok_or("no trends")?;
    Ok(years.iter().filter_map(|year| year["count"].as_u64()).sum())
}
