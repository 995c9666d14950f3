//! Looking whether lists and counters in the file agree with its messages, and
//! mending them where they do not.
//!
//! Everything is read, from end to end and in one snapshot, so nothing here
//! belongs among the statements of an open store. Lists and counters know
//! messages up to the flushed one: those behind it are only counted.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::index::postings::{ALL_MESSAGES, Name};
use super::index::removal::unlist_all;
use super::open::{open_writer, refused};
use super::rollup::levels::{LEVELS, WIDTHS};
use super::source;
use super::write::memtable::State;
use super::{SqliteOptions, id_of};
use crate::domain::MessageId;
use crate::store::OpenError;
use crate::store::inspection::{
    CounterName, Difference, Exact, Inspection, Ledger, ListName, Prints, after,
};

/// Page cache, in KiB.
const CACHE_KIB: u32 = 64 * 1024;
/// Damages of the file that are told.
const DAMAGES: usize = 20;

/// Looks through a store, beside whoever uses it.
///
/// # Errors
/// It is none, of another schema, or cannot be read.
pub fn inspect(path: &Path) -> Result<Inspection, OpenError> {
    let (source, left) = source::prepare(path, CACHE_KIB)?;
    let done = source.open().and_then(|connection| {
        let looked = look(&connection);
        looked.map_err(|error| refused(path, &error))
    });
    left.clear();
    done
}

/// Mends what differs; how much of it was mended. Nothing else waits for it
/// but posts. Programs that have the file open keep sums in memory, and have
/// to be started again.
///
/// # Errors
/// The store cannot be written. Nothing is changed then.
pub fn mend(path: &Path, differences: &[Difference]) -> Result<usize, OpenError> {
    let mut connection = open_writer(path, &SqliteOptions::default())?;
    let mut mend = || {
        let immediate = rusqlite::TransactionBehavior::Immediate;
        let transaction = connection.transaction_with_behavior(immediate)?;
        let mut mended = 0;
        for difference in differences {
            mended += usize::from(mend_one(&transaction, difference)?);
        }
        transaction.commit()?;
        Ok(mended)
    };
    mend().map_err(|error| refused(path, &error))
}

fn look(connection: &Connection) -> rusqlite::Result<Inspection> {
    // One snapshot from the first read to the end.
    connection.execute_batch("begin")?;
    let mut found = Inspection {
        differences: damages(connection)?,
        counted_from: counted_from(connection)?,
        ..Inspection::default()
    };
    let names = Names::read(connection)?;
    let mut prints = Prints::new(&WIDTHS, found.counted_from);
    names.walk(connection, &mut prints, &mut found.differences)?;
    (found.messages, found.places, found.counters) = prints.passed;
    let suspects = prints.suspects();
    if !suspects.0.is_empty() || !suspects.1.is_empty() {
        let mut exact = Exact::new(suspects, &WIDTHS, found.counted_from);
        names.walk(connection, &mut exact, &mut Vec::new())?;
        let (differences, has_more) = exact.differences();
        found.differences.extend(differences);
        found.has_more = has_more;
    }
    let sql = "select count(*) from messages where id > (select until from settled where id = 1)";
    let unflushed: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    found.messages += unflushed.unsigned_abs();
    connection.execute_batch("commit")?;
    Ok(found)
}

/// From when on, in Unix seconds, everything that was counted is there: after
/// all that was evicted.
fn counted_from(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let sql = "select last_id from evictions where id = 1";
    let last: Vec<u8> = connection.query_row(sql, [], |row| row.get(0))?;
    match last.is_empty() {
        true => Ok(None),
        false => Ok(Some(after(id_of(&last)?))),
    }
}

/// What SQLite finds wrong with the file, and messages that were deleted.
fn damages(connection: &Connection) -> rusqlite::Result<Vec<Difference>> {
    let mut found = Vec::new();
    let mut check = connection.prepare(&format!("pragma integrity_check({DAMAGES})"))?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let words: String = row.get(0)?;
        if words != "ok" {
            found.push(Difference::Damaged(words));
        }
    }
    let sql = "select t.id from tombstones t cross join messages m on m.id = t.id";
    let mut undead = connection.prepare(sql)?;
    let ids = undead.query_map([], |row| id_of(row.get_ref(0)?.as_blob()?))?;
    for id in ids {
        found.push(Difference::Undead(id?));
    }
    Ok(found)
}

/// Names by their numbers.
struct Names {
    users: HashMap<i64, String>,
    hashtags: HashMap<i64, String>,
}

impl Names {
    fn read(connection: &Connection) -> rusqlite::Result<Names> {
        let read = |table: &str| -> rusqlite::Result<HashMap<i64, String>> {
            let mut names = connection.prepare(&format!("select id, name from {table}"))?;
            let names = names.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            names.collect()
        };
        Ok(Names {
            users: read("users")?,
            hashtags: read("hashtags")?,
        })
    }

    /// Enters everything that lists and counters know, or should.
    fn walk(
        &self,
        connection: &Connection,
        ledger: &mut dyn Ledger,
        damages: &mut Vec<Difference>,
    ) -> rusqlite::Result<()> {
        let mut nameless = |what: &str, number: i64| {
            let words = format!("{what} number {number} has no name");
            let damage = Difference::Damaged(words);
            if damages.len() < DAMAGES && !damages.contains(&damage) {
                damages.push(damage);
            }
        };
        let until = State::read(connection)?.flushed;
        let until = until.map_or(Vec::new(), |id| id.to_bytes().to_vec());
        let sql = "select id, user_id, hashtags from messages where id <= ?1 order by id";
        let mut messages = connection.prepare(sql)?;
        let mut rows = messages.query([until])?;
        while let Some(row) = rows.next()? {
            let id = id_of(row.get_ref(0)?.as_blob()?)?;
            let number = row.get(1)?;
            let Some(user) = self.users.get(&number) else {
                nameless("user", number);
                continue;
            };
            let hashtags = row.get_ref(2)?.as_str()?;
            let mut hashtags = hashtags.split(' ').filter(|name| !name.is_empty());
            ledger.message(id, user, &mut hashtags);
        }
        for (table, column) in [("user_messages", "message_id"), ("user_runs", "ids")] {
            let sql = format!("select user_id, {column} from {table}");
            each_place(connection, &sql, |number, id| {
                match self.users.get(&number) {
                    Some(name) => ledger.of_user(name, id),
                    None => nameless("user", number),
                }
            })?;
        }
        for (table, column) in [("hashtag_messages", "message_id"), ("hashtag_runs", "ids")] {
            let sql = format!("select hashtag_id, {column} from {table}");
            each_place(connection, &sql, |number, id| {
                match self.hashtags.get(&number) {
                    Some(name) => ledger.of_hashtag(name, id),
                    None => nameless("hashtag", number),
                }
            })?;
        }
        let mut counters = connection.prepare("select level, series, bucket, count from counts")?;
        let mut rows = counters.query([])?;
        while let Some(row) = rows.next()? {
            let (width, number, bucket) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let series = match number {
                ALL_MESSAGES => Some(""),
                number => self.hashtags.get(&number).map(String::as_str),
            };
            match series {
                Some(series) => ledger.counter(series, width, bucket, row.get(3)?),
                None => nameless("hashtag", number),
            }
        }
        Ok(())
    }
}

/// Every id of a number's list: one a row, or some dozens.
fn each_place(
    connection: &Connection,
    sql: &str,
    mut take: impl FnMut(i64, MessageId),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        for id in row.get_ref(1)?.as_blob()?.chunks(16) {
            take(number, id_of(id)?);
        }
    }
    Ok(())
}

/// Whether it could be mended.
fn mend_one(connection: &Connection, difference: &Difference) -> rusqlite::Result<bool> {
    match difference {
        Difference::Unlisted(list, id) => {
            let sql = "select exists (select 1 from messages where id = ?1)";
            let is_there: bool = connection.query_row(sql, [id.to_bytes()], |row| row.get(0))?;
            let number = match is_there {
                true => number(connection, list)?,
                // Deleted since.
                false => return Ok(true),
            };
            let sql = match list {
                ListName::User(_) => {
                    "insert into user_messages values (?1, ?2) on conflict do nothing"
                }
                ListName::Hashtag(_) => {
                    "insert into hashtag_messages values (?1, ?2) on conflict do nothing"
                }
            };
            connection.execute(sql, (number, id.to_bytes()))?;
        }
        Difference::Stray(list, id) => {
            let number = number(connection, list)?;
            let name = match list {
                ListName::User(_) => Name::User(number),
                ListName::Hashtag(_) => Name::Hashtag(number),
            };
            unlist_all(connection, name, &[*id])?;
        }
        Difference::Miscounted {
            counter,
            counted,
            messages,
        } => add(connection, counter, messages - counted)?,
        Difference::Undead(_) | Difference::Damaged(_) => return Ok(false),
    }
    Ok(true)
}

fn add(connection: &Connection, counter: &CounterName, more: i64) -> rusqlite::Result<()> {
    let series = match counter.series.as_str() {
        "" => ALL_MESSAGES,
        name => number(connection, &ListName::Hashtag(name.to_owned()))?,
    };
    let Some(level) = LEVELS.iter().find(|level| level.width == counter.width) else {
        return Ok(());
    };
    let (era, bucket) = level.place(counter.bucket);
    let row = (level.width, era, series, bucket);
    let sql = super::sql::Sql::AddCount.text();
    connection.execute(sql, (row.0, row.1, row.2, row.3, more))?;
    connection.execute(super::sql::Sql::DropCount.text(), row)?;
    Ok(())
}

/// The number of a name, which gets one where it has none.
fn number(connection: &Connection, list: &ListName) -> rusqlite::Result<i64> {
    let (table, name) = match list {
        ListName::User(name) => ("users", name),
        ListName::Hashtag(name) => ("hashtags", name),
    };
    let sql = format!("select id from {table} where name = ?1");
    let known = connection.query_row(&sql, [name], |row| row.get(0));
    if let Some(number) = known.optional()? {
        return Ok(number);
    }
    connection.execute(&format!("insert into {table} (name) values (?1)"), [name])?;
    Ok(connection.last_insert_rowid())
}
