//! How the file of a store grows that keeps messages of the last day alone
//! while as many come every day. What trends are counted from stays for all
//! times: it is told apart.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::Result;
use super::import::Import;
use super::messages::{DAY, Messages, Which};
use super::server::{StoreDir, operate};
use super::settings::Settings;
use super::table::{Goal, Row, Table};

const NAME: &str = "growth of the file under retention, without counters";
/// Days, and messages of each.
const PERIODS: u64 = 12;
const MESSAGES: u64 = 13_000;
/// The day after which the file is compared: the first that something was
/// evicted on.
const FIRST: u64 = 1;

/// What a file has.
struct Size {
    file: u64,
    counters: u64,
}

impl Size {
    fn of(store: &StoreDir) -> Result<Size> {
        let connection = Connection::open(store.file())?;
        let pages = "select sum(pgsize) from dbstat where name = 'counts'";
        let counters: i64 = connection.query_row(pages, [], |row| row.get(0))?;
        Ok(Size {
            file: fs::metadata(store.file())?.len(),
            counters: u64::try_from(counters)?,
        })
    }

    fn rest(&self) -> f64 {
        self.file.saturating_sub(self.counters) as f64
    }
}

/// The row that may be asked for by name.
pub fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    if !settings.wants(NAME) {
        return Ok(());
    }
    let store = StoreDir::temporary()?;
    // Whatever is evicted is evicted by its age today.
    let begun = now()? - (PERIODS + 2) * DAY;
    let mut first = None;
    for period in 0..PERIODS {
        let begins = begun + period * DAY;
        let mut import = Import::start(&store.file())?;
        for mut message in Messages::of(MESSAGES, Which::Days(1)) {
            message.millis = begins + message.number * DAY / MESSAGES;
            import.message(&message)?;
        }
        import.finish()?;
        evict(&store, begins)?;
        let size = Size::of(&store)?;
        eprintln!(
            "day {period}: {} bytes, {} of counters",
            size.file, size.counters
        );
        if period == FIRST {
            first = Some(size);
        }
    }
    let (first, last) = (first.ok_or("no first day")?, Size::of(&store)?);
    let mut row = Row::new(NAME, Goal::AtMost(1.1));
    let ratio = last.rest() / first.rest();
    row.ratio(ratio, (ratio, ratio));
    let counted = (PERIODS - 1 - FIRST) * MESSAGES;
    row.limit = format!(
        "{:.1} MB after the first eviction, {:.1} MB after {} days more; counters grew by {:.0} bytes a message",
        first.file as f64 / 1e6,
        last.file as f64 / 1e6,
        PERIODS - 1 - FIRST,
        (last.counters - first.counters) as f64 / counted as f64
    );
    table.push(row);
    Ok(())
}

fn now() -> Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(u64::try_from(since.as_millis())?)
}

/// Evicts what is older than a moment.
fn evict(store: &StoreDir, before: u64) -> Result<()> {
    let kept = format!("{}s", (now()? - before) / 1000);
    operate(store, &["retention", "--retention.messages", &kept])
}
