//! Durable posts to PostgreSQL, against limit (d): the same batched statement
//! over bare connections, in a process of its own.

#[allow(dead_code)]
#[path = "../../tests/it/cockroach/postgres.rs"]
pub mod database;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dunder::domain::{Draft, MessageId, Record};
use dunder::store::cockroach::{BareWriter, CockroachOptions, migrate};

use super::Result;
use super::client::{Measured, Requests};
use super::pairs::{Pairs, by_throughput};
use super::server::{Dunder, StoreDir};
use super::settings::Settings;
use super::table::{Goal, Row, Table};

const CONNECTIONS: usize = 256;
/// Batches in flight, and messages in each: as many as the posters of the row
/// can have waiting,
const WAITING: [(usize, usize); 4] = [(1, 256), (2, 128), (4, 64), (8, 32)];
/// and more.
const MORE: [(usize, usize); 5] = [(1, 512), (2, 250), (4, 250), (2, 1000), (4, 1000)];

/// The rows.
pub fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let name = "durable POST, PostgreSQL, 256 connections";
    let beside_more = "durable POST, PostgreSQL, against larger batches";
    if !settings.wants(name) && !settings.wants(beside_more) {
        return Ok(());
    }
    let postgres = server();
    let options = postgres.fresh();
    let dunder = serve(&options)?;
    let beside = postgres.fresh();
    for (name, shapes, goal) in [
        (name, &WAITING[..], Goal::AtLeast(0.6)),
        (beside_more, &MORE[..], Goal::None),
    ] {
        if !settings.wants(name) {
            continue;
        }
        let best = best(&beside, shapes, settings.seconds / 2.0)?;
        let pairs = Pairs::measure(
            name,
            settings.pairs,
            || batches(&beside, best, settings.seconds),
            || dunder.load(&Requests::Posts, CONNECTIONS, settings.seconds),
            by_throughput,
        )?;
        let mut row = Row::of_pairs(name, CONNECTIONS, &pairs, goal);
        row.limit = format!(
            "(d) {:.0}/s, best with {} × {}",
            pairs.median().limit.per_second(),
            best.0,
            best.1
        );
        row.peak_memory = Some(dunder.peak_memory());
        table.push(row);
    }
    Ok(())
}

/// A server that keeps what it acknowledges: the tests' risk losing
/// everything, for speed.
pub fn server() -> database::Postgres {
    let settings = "fsync = on\nshared_buffers = 256MB\nmax_wal_size = 4GB\n";
    database::Postgres::with(settings, &[])
}

/// `dunder serve` over a database.
pub fn serve(options: &CockroachOptions) -> Result<Dunder> {
    let flags = flags(options)?;
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Dunder::with(&flags, StoreDir::temporary()?)
}

/// What names a database to dunder.
pub fn flags(options: &CockroachOptions) -> Result<Vec<String>> {
    let (host, port) = options.hosts.first().ok_or("no host")?;
    let flags = [
        "--cockroach.host",
        host,
        "--cockroach.port",
        &port.to_string(),
        "--cockroach.user",
        &options.user,
        "--cockroach.database",
        &options.database,
        "--cockroach.should_migrate",
    ];
    Ok(flags.map(str::to_owned).to_vec())
}

/// The fastest shape.
fn best(
    options: &CockroachOptions,
    shapes: &[(usize, usize)],
    seconds: f64,
) -> Result<(usize, usize)> {
    let mut best = (0.0, (1, CONNECTIONS));
    for &shape in shapes {
        let rate = batches(options, shape, seconds)?.per_second();
        eprintln!("(d) with {} × {}: {rate:.0}/s", shape.0, shape.1);
        if rate > best.0 {
            best = (rate, shape);
        }
    }
    Ok(best.1)
}

fn batches(
    options: &CockroachOptions,
    (lanes, size): (usize, usize),
    seconds: f64,
) -> Result<Measured> {
    let (host, port) = options.hosts.first().ok_or("no host")?;
    let output = Command::new(std::env::current_exe()?)
        .arg("batches")
        .args([host, &port.to_string(), &options.user, &options.database])
        .args([lanes.to_string(), size.to_string(), seconds.to_string()])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8(output.stdout)?;
    let (stored, taken) = text.trim().split_once(' ').ok_or("no result")?;
    Ok(Measured {
        requests: stored.parse()?,
        seconds: taken.parse()?,
        ..Measured::default()
    })
}

/// The child's side: `batches HOST PORT USER DATABASE LANES SIZE SECONDS`.
pub fn run(arguments: &[String]) -> Result<()> {
    let [host, port, user, database, lanes, size, seconds] = arguments else {
        return Err("batches HOST PORT USER DATABASE LANES SIZE SECONDS".into());
    };
    let options = CockroachOptions {
        hosts: vec![(host.clone(), port.parse()?)],
        user: user.clone(),
        database: database.clone(),
        ..CockroachOptions::default()
    };
    let (lanes, size): (i64, usize) = (lanes.parse()?, size.parse()?);
    let length = Duration::from_secs_f64(seconds.parse()?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        migrate(options.clone()).await?;
        let stored = Arc::new(AtomicU64::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for lane in 0..lanes {
            let writer = BareWriter::connect(options.clone(), lane).await?;
            let (stored, over) = (Arc::clone(&stored), Arc::clone(&over));
            tasks.push(tokio::spawn(write(writer, lane, size, stored, over)));
        }
        tokio::time::sleep(length / 5).await;
        let (before, start) = (stored.load(Ordering::Relaxed), Instant::now());
        tokio::time::sleep(length).await;
        let during = stored.load(Ordering::Relaxed) - before;
        println!("{during} {}", start.elapsed().as_secs_f64());
        over.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

/// Stores one full batch after the other: the same messages as are posted.
async fn write(
    writer: BareWriter,
    lane: i64,
    size: usize,
    stored: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
) -> Result<()> {
    let drafts = (0..4096).map(|n| {
        let user = format!("user{}", n % 64).parse()?;
        let text = format!("storage: compact the ranges of node {n} before the split");
        let tags = ["storage0".to_owned(), format!("tag{}", n % 16)];
        Ok(Draft::new(user, text, &tags)?)
    });
    let drafts = drafts.collect::<Result<Vec<Draft>>>()?;
    let mut next = 0;
    while !over.load(Ordering::Relaxed) {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        let batch: Vec<Record> = (next..next + size)
            .map(|n| Record {
                message: drafts[n % drafts.len()]
                    .clone()
                    .into_message(MessageId::from_parts(
                        millis,
                        (lane as u128) << 64 | n as u128,
                    )),
                idempotency_key: None,
            })
            .collect();
        next += size;
        writer.write(&batch).await?;
        stored.fetch_add(size as u64, Ordering::Relaxed);
    }
    Ok(())
}
