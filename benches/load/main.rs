//! What the whole program can do, beside what the machine can do: every row
//! is measured together with its limit in one run, by a load generator in a
//! process of its own, over real sockets.
//!
//! `cargo bench --bench load` prints the table. `BENCH_SECONDS` sets
//! the length of each measurement (default 5).

mod client;
mod import;
mod limit;
mod postgres;
mod server;
mod table;

use std::process::ExitCode;

use client::{Load, Request};
use limit::Limit;
use server::Dunder;
use table::{Goal, Row, Table};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    // The benchmark starts itself again for the processes it needs.
    let done = match arguments.get(1).map(String::as_str) {
        Some("limit") => limit::run(&arguments[2..]),
        Some("client") => client::run(&arguments[2..]),
        Some("batches") => postgres::run(&arguments[2..]),
        _ => measure(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<()> {
    let mut table = Table::new();
    for (connections, goal) in [(256, 0.65), (64, 0.45), (1, 0.0)] {
        table.push(durable_post(connections, goal)?);
    }
    table.push(postgres::durable_post()?);
    reads(&mut table)?;
    import::measure(&mut table)?;
    table.print();
    Ok(())
}

/// Posting to a fresh embedded store, against a server that parses the same
/// body and stores nothing.
fn durable_post(connections: usize, goal: f64) -> Result<Row> {
    let limit = Limit::start("post", "")?;
    let most = client::load(&Load {
        address: limit.address.clone(),
        connections,
        request: Request::Post,
    })?;
    drop(limit);
    let dunder = Dunder::start(None)?;
    let before = dunder.cpu_seconds();
    let mut row = Row::new(
        "durable POST",
        connections,
        client::load(&Load {
            address: dunder.address.clone(),
            connections,
            request: Request::Post,
        })?,
    );
    row.cpu(dunder.cpu_seconds() - before);
    row.peak_memory = dunder.peak_memory();
    if connections == 1 {
        let commit = import::one_commit()?;
        let allowed = most.p50 + commit.mul_f64(1.3);
        row.goal = Goal::LatencyAtMost(allowed);
        row.limit = format!("(a) p50 + 1.3 commits = {} µs", allowed.as_micros());
    } else {
        row.ratio_to("(a)", &most, goal);
    }
    Ok(row)
}

/// Reading from a store that holds the given number of messages, against a
/// server that answers the same bytes from memory.
fn reads(table: &mut Table) -> Result<()> {
    let messages: u64 = std::env::var("BENCH_MESSAGES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    eprintln!("importing 10 thousand and {messages} messages");
    let small = import::synthetic(10_000)?;
    let large = import::synthetic(messages)?;
    table.push(large.row);
    let small = Dunder::start(Some(small.store))?;
    let large = Dunder::start(Some(large.store))?;
    let id = large.newest_id()?;
    let day = "from_date=2025-06-01&to_date=2025-06-02";
    let paths = [
        (
            "feed page of 20 by hashtag",
            "/message?limit=20&hashtag=tag7".to_owned(),
            0.5,
        ),
        ("one message by id", format!("/message/{id}"), 0.6),
        (
            "trend, 24 h at 1 m, one hashtag",
            format!("/trend?hashtag=tag1&aggregation=1m&{day}"),
            0.4,
        ),
    ];
    for (name, path, goal) in paths {
        let body = large.body(&path)?;
        let limit = Limit::start("get", &body)?;
        let most = client::load(&Load {
            address: limit.address.clone(),
            connections: 64,
            request: Request::Get("/".to_owned()),
        })?;
        drop(limit);
        let before = large.cpu_seconds();
        let mut row = Row::new(
            name,
            64,
            client::load(&Load {
                address: large.address.clone(),
                connections: 64,
                request: Request::Get(path),
            })?,
        );
        row.cpu(large.cpu_seconds() - before);
        row.peak_memory = large.peak_memory();
        row.ratio_to("(b)", &most, goal);
        table.push(row);
    }
    let years = "/trend?aggregation=24h&from_date=2024-01-01&to_date=2026-01-01";
    let growth = [
        ("trend, two years at 24 h", years.to_owned()),
        (
            "trend, two years at 24 h, hashtag",
            format!("{years}&hashtag=tag7"),
        ),
        ("feed, newest 100", "/message".to_owned()),
        (
            "feed by user",
            "/message?limit=20&user_name=user7".to_owned(),
        ),
        (
            "feed by two hashtags",
            "/message?limit=20&hashtag=tag1&hashtag=tag2".to_owned(),
        ),
        (
            "feed by user and hashtag",
            "/message?limit=20&user_name=user1&hashtag=tag1".to_owned(),
        ),
        (
            "feed by date",
            "/message?limit=20&to_date=2025-01-01".to_owned(),
        ),
    ];
    for (name, path) in growth {
        let of = |dunder: &Dunder| {
            client::load(&Load {
                address: dunder.address.clone(),
                connections: 1,
                request: Request::Get(path.clone()),
            })
        };
        let (few, many) = (of(&small)?, of(&large)?);
        let mut row = Row::new(name, 1, many);
        row.growth_from(&few, 2.0);
        row.peak_memory = large.peak_memory();
        table.push(row);
    }
    Ok(())
}
