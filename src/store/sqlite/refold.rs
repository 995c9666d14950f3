//! Folds the names of hashtags again that another folding has stored, so that
//! they are found by the form that people are asked for today.
//!
//! It runs in the transaction that migrates. A name whose form is another gets
//! that form, in the table of names and in the rows of its messages. Where two
//! names become one, so do their lists and their counts: a message that had
//! both counts once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension};

use super::id_of;
use super::index::postings::{Name, PostingList, write_rows};
use super::index::removal::uncount;
use crate::domain::{FOLDING, MessageId, refolded};

/// The new form of each name that has one.
type Forms = HashMap<String, String>;

/// Makes the names those of this program's folding, if they are not.
pub(super) fn refold(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "select version from folding where id = 1";
    let version: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    if version >= FOLDING {
        return Ok(());
    }
    let mut forms = Forms::new();
    // By new form, the numbers of the old ones.
    let mut groups: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut names = connection.prepare("select id, name from hashtags")?;
    let mut rows = names.query([])?;
    while let Some(row) = rows.next()? {
        let name = row.get_ref(1)?.as_str()?;
        if let Some(form) = refolded(name) {
            let form = form.to_string();
            groups.entry(form.clone()).or_default().push(row.get(0)?);
            forms.insert(name.to_owned(), form);
        }
    }
    if !forms.is_empty() {
        // Those that lists and counts do not know yet are derived from rows.
        rewrite(connection, newest(connection)?, &forms)?;
        for (form, numbers) in &groups {
            merge(connection, form, numbers, &forms)?;
        }
        for (name, form) in &forms {
            rename_rule(connection, name, form)?;
        }
        tracing::info!(hashtags = forms.len(), "hashtags folded again");
    }
    connection.execute("update folding set version = ?1 where id = 1", [FOLDING])?;
    Ok(())
}

/// Gives a form to the hashtags of some numbers, and to the one that has it.
fn merge(
    connection: &Connection,
    form: &str,
    numbers: &[i64],
    forms: &Forms,
) -> rusqlite::Result<()> {
    let sql = "select id from hashtags where name = ?1";
    let taken: Option<i64> = connection
        .query_row(sql, [form], |row| row.get(0))
        .optional()?;
    let mut all = BTreeSet::new();
    for &number in numbers {
        let ids = ids(connection, number)?;
        rewrite(connection, ids.iter().copied(), forms)?;
        all.extend(ids);
    }
    let (into, others) = match (taken, numbers) {
        (Some(into), others) => (into, others),
        (None, [into, others @ ..]) => (*into, others),
        (None, []) => return Ok(()),
    };
    if !others.is_empty() {
        let has_evicted = evictions(connection)? > 0;
        for &number in others.iter().chain([&into]) {
            let own = ids(connection, number)?;
            clear(connection, number, &own)?;
            if number != into && has_evicted {
                // Which of them had both is known no more.
                add_counts(connection, number, into)?;
            }
            all.extend(own);
        }
        let list = PostingList::Of(Name::Hashtag(into));
        write_rows(connection, &[(list, all.into_iter().collect())])?;
    }
    for number in others {
        connection.execute("delete from hashtags where id = ?1", [number])?;
    }
    connection.execute("update hashtags set name = ?2 where id = ?1", (into, form))?;
    Ok(())
}

/// All messages in the list of a hashtag.
fn ids(connection: &Connection, number: i64) -> rusqlite::Result<BTreeSet<MessageId>> {
    let mut ids = BTreeSet::new();
    for sql in [
        "select message_id from hashtag_messages where hashtag_id = ?1",
        "select ids from hashtag_runs where hashtag_id = ?1",
    ] {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([number])?;
        while let Some(row) = rows.next()? {
            for id in row.get_ref(0)?.as_blob()?.chunks(16) {
                ids.insert(id_of(id)?);
            }
        }
    }
    Ok(ids)
}

/// All messages that lists do not know yet.
fn newest(connection: &Connection) -> rusqlite::Result<Vec<MessageId>> {
    let sql = "select id from messages where id > (select until from settled where id = 1)";
    let mut statement = connection.prepare(sql)?;
    let ids = statement.query_map([], |row| id_of(row.get_ref(0)?.as_blob()?))?;
    ids.collect()
}

/// Gives the rows of some messages the new forms, each once.
fn rewrite(
    connection: &Connection,
    ids: impl IntoIterator<Item = MessageId>,
    forms: &Forms,
) -> rusqlite::Result<()> {
    let mut read = connection.prepare_cached("select hashtags from messages where id = ?1")?;
    let mut write = connection.prepare_cached("update messages set hashtags = ?2 where id = ?1")?;
    for id in ids {
        let old: String = read.query_row([id.to_bytes()], |row| row.get(0))?;
        let mut new: Vec<&str> = Vec::new();
        for name in old.split(' ') {
            let form = forms.get(name).map_or(name, String::as_str);
            if !new.contains(&form) {
                new.push(form);
            }
        }
        let new = new.join(" ");
        if new != old {
            write.execute((id.to_bytes(), new))?;
        }
    }
    Ok(())
}

/// How often messages were evicted, which count still.
fn evictions(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("select number from evictions where id = 1", [], |row| {
        row.get(0)
    })
}

/// What a rule has evicted, it has evicted under its new name.
fn rename_rule(connection: &Connection, name: &str, form: &str) -> rusqlite::Result<()> {
    let sql = "insert into retention (rule, first_id, last_id)
        select ?2, first_id, last_id from retention where rule = ?1
        on conflict (rule) do update set first_id = min(first_id, excluded.first_id),
            last_id = max(last_id, excluded.last_id)";
    connection.execute(sql, [name, form])?;
    connection.execute("delete from retention where rule = ?1", [name])?;
    Ok(())
}

/// Adds what a hashtag still counts to what another one does.
fn add_counts(connection: &Connection, number: i64, into: i64) -> rusqlite::Result<()> {
    let sql = "insert into counts (level, era, series, bucket, count)
        select level, era, ?2, bucket, count from counts where series = ?1
        on conflict (level, era, series, bucket) do update set count = count + excluded.count";
    connection.execute(sql, [number, into])?;
    connection.execute("delete from counts where series = ?1", [number])?;
    Ok(())
}

/// Takes the list of a hashtag away, and from its counts what its messages
/// count there.
fn clear(connection: &Connection, number: i64, ids: &BTreeSet<MessageId>) -> rusqlite::Result<()> {
    for table in ["hashtag_messages", "hashtag_runs"] {
        let sql = format!("delete from {table} where hashtag_id = ?1");
        connection.execute(&sql, [number])?;
    }
    for id in ids {
        uncount(connection, PostingList::Of(Name::Hashtag(number)), *id)?;
    }
    Ok(())
}
