//! Import against the `sqlite3` shell, and synthetic stores to read from.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Result;
use super::client::Measured;
use super::server::{StoreDir, peak_memory};
use super::table::{Goal, Row, Table};

/// Messages of the comparison.
const MESSAGES: u64 = 22_133;

/// A store made by `dunder import`, and how that went.
pub struct Synthetic {
    pub store: StoreDir,
    pub row: Row,
}

/// Imports a file as large as the real one and feeds the same rows to the
/// `sqlite3` shell, with the same indexes, in one transaction.
pub fn measure(table: &mut Table) -> Result<()> {
    let made = synthetic(MESSAGES)?;
    let shell = shell_seconds(&made.store)?;
    let mut row = made.row;
    let ratio = row.seconds() / shell;
    row.share(
        ratio,
        format!("sqlite3 shell {shell:.2} s"),
        Goal::AtMost(3.0),
    );
    table.push(row);
    Ok(())
}

/// `dunder import` of generated messages, piped in.
pub fn synthetic(messages: u64) -> Result<Synthetic> {
    let store = StoreDir::new()?;
    let lines = store.0.path().join("messages.ndjson");
    generate(&lines, messages)?;
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_dunder"))
        .arg("import")
        .arg(&lines)
        .arg("--sqlite.path")
        .arg(store.file())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_memory(child.id()));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if !status.success() {
        return Err(format!("import ended with {status}").into());
    }
    let taken = start.elapsed();
    std::fs::remove_file(&lines)?;
    let measured = Measured {
        requests: messages,
        seconds: taken.as_secs_f64(),
        p50: Duration::ZERO,
        p99: Duration::ZERO,
    };
    let mut row = Row::new(&format!("import of {messages} messages"), 1, measured);
    row.peak_memory = peak;
    Ok(Synthetic { store, row })
}

/// Two years of messages by 10,000 users under 10,000 hashtags, the n-th as
/// busy as 1/n.
fn generate(path: &Path, messages: u64) -> Result<()> {
    const START: u64 = 1_704_067_200_000;
    const SPAN: u64 = 731 * 86_400_000;
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for n in 0..messages {
        let millis = START + SPAN / messages.max(1) * n;
        let (user, one, two) = (zipf(next()), zipf(next()), zipf(next()));
        writeln!(
            out,
            r#"{{"user_name":"user{user}","text":"message {n}: compact the ranges before the split of node {}","hashtags":["tag{one}","tag{two}"],"created_at":{millis}}}"#,
            next() % 1000
        )?;
    }
    out.flush()?;
    Ok(())
}

/// 1 to 10,000, so that P(n) falls as 1/n.
fn zipf(random: u64) -> u64 {
    let share = (random >> 11) as f64 / (1u64 << 53) as f64;
    (10_001f64.powf(share)) as u64
}

/// The shell's time to insert the rows of a store into a fresh file with the
/// same tables and indexes, in one transaction, from an SQL script.
fn shell_seconds(store: &StoreDir) -> Result<f64> {
    let script = store.0.path().join("dump.sql");
    let dump = Command::new("sqlite3")
        .arg(store.file())
        .arg(".dump")
        .output()?;
    std::fs::write(&script, dump.stdout)?;
    let into: PathBuf = store.0.path().join("shell.sqlite");
    let start = Instant::now();
    let status = Command::new("sqlite3")
        .arg(&into)
        .stdin(std::fs::File::open(&script)?)
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err("the sqlite3 shell failed".into());
    }
    Ok(start.elapsed().as_secs_f64())
}

/// One durable transaction of one row: WAL and synchronous=FULL.
pub fn one_commit() -> Result<Duration> {
    let store = StoreDir::new()?;
    let connection = rusqlite::Connection::open(store.file())?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (n INTEGER, text TEXT)",
    )?;
    let mut times = Vec::new();
    for n in 0..300 {
        let start = Instant::now();
        connection.execute(
            "INSERT INTO t VALUES (?1, 'one message of a usual length')",
            [n],
        )?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
