//! Looking whether lists and counters agree with messages, and mending them
//! where they do not. The lists of users are an index: the database's own
//! matter.

use super::batch::message_id;
use super::conn::{Conn, Params, column};
use super::connect::{Connector, Turn};
use super::places::{self, Pairs};
use super::retry::Failure;
use super::{CockroachOptions, OpenError, migrate, sql};
use crate::store::inspection::{Difference, Exact, Inspection, Ledger, ListName, Prints, after};
use crate::store::rollup::WIDTHS;
use std::sync::Arc;

/// Rows read at once.
const PAGE: i64 = 5_000;
/// Differences mended in one transaction.
const AT_ONCE: usize = 500;
/// A slot of counters that no writer has, and neither deletions nor folding.
const SLOT: i64 = -3;
/// A walk is begun again so often when the database ends its transaction.
const TRIES: usize = 3;

/// Looks through a database, beside the servers that use it.
///
/// # Errors
/// [`OpenError`]: unreachable, not dunder's or of another schema, or it failed.
pub async fn inspect(options: CockroachOptions) -> Result<Inspection, OpenError> {
    let conn = connect(options).await?;
    let mut tries = 0;
    loop {
        tries += 1;
        match look(&conn).await {
            Ok(found) => return Ok(found),
            Err(failure) if tries == TRIES => return Err(OpenError::Database(failure.into())),
            // The transaction has ended, or ends here; what it says of that
            // is of no use.
            Err(_) => drop(conn.batch(sql::ROLLBACK).await),
        }
    }
}

/// Mends what differs; how much of it was mended.
///
/// # Errors
/// As [`inspect`]. What was mended before stays so; whether the last step was
/// done, another look says.
pub async fn mend(
    options: CockroachOptions,
    differences: &[Difference],
) -> Result<usize, OpenError> {
    let conn = connect(options).await?;
    let mut mended = 0;
    for some in differences.chunks(AT_ONCE) {
        let done = mend_some(&conn, some).await;
        // Not tried again: what was added to a counter would be added twice.
        mended += done.map_err(|failure| OpenError::Database(failure.into()))?;
    }
    Ok(mended)
}

async fn connect(mut options: CockroachOptions) -> Result<Conn, OpenError> {
    options.should_migrate = false;
    let connector = Arc::new(Connector::new(options)?);
    migrate::prepare(&connector).await?;
    let connected = connector.connect(&Turn::default()).await;
    connected.map_err(|failure| OpenError::Database(failure.into()))
}

async fn look(conn: &Conn) -> Result<Inspection, Failure> {
    conn.batch(sql::BEGIN_READING).await?;
    let mut found = Inspection {
        differences: undead(conn).await?,
        counted_from: counted_from(conn).await?,
        ..Inspection::default()
    };
    let mut prints = Prints::new(&WIDTHS, found.counted_from);
    walk(conn, &mut prints).await?;
    (found.messages, found.places, found.counters) = prints.passed;
    let suspects = prints.suspects();
    if !suspects.0.is_empty() || !suspects.1.is_empty() {
        let mut exact = Exact::new(suspects, &WIDTHS, found.counted_from);
        walk(conn, &mut exact).await?;
        let (differences, has_more) = exact.differences();
        found.differences.extend(differences);
        found.has_more = has_more;
    }
    conn.batch(sql::COMMIT).await?;
    Ok(found)
}

/// From when on, in Unix seconds, everything that was counted is there: after
/// all that was evicted.
async fn counted_from(conn: &Conn) -> Result<Option<i64>, Failure> {
    let mut from = None;
    for row in conn.query(&sql::BOUNDARIES, &[]).await? {
        from = from.max(Some(after(message_id(column(&row, 2)?)?)));
    }
    for row in conn.query(&sql::LAST_ARCHIVED, &[]).await? {
        from = from.max(Some(after(message_id(column(&row, 0)?)?)));
    }
    Ok(from)
}

async fn undead(conn: &Conn) -> Result<Vec<Difference>, Failure> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let rows = conn.query(&sql::EACH_UNDEAD, &[&after, &PAGE]).await?;
        let Some(last) = rows.last() else {
            return Ok(found);
        };
        after = column(last, 0)?;
        for row in &rows {
            if let Some(id) = column::<Option<&str>>(row, 1)? {
                found.push(Difference::Undead(message_id(id)?));
            }
        }
    }
}

/// Enters everything.
async fn walk(conn: &Conn, ledger: &mut dyn Ledger) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let rows = conn.query(&sql::EACH_MESSAGE, &[&after, &PAGE]).await?;
        let Some(last) = rows.last() else { break };
        after = column(last, 0)?;
        for row in &rows {
            let id = message_id(column(row, 0)?)?;
            let user: &str = column(row, 1)?;
            let hashtags: Vec<&str> = column(row, 2)?;
            // The list of a user is an index, and has what is there.
            ledger.of_user(user, id);
            ledger.message(id, user, &mut hashtags.into_iter());
        }
    }
    let mut after = (String::new(), String::new());
    loop {
        let params: Params<'_> = &[&after.0, &after.1, &PAGE];
        let rows = conn.query(&sql::EACH_PLACE, params).await?;
        let Some(last) = rows.last() else { break };
        after = (column(last, 0)?, column(last, 1)?);
        for row in &rows {
            let hashtag: &str = column(row, 0)?;
            // Those without a hashtag are listed under a blank, some of them.
            if !hashtag.starts_with(' ') && !hashtag.is_empty() {
                ledger.of_hashtag(hashtag, message_id(column(row, 1)?)?);
            }
        }
    }
    let mut after = (String::new(), 0i64, i64::MIN, i64::MIN);
    loop {
        let params: Params<'_> = &[&after.0, &after.1, &after.2, &after.3, &PAGE];
        let rows = conn.query(&sql::EACH_COUNTER, params).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = (
            column(last, 0)?,
            column(last, 1)?,
            column(last, 2)?,
            column(last, 3)?,
        );
        for row in &rows {
            let (level, bucket) = (column(row, 1)?, column(row, 2)?);
            ledger.counter(column(row, 0)?, level, bucket, column(row, 4)?);
        }
    }
}

async fn mend_some(conn: &Conn, differences: &[Difference]) -> Result<usize, Failure> {
    let (mut listed_tags, mut listed_ids) = (Vec::new(), Vec::new());
    let mut strays: Vec<(&str, String)> = Vec::new();
    let (mut series, mut levels, mut buckets) = (Vec::new(), Vec::new(), Vec::new());
    let mut counts = Vec::new();
    for difference in differences {
        match difference {
            Difference::Unlisted(ListName::Hashtag(name), id) => {
                listed_tags.push(name.as_str());
                listed_ids.push(id.to_string());
            }
            Difference::Stray(ListName::Hashtag(name), id) => {
                strays.push((name.as_str(), id.to_string()));
            }
            Difference::Miscounted {
                counter,
                counted,
                messages,
            } => {
                series.push(counter.series.as_str());
                levels.push(counter.width);
                buckets.push(counter.bucket);
                counts.push(messages - counted);
            }
            Difference::Unlisted(ListName::User(_), _)
            | Difference::Stray(ListName::User(_), _)
            | Difference::Undead(_)
            | Difference::Damaged(_) => {}
        }
    }
    let mended = listed_ids.len() + strays.len() + counts.len();
    let slots = vec![SLOT; counts.len()];
    conn.batch(sql::BEGIN).await?;
    conn.execute(&sql::LIST_THERE, &[&listed_tags, &listed_ids])
        .await?;
    let strays: Pairs<'_> = strays
        .iter()
        .map(|(name, id)| (*name, id.as_str()))
        .collect();
    places::unlist(conn, &strays).await?;
    let params: Params<'_> = &[&series, &levels, &buckets, &slots, &counts];
    conn.execute(&sql::ADD_COUNTS, params).await?;
    conn.batch(sql::COMMIT).await?;
    Ok(mended)
}
