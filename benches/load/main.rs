//! What the whole program can do, beside what the machine can do: every row
//! is measured in turn with its limit, by a load generator in a process of its
//! own, over real sockets.
//!
//! `make bench` prints the table. Variables: `BENCH_ONLY` (parts of names of
//! rows, separated by commas), `BENCH_SECONDS` of a measurement (3),
//! `BENCH_PAIRS` of a row and its limit (3), `BENCH_MESSAGES` in the large
//! store (10 million), `BENCH_POSTGRES_MESSAGES` in the large database (1
//! million), `BENCH_POSTGRES` (HOST:PORT) of a server that keeps it for the next
//! run, `BENCH_FRESH=1` to make the large store anew, `BENCH_BUILD=1` to time a
//! clean build, `BENCH_CLIENT=hyper` for a load generator over hyper instead of bare sockets, `BENCH_BINARY` (a path) to
//! measure another build of dunder in the place of this one.
//!
//! The large store and the same with an archive are made once and kept; moving
//! ten million messages into the archive takes up to half an hour.

mod answer;
mod archive;
mod client;
mod cluster;
mod collector;
mod drive;
mod follow;
mod growth;
mod import;
mod limit;
mod messages;
mod operate;
mod pairs;
mod postgres;
mod posts;
mod process;
mod program;
mod reads;
mod retention;
mod server;
mod settings;
mod sqlite;
mod table;

use std::process::ExitCode;

use server::Dunder;
use settings::Settings;
use table::Table;

// As dunder has: the limits shall not be slower for want of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    // The benchmark starts itself again for the processes it needs.
    let done = match arguments.get(1).map(String::as_str) {
        Some("limit") => limit::run(&arguments[2..]),
        Some("client") => drive::run(&arguments[2..]),
        Some("fanout") => follow::run(&arguments[2..]),
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
    let settings = Settings::read()?;
    let machine = process::machine();
    let mut table = Table::new();
    let measured = rows(&settings, &mut table);
    // What was measured before something failed is told all the same.
    table.print();
    println!("\n{machine}");
    measured
}

fn rows(settings: &Settings, table: &mut Table) -> Result<()> {
    program::measure(settings, table)?;
    posts::measure(settings, table)?;
    operate::measure(settings, table)?;
    follow::measure(settings, table)?;
    postgres::measure(settings, table)?;
    cluster::measure(settings, table)?;
    if settings.wants(&import::row_name(settings.messages)) {
        for row in import::rows(settings)? {
            table.push(row);
        }
    }
    if reads::any(settings) || growth::any(settings, "") {
        let large = Dunder::start(import::large_store(settings)?)?;
        reads::measure(settings, &large, table)?;
        if growth::any(settings, "") {
            let small = |which| Dunder::start(import::small_store(which)?);
            growth::measure(settings, "", &small, &large, table)?;
        }
    }
    archive::measure(settings, table)?;
    retention::measure(settings, table)
}
