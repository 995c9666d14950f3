//! The archive: what a message takes in it, beside what it takes in the store;
//! and pages that come out of it, on a warm disk.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use dunder::domain::MessageId;

use super::client::Requests;
use super::import::{Import, archived_store};
use super::messages::{DAY, DAYS, NAMES, Random, START};
use super::server::{Dunder, StoreDir, operate};
use super::settings::Settings;
use super::table::{Goal, Row, Table};
use super::{Result, answer};

const BYTES: &str = "bytes of an archived message against hot, real texts";
const BYTES_LARGE: &str = "bytes of an archived message against hot, the large store";
/// Real messages so many times, over so many days.
const TIMES: u64 = 5;
const OVER: u64 = 8;
/// The store keeps what is newer than this day of the two years.
const BOUNDARY: u64 = DAYS - 31;
/// A page may take so long.
const MILLIS: f64 = 50.0;
/// Different requests of a row.
const DIFFERENT: usize = 4_096;

/// A page: its name and a request for it.
type Page = (&'static str, fn(&mut Random) -> String);

const PAGES: [Page; 10] = [
    ("deep cursor", |random| {
        format!("/message?limit=20&cursor={}", cursor(random))
    }),
    ("across the boundary", |random| {
        let millis = START + BOUNDARY * DAY + random.draw() % 60_000;
        let cursor = MessageId::from_parts(millis as i64, 0);
        format!("/message?limit=20&cursor={cursor}")
    }),
    ("by date", |random| {
        let from = START + random.draw() % ((BOUNDARY - 30) * DAY);
        let to = from + 30 * DAY;
        format!("/message?limit=20&from_date={from}&to_date={to}")
    }),
    ("by frequent hashtag", |random| {
        let (tag, cursor) = (random.upto(10), cursor(random));
        format!("/message?limit=20&hashtag=tag{tag}&cursor={cursor}")
    }),
    ("by hashtag of some hundred messages", |random| {
        let (tag, cursor) = (NAMES - random.upto(NAMES / 2), cursor(random));
        format!("/message?limit=20&hashtag=tag{tag}&cursor={cursor}")
    }),
    ("by hashtag that is nowhere", |random| {
        format!("/message?limit=20&hashtag=absent{}", random.draw())
    }),
    ("by user", |random| {
        let (user, cursor) = (random.upto(NAMES), cursor(random));
        format!("/message?limit=20&user_name=user{user}&cursor={cursor}")
    }),
    ("by two hashtags", |random| {
        let (one, two) = (random.upto(5), 5 + random.upto(20));
        let cursor = cursor(random);
        format!("/message?limit=20&hashtag=tag{one}&hashtag=tag{two}&cursor={cursor}")
    }),
    ("without a hashtag", |random| {
        let cursor = cursor(random);
        format!("/message?limit=20&not_hashtag=tag1&cursor={cursor}")
    }),
    ("forward from far back", |random| {
        format!("/message?limit=20&after={}", cursor(random))
    }),
];
const BY_ID: &str = "one message by id";

/// The rows that may be asked for by name.
pub fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    if settings.wants(BYTES) {
        table.push(bytes_of_real_texts()?);
    }
    let names = PAGES.iter().map(|(name, _)| *name).chain([BY_ID]);
    let is_wanted = names.map(called).any(|name| settings.wants(&name));
    if !is_wanted && !settings.wants(BYTES_LARGE) {
        return Ok(());
    }
    let (store, hot) = archived_store(settings, BOUNDARY)?;
    let (url, file) = (url(store.path()), store.file().display().to_string());
    if settings.wants(BYTES_LARGE) {
        let files = length_below(&store.path().join("archive"))?;
        let archived = files as f64 / (settings.messages / DAYS * BOUNDARY) as f64;
        table.push(bytes(
            BYTES_LARGE,
            archived,
            hot as f64 / settings.messages as f64,
        ));
    }
    if !is_wanted {
        return Ok(());
    }
    let flags = [
        "--sqlite.path",
        &file,
        "--archive.url",
        &url,
        "--archive.after",
        "never",
    ];
    let dunder = Dunder::with(&flags, store)?;
    for (name, path) in PAGES {
        let name = called(name);
        if settings.wants(&name) {
            let mut random = Random::new();
            let paths = (0..DIFFERENT).map(|_| path(&mut random)).collect();
            table.push(page(settings, &name, &dunder, paths)?);
        }
    }
    let by_id = called(BY_ID);
    if settings.wants(&by_id) {
        let paths = ids(&dunder.address)?;
        table.push(page(settings, &by_id, &dunder, paths)?);
    }
    Ok(())
}

fn called(name: &str) -> String {
    format!("archive: {name}")
}

fn cursor(random: &mut Random) -> MessageId {
    let millis = START + 30 * DAY + random.draw() % ((BOUNDARY - 30) * DAY);
    MessageId::from_parts(millis as i64, 0)
}

/// Ids of archived messages of all times.
fn ids(address: &str) -> Result<Vec<String>> {
    let mut random = Random::new();
    let paths = (0..DIFFERENT / 16).map(|_| {
        let path = format!("/message?limit=1&cursor={}", cursor(&mut random));
        let page: serde_json::Value = serde_json::from_str(&answer::get(address, &path)?.body)?;
        let id = page["data"]["messages"][0]["id"].as_str();
        Ok(format!(
            "/message/{}",
            id.ok_or("a page without a message")?
        ))
    });
    paths.collect()
}

/// Pages one at a time: of a hundred at most one takes longer.
fn page(settings: &Settings, name: &str, dunder: &Dunder, paths: Vec<String>) -> Result<Row> {
    let measured = dunder.load(&Requests::Gets(paths), 1, settings.seconds)?;
    let mut row = Row::milliseconds(name, measured.p99.as_secs_f64() * 1e3, MILLIS);
    row.connections = Some(1);
    row.limit = format!("99 of 100; answers of {} bytes", measured.answer);
    row.peak_memory = Some(dunder.peak_memory());
    row.measured = Some(measured);
    Ok(row)
}

fn bytes(name: &str, archived: f64, hot: f64) -> Row {
    let mut row = Row::new(name, Goal::AtMost(0.2));
    row.limit = format!("{hot:.1} bytes hot, {archived:.1} archived");
    row.ratio(archived / hot, (archived / hot, archived / hot));
    row
}

/// The messages of the tests, at moments of chance.
fn bytes_of_real_texts() -> Result<Row> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/commits.ndjson.gz");
    let unpacked = Command::new("gzip")
        .arg("-dc")
        .arg(file)
        .stderr(Stdio::inherit())
        .output()?;
    let lines = String::from_utf8(unpacked.stdout)?;
    let count = lines.lines().count() as u64 * TIMES;
    let mut random = Random::new();
    let mut moments: Vec<u64> = (0..count)
        .map(|_| START + random.draw() % (OVER * DAY))
        .collect();
    moments.sort_unstable();
    let (store, mut moments) = (StoreDir::temporary()?, moments.into_iter());
    let mut import = Import::start(&store.file())?;
    for line in (0..TIMES).flat_map(|_| lines.lines()) {
        let mut message: serde_json::Value = serde_json::from_str(line)?;
        message["created_at"] = moments.next().into();
        import.line(&message.to_string())?;
    }
    import.finish()?;
    let hot = fs::metadata(store.file())?.len() as f64 / count as f64;
    archive(&store, OVER)?;
    let archived = length_below(&store.path().join("archive"))? as f64 / count as f64;
    Ok(bytes(BYTES, archived, hot))
}

/// Moves what is older than a day of the two years into an archive beside the
/// store.
pub fn archive(store: &StoreDir, day: u64) -> Result<()> {
    let before = START + day * DAY;
    let url = url(store.path());
    let arguments = [
        "archive",
        "--before",
        &before.to_string(),
        "--archive.url",
        &url,
    ];
    operate(store, &arguments)
}

fn url(store: &Path) -> String {
    format!("file://{}", store.join("archive").display())
}

fn length_below(folder: &Path) -> io::Result<u64> {
    let mut length = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        length += match entry.file_type()?.is_dir() {
            true => length_below(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(length)
}
