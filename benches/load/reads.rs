//! Reading from the large store over 64 connections, against a server that
//! answers the same bytes from memory.

use dunder::domain::MessageId;

use super::Result;
use super::answer::{self, Answer};
use super::client::{self, Load, Requests};
use super::growth;
use super::limit::{Kind, Limit};
use super::messages::{DAY, DAYS, NAMES, Random, START};
use super::pairs::{Pairs, by_throughput};
use super::server::Dunder;
use super::settings::Settings;
use super::table::{Goal, Row, Table};

const CONNECTIONS: usize = 64;
/// Different requests of a row that is not about one: more than caches hold.
const DIFFERENT: usize = 65_536;
/// Messages asked for from around each moment.
const NEIGHBOURS: usize = 4;
/// Answers that the limit gives in turn.
const SAMPLES: usize = 64;
const MEMORY: &str = "memory with the large store being read";

/// A row: name, different requests, goal.
type Spec = (&'static str, usize, f64, fn(&mut Random) -> String);

const ROWS: [Spec; 5] = [
    ("feed page of 20 by hashtag", DIFFERENT, 0.5, |random| {
        format!("/message?limit=20&hashtag=tag{}", random.upto(NAMES))
    }),
    (
        "feed page of 20 by hashtag, never the same",
        DIFFERENT,
        0.5,
        |random| {
            let (tag, to) = (random.upto(NAMES), random.moment());
            format!("/message?limit=20&hashtag=tag{tag}&to_date={to}")
        },
    ),
    (
        "feed page of 20 by hashtag, the same again and again",
        1,
        0.5,
        |_| "/message?limit=20&hashtag=tag7".to_owned(),
    ),
    (
        "trend, 24 h at 1 m, one hashtag",
        DIFFERENT,
        0.4,
        |random| {
            let from = (START + random.draw() % (DAYS - 1) * DAY) / 1000;
            let to = from + DAY / 1000;
            let tag = random.upto(100);
            format!("/trend?aggregation=1m&hashtag=tag{tag}&from_date={from}&to_date={to}")
        },
    ),
    (
        "trend, 24 h at 1 m, one hashtag, the same again and again",
        1,
        0.4,
        |_| "/trend?aggregation=1m&hashtag=tag1&from_date=2025-06-01&to_date=2025-06-02".to_owned(),
    ),
];
const BY_ID: [(&str, usize); 2] = [
    ("one message by id", DIFFERENT),
    ("one message by id, the same again and again", 1),
];

/// Whether any row here is to be measured.
pub fn any(settings: &Settings) -> bool {
    let mut names = ROWS.iter().map(|row| row.0).chain(BY_ID.map(|row| row.0));
    names.any(|name| settings.wants(name)) || settings.wants(MEMORY)
}

/// The rows that may be asked for by name.
pub fn measure(settings: &Settings, large: &Dunder, table: &mut Table) -> Result<()> {
    for (name, count, goal, path) in ROWS {
        if settings.wants(name) {
            let mut random = Random::new();
            let paths = (0..count).map(|_| path(&mut random)).collect();
            table.push(row(settings, large, name, paths, goal)?);
        }
    }
    for (name, count) in BY_ID {
        if settings.wants(name) {
            let ids = ids(&large.address, count)?;
            let paths = ids.iter().map(|id| format!("/message/{id}")).collect();
            table.push(row(settings, large, name, paths, 0.6)?);
        }
    }
    if settings.wants(MEMORY) {
        let mixed = Requests::Gets(growth::mixed(&large.address)?);
        large.load(&mixed, CONNECTIONS, settings.seconds * 2.0)?;
        table.push(Row::megabytes(MEMORY, large.peak_memory(), 200));
    }
    Ok(())
}

fn row(
    settings: &Settings,
    large: &Dunder,
    name: &str,
    paths: Vec<String>,
    goal: f64,
) -> Result<Row> {
    let samples = paths.iter().take(SAMPLES);
    let samples = samples.map(|path| answer::get(&large.address, path));
    let samples = samples.collect::<Result<Vec<Answer>>>()?;
    let limit = Limit::start(Kind::Get, &samples)?;
    let requests = Requests::Gets(paths);
    let pairs = Pairs::measure(
        name,
        settings.pairs,
        || {
            client::load(&Load {
                address: &limit.address,
                pid: limit.pid(),
                connections: CONNECTIONS,
                requests: &requests,
                seconds: settings.seconds,
            })
        },
        || large.load(&requests, CONNECTIONS, settings.seconds),
        by_throughput,
    )?;
    let mut row = Row::of_pairs(name, CONNECTIONS, &pairs, Goal::AtLeast(goal));
    let pair = pairs.median();
    row.limit = format!(
        "(b) {:.0}/s of {} bytes",
        pair.limit.per_second(),
        pair.limit.answer
    );
    row.peak_memory = Some(large.peak_memory());
    Ok(row)
}

/// Ids of messages from all times, neighbours far apart.
pub fn ids(address: &str, count: usize) -> Result<Vec<String>> {
    let mut random = Random::new();
    let mut pages: [Vec<String>; NEIGHBOURS] = Default::default();
    while pages.iter().map(Vec::len).sum::<usize>() < count {
        let cursor = MessageId::from_parts(random.moment() as i64, u128::MAX);
        let path = format!("/message?limit={NEIGHBOURS}&cursor={cursor}");
        let page: serde_json::Value = serde_json::from_str(&answer::get(address, &path)?.body)?;
        // Before the first message there are none.
        let messages = page["data"]["messages"].as_array().into_iter().flatten();
        for (ids, message) in pages.iter_mut().zip(messages) {
            ids.extend(message["id"].as_str().map(str::to_owned));
        }
    }
    let mut ids = pages.concat();
    ids.truncate(count);
    Ok(ids)
}
