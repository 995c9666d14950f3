//! What it costs that requests are counted, and that one in a hundred is traced:
//! a server with an admin listener, or with a collector, against one without,
//! over the same requests.

use super::Result;
use super::answer;
use super::client::Requests;
use super::collector;
use super::pairs::{Pairs, by_throughput};
use super::server::{Dunder, StoreDir};
use super::settings::Settings;
use super::table::{Goal, Row, Table};

const CONNECTIONS: usize = 64;

/// Rows that may be asked for by name.
pub fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let metrics = ["--admin.port", "0"].map(str::to_owned);
    compare(settings, table, "metrics", Goal::AtLeast(0.98), || {
        Ok(metrics.to_vec())
    })?;
    compare(
        settings,
        table,
        "traces of 1 %",
        Goal::AtLeast(0.97),
        || {
            let flags = [
                "--otel.endpoint",
                &collector::start()?,
                "--otel.sample",
                "0.01",
            ];
            Ok(flags.map(str::to_owned).to_vec())
        },
    )
}

/// Rows with something that flags turn on, and without it.
fn compare(
    settings: &Settings,
    table: &mut Table,
    what: &str,
    goal: Goal,
    flags: impl Fn() -> Result<Vec<String>>,
) -> Result<()> {
    let post = format!("durable POST, embedded, with {what} against without");
    if settings.wants(&post) {
        let (with, without) = servers(&flags()?)?;
        let (with, without) = ((&with, &Requests::Posts), (&without, &Requests::Posts));
        table.push(row(settings, &post, with, without, goal)?);
    }
    let get = format!("one message by id, with {what} against without");
    if settings.wants(&get) {
        let (with, without) = servers(&flags()?)?;
        let (one, other) = (by_id(&with)?, by_id(&without)?);
        table.push(row(
            settings,
            &get,
            (&with, &one),
            (&without, &other),
            goal,
        )?);
    }
    Ok(())
}

fn servers(flags: &[String]) -> Result<(Dunder, Dunder)> {
    let start = |flags: &[String]| {
        let store = StoreDir::temporary()?;
        let file = store.file().display().to_string();
        let flags = flags.iter().map(String::as_str);
        let flags: Vec<&str> = ["--sqlite.path", &file].into_iter().chain(flags).collect();
        Dunder::with(&flags, store)
    };
    Ok((start(flags)?, start(&[])?))
}

fn by_id(dunder: &Dunder) -> Result<Requests> {
    let posted: serde_json::Value = serde_json::from_str(&answer::post(&dunder.address)?.body)?;
    let id = posted["data"]["id"].as_str().ok_or("no id")?;
    Ok(Requests::Gets(vec![format!("/message/{id}")]))
}

fn row(
    settings: &Settings,
    name: &str,
    (with, one): (&Dunder, &Requests),
    (without, other): (&Dunder, &Requests),
    goal: Goal,
) -> Result<Row> {
    let pairs = Pairs::measure(
        name,
        settings.pairs,
        || without.load(other, CONNECTIONS, settings.seconds),
        || with.load(one, CONNECTIONS, settings.seconds),
        by_throughput,
    )?;
    let mut row = Row::of_pairs(name, CONNECTIONS, &pairs, goal);
    row.limit = format!("without: {:.0}/s", pairs.median().limit.per_second());
    row.peak_memory = Some(with.peak_memory());
    Ok(row)
}
