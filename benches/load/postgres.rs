//! Posting to PostgreSQL through HTTP, against the same batched statement fed
//! without HTTP in a process of its own.

#[allow(dead_code)]
#[path = "../../tests/it/cockroach/postgres.rs"]
mod database;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dunder::domain::{Draft, Store};
use dunder::store::cockroach::{CockroachOptions, CockroachStore};

use super::Result;
use super::client::{self, Load, Measured, Request};
use super::server::{Dunder, StoreDir};
use super::table::Row;

const CONNECTIONS: usize = 256;

/// The row of the table.
pub fn durable_post() -> Result<Row> {
    let postgres = database::Postgres::start();
    let options = postgres.fresh();
    let most = batches(&options)?;
    let options = postgres.fresh();
    let (host, port) = options.hosts.first().ok_or("no host")?;
    let port = port.to_string();
    let flags = [
        "--cockroach.host",
        host,
        "--cockroach.port",
        &port,
        "--cockroach.user",
        &options.user,
        "--cockroach.database",
        &options.database,
        "--cockroach.should_migrate",
    ];
    let dunder = Dunder::with(&flags, StoreDir::new()?)?;
    let before = dunder.cpu_seconds();
    let load = Load {
        address: dunder.address.clone(),
        connections: CONNECTIONS,
        request: Request::Post,
    };
    let mut row = Row::new(
        "durable POST, PostgreSQL",
        CONNECTIONS,
        client::load(&load)?,
    );
    row.cpu(dunder.cpu_seconds() - before);
    row.peak_memory = dunder.peak_memory();
    row.ratio_to("(d)", &most, 0.6);
    Ok(row)
}

fn batches(options: &CockroachOptions) -> Result<Measured> {
    let (host, port) = options.hosts.first().ok_or("no host")?;
    let output = Command::new(std::env::current_exe()?)
        .args([
            "batches",
            host,
            &port.to_string(),
            &options.user,
            &options.database,
        ])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let requests = String::from_utf8(output.stdout)?.trim().parse()?;
    Ok(Measured {
        requests,
        seconds: client::seconds(),
        p50: Duration::ZERO,
        p99: Duration::ZERO,
    })
}

/// The child's side: so many posts wait at once that every batch is full.
pub fn run(arguments: &[String]) -> Result<()> {
    let [host, port, user, database] = arguments else {
        return Err("batches HOST PORT USER DATABASE".into());
    };
    let options = CockroachOptions {
        hosts: vec![(host.clone(), port.parse()?)],
        user: user.clone(),
        database: database.clone(),
        should_migrate: true,
        ..CockroachOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = Arc::new(CockroachStore::open(options).await?);
        let (stored, over) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        for number in 0..4_000 {
            let (store, stored, over) =
                (Arc::clone(&store), Arc::clone(&stored), Arc::clone(&over));
            let user = format!("user{}", number % 64).parse()?;
            let text = format!("storage: compact the ranges of node {number} before the split");
            let draft = Draft::new(
                user,
                text,
                &["storage".to_owned(), format!("tag{}", number % 16)],
            )?;
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) && store.post(draft.clone()).await.is_ok() {
                    stored.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let warm = Duration::from_secs_f64(client::seconds() * 0.2);
        tokio::time::sleep(warm).await;
        let (before, start) = (stored.load(Ordering::Relaxed), Instant::now());
        tokio::time::sleep(Duration::from_secs_f64(client::seconds())).await;
        let during = stored.load(Ordering::Relaxed) - before;
        over.store(true, Ordering::Relaxed);
        let rate = during as f64 / start.elapsed().as_secs_f64();
        println!("{:.0}", rate * client::seconds());
        Ok(())
    })
}
