//! Limit (c): SQLite fed the rows that an import writes, in the same tables,
//! with the same durability and settings, and nothing around it: no HTTP, no
//! ids made, no text read, names known.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::Result;
use super::messages::{Random, Synthetic};
use super::server::StoreDir;

/// Messages of one transaction.
pub const BATCH: usize = 512;

const DAY: i64 = 86_400;
/// Widths of counters and of their eras, as in `store::sqlite::levels`.
const LEVELS: [(i64, i64); 4] = [
    (60, DAY),
    (3_600, 4 * DAY),
    (DAY, 16 * DAY),
    (30 * DAY, 30 * DAY),
];
const SETTINGS: &str = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
     PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-16384; PRAGMA temp_store=memory";

pub struct Feeder {
    connection: Connection,
    users: HashMap<u64, i64>,
    hashtags: HashMap<u64, i64>,
    random: Random,
}

/// The schema: every migration, in order.
pub fn schema() -> Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let mut files: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    let mut text = String::new();
    for file in files {
        text += &std::fs::read_to_string(file)?;
    }
    Ok(text)
}

impl Feeder {
    pub fn open(path: &Path) -> Result<Feeder> {
        let connection = Connection::open(path)?;
        connection.execute_batch(SETTINGS)?;
        connection.execute_batch(&schema()?)?;
        connection.set_prepared_statement_cache_capacity(16);
        Ok(Feeder {
            connection,
            users: HashMap::new(),
            hashtags: HashMap::new(),
            random: Random::new(),
        })
    }

    /// Stores messages in one transaction.
    pub fn feed(&mut self, batch: &[Synthetic]) -> Result<()> {
        self.connection
            .prepare_cached("begin immediate")?
            .execute([])?;
        let mut counts = BTreeMap::new();
        for message in batch {
            self.insert(message, &mut counts)?;
        }
        let mut add = self.connection.prepare_cached(
            "insert into counts (level, era, series, bucket, count) values (?1, ?2, ?3, ?4, ?5)
             on conflict (level, era, series, bucket) do update set count = count + excluded.count",
        )?;
        for ((level, era, series, bucket), count) in counts {
            add.execute((level, era, series, bucket, count))?;
        }
        self.connection.prepare_cached("commit")?.execute([])?;
        Ok(())
    }

    fn insert(
        &mut self,
        message: &Synthetic,
        counts: &mut BTreeMap<(i64, i64, i64, i64), i64>,
    ) -> Result<()> {
        let connection = &self.connection;
        let mut id = [0; 16];
        id[..6].copy_from_slice(&message.millis.to_be_bytes()[2..]);
        id[6..14].copy_from_slice(&self.random.draw().to_be_bytes());
        let insert_user = "insert into users (name) values (?1)";
        let user = number(
            connection,
            &mut self.users,
            message.user,
            "user",
            insert_user,
        )?;
        let [one, two] = message.tags;
        let tags: &[u64] = if one == two { &[one] } else { &[one, two] };
        let names: Vec<String> = tags.iter().map(|tag| format!("tag{tag}")).collect();
        connection
            .prepare_cached(
                "insert into messages (id, user_id, hashtags, idempotency_key, text)
                 values (?1, ?2, ?3, null, ?4)",
            )?
            .execute((id, user, names.join(" "), message.text()))?;
        connection
            .prepare_cached("insert into user_messages (user_id, message_id) values (?1, ?2)")?
            .execute((user, id))?;
        let seconds = message.millis as i64 / 1000;
        let mut count = |series| {
            for (width, era) in LEVELS {
                let bucket = seconds - seconds % width;
                let row = (width, seconds / era, series, bucket);
                *counts.entry(row).or_default() += 1;
            }
        };
        count(0);
        for &tag in tags {
            let insert_hashtag = "insert into hashtags (name) values (?1)";
            let hashtags = &mut self.hashtags;
            let series = number(connection, hashtags, tag, "tag", insert_hashtag)?;
            connection
                .prepare_cached(
                    "insert into hashtag_messages (hashtag_id, message_id) values (?1, ?2)",
                )?
                .execute((series, id))?;
            count(series);
        }
        Ok(())
    }
}

fn number(
    connection: &Connection,
    known: &mut HashMap<u64, i64>,
    name: u64,
    kind: &str,
    insert: &str,
) -> Result<i64> {
    if let Some(&number) = known.get(&name) {
        return Ok(number);
    }
    let mut statement = connection.prepare_cached(insert)?;
    let number = statement.insert([format!("{kind}{name}")])?;
    known.insert(name, number);
    Ok(number)
}

/// The median time of a durable transaction of one row.
pub fn one_commit() -> Result<Duration> {
    let store = StoreDir::temporary()?;
    let connection = Connection::open(store.file())?;
    connection.execute_batch(SETTINGS)?;
    connection.execute_batch("CREATE TABLE t (n INTEGER, text TEXT)")?;
    let mut insert = connection.prepare("INSERT INTO t VALUES (?1, ?2)")?;
    let mut times = Vec::new();
    for n in 0..1000 {
        let start = Instant::now();
        insert.execute((n, "one message of a usual length"))?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
