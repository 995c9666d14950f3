//! What it costs that requests are counted: a server with an admin listener
//! against one without, over the same requests.

use super::Result;
use super::answer;
use super::client::Requests;
use super::pairs::{Pairs, by_throughput};
use super::server::{Dunder, StoreDir};
use super::settings::Settings;
use super::table::{Goal, Row, Table};

const CONNECTIONS: usize = 64;
const GOAL: Goal = Goal::AtLeast(0.98);

/// Rows that may be asked for by name.
pub fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let post = "durable POST, embedded, with metrics against without";
    if settings.wants(post) {
        let (with, without) = servers()?;
        table.push(row(
            settings,
            post,
            (&with, &Requests::Posts),
            (&without, &Requests::Posts),
        )?);
    }
    let get = "one message by id, with metrics against without";
    if settings.wants(get) {
        let (with, without) = servers()?;
        let (one, other) = (by_id(&with)?, by_id(&without)?);
        table.push(row(settings, get, (&with, &one), (&without, &other))?);
    }
    Ok(())
}

fn servers() -> Result<(Dunder, Dunder)> {
    let start = |admin: &[&str]| {
        let store = StoreDir::temporary()?;
        let file = store.file().display().to_string();
        Dunder::with(&[&["--sqlite.path", &file], admin].concat(), store)
    };
    Ok((start(&["--admin.port", "0"])?, start(&[])?))
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
) -> Result<Row> {
    let pairs = Pairs::measure(
        name,
        settings.pairs,
        || without.load(other, CONNECTIONS, settings.seconds),
        || with.load(one, CONNECTIONS, settings.seconds),
        by_throughput,
    )?;
    let mut row = Row::of_pairs(name, CONNECTIONS, &pairs, GOAL);
    row.limit = format!("without: {:.0}/s", pairs.median().limit.per_second());
    row.peak_memory = Some(with.peak_memory());
    Ok(row)
}
