//! Durable posts to the embedded store, against a server that reads and
//! parses the same bodies and stores nothing.

use super::Result;
use super::answer;
use super::client::{self, Load, Measured, Requests};
use super::limit::{Kind, Limit};
use super::pairs::{Pairs, by_throughput};
use super::server::{Dunder, StoreDir};
use super::settings::Settings;
use super::sqlite;
use super::table::{Goal, Row, Table};

/// Rows that may be asked for by name.
pub fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let memory = "memory under 256 posting connections";
    let many = "durable POST, embedded, 10,000 users and hashtags";
    for (name, connections, requests, goal) in [
        (
            "durable POST, embedded, 256 connections",
            256,
            Requests::Posts,
            Goal::AtLeast(0.65),
        ),
        (
            "durable POST, embedded, 64 connections",
            64,
            Requests::Posts,
            Goal::AtLeast(0.45),
        ),
        (many, 256, Requests::ManyPosts, Goal::None),
    ] {
        let wants_memory = name == many && settings.wants(memory);
        if !settings.wants(name) && !wants_memory {
            continue;
        }
        let pair = Servers::start()?;
        let seconds = settings.seconds;
        let pairs = Pairs::measure(
            name,
            settings.pairs,
            || pair.limit(&requests, connections, seconds),
            || pair.dunder.load(&requests, connections, seconds),
            by_throughput,
        )?;
        let mut row = Row::of_pairs(name, connections, &pairs, goal);
        row.limit = format!("(a) {:.0}/s", pairs.median().limit.per_second());
        row.peak_memory = Some(pair.dunder.peak_memory());
        table.push(row);
        if wants_memory {
            table.push(Row::megabytes(memory, pair.dunder.peak_memory(), 100));
        }
    }
    lone(settings, table)
}

/// One connection: the time that a post takes.
fn lone(settings: &Settings, table: &mut Table) -> Result<()> {
    let name = "durable POST, embedded, 1 connection";
    if !settings.wants(name) {
        return Ok(());
    }
    let pair = Servers::start()?;
    let mut commits = Vec::new();
    // What is allowed takes the place of the limit's own time.
    let allowed = || {
        let commit = sqlite::one_commit()?;
        let mut limit = pair.limit(&Requests::Posts, 1, settings.seconds)?;
        commits.push((limit.p50, commit));
        limit.p50 += commit.mul_f64(1.3);
        Ok(limit)
    };
    let pairs = Pairs::measure(
        name,
        settings.pairs,
        allowed,
        || pair.dunder.load(&Requests::Posts, 1, settings.seconds),
        super::pairs::by_latency,
    )?;
    commits.sort_unstable();
    let (post, commit) = commits[commits.len() / 2];
    let mut row = Row::of_pairs(name, 1, &pairs, Goal::AtMost(1.0));
    row.limit = format!(
        "(a) p50 + 1.3 commits of one row: {} + 1.3 × {} µs",
        post.as_micros(),
        commit.as_micros(),
    );
    row.peak_memory = Some(pair.dunder.peak_memory());
    table.push(row);
    Ok(())
}

/// dunder over a fresh store, and its limit.
struct Servers {
    dunder: Dunder,
    limit: Limit,
}

impl Servers {
    fn start() -> Result<Servers> {
        let dunder = Dunder::start(StoreDir::temporary()?)?;
        let limit = Limit::start(Kind::Post, &[answer::post(&dunder.address)?])?;
        Ok(Servers { dunder, limit })
    }

    fn limit(&self, requests: &Requests, connections: usize, seconds: f64) -> Result<Measured> {
        client::load(&Load {
            address: &self.limit.address,
            pid: self.limit.pid(),
            connections,
            requests,
            seconds,
        })
    }
}
