//! Folds the names of hashtags again that another folding has stored, so that
//! they are found by the form that people are asked for today.
//!
//! It is a step of the migration and safe to be cut off and begun again: the
//! counts of an old name go first, and each of its messages comes to the new
//! one together with what it counts there.

use std::collections::BTreeMap;

use tokio_postgres::error::SqlState;
use tracing::info;

use super::batch;
use super::conn::{Conn, column};
use super::retry::{Failure, Kind};
use super::sql;
use crate::domain::{Hashtag, Message, refolded};
use crate::store::batch::Backoff;
use crate::store::rollup::{WIDTHS, counter_of};

/// Messages in one transaction.
const PAGE: i64 = 200;

/// A slot of counters that no writer has.
const SLOT: i64 = -1;

/// Gives every hashtag the form of this program's folding. `backoff` makes
/// that of one transaction.
pub(super) async fn refold(conn: &Conn, backoff: impl Fn() -> Backoff) -> Result<(), Failure> {
    let mut changed = Vec::new();
    for row in conn.query(&sql::FOREIGN_HASHTAGS, &[]).await? {
        let name: String = column(&row, 0)?;
        changed.extend(refolded(&name).map(|form| (name, form)));
    }
    for (name, form) in &changed {
        while move_some(conn, name, form, backoff()).await? > 0 {}
    }
    if !changed.is_empty() {
        info!(hashtags = changed.len(), "hashtags folded again");
    }
    Ok(())
}

/// Moves some messages from a name to its form, in a transaction; how many.
async fn move_some(
    conn: &Conn,
    name: &str,
    form: &Hashtag,
    mut backoff: Backoff,
) -> Result<usize, Failure> {
    loop {
        let failure = match attempt(conn, name, form).await {
            Ok(moved) => return Ok(moved),
            Err(failure) => failure,
        };
        if failure.kind == Kind::Lost {
            return Err(failure);
        }
        // CockroachDB has ended a transaction whose COMMIT failed, and says so
        // with an error where PostgreSQL only warns.
        if let Err(rollback) = conn.batch(sql::ROLLBACK).await
            && !rollback.is_code(&SqlState::NO_ACTIVE_SQL_TRANSACTION)
        {
            return Err(failure);
        }
        backoff.wait(failure).await?;
    }
}

async fn attempt(conn: &Conn, name: &str, form: &Hashtag) -> Result<usize, Failure> {
    conn.batch(sql::BEGIN).await?;
    conn.execute(&sql::CLEAR_COUNTS, &[&name]).await?;
    let mut messages = BTreeMap::new();
    for row in conn.query(&sql::SOME_OF_HASHTAG, &[&name, &PAGE]).await? {
        let message = batch::message(&row, 0)?;
        messages.insert(message.id.to_string(), message);
    }
    let ids: Vec<&str> = messages.keys().map(String::as_str).collect();
    let forms = vec![form.as_str(); ids.len()];
    let listed = conn.query(&sql::LIST_UNDER, &[&forms, &ids]).await?;
    let mut counts: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    for row in listed {
        let id: &str = column(&row, 0)?;
        let Some(message) = messages.get(id) else {
            continue;
        };
        for width in WIDTHS {
            let bucket = counter_of(width, message.id.millis());
            *counts.entry((width, bucket)).or_default() += 1;
        }
    }
    for (id, message) in &messages {
        conn.execute(&sql::SET_HASHTAGS, &[id, &names(message)])
            .await?;
        conn.execute(&sql::UNLIST, &[&name, id]).await?;
    }
    let levels: Vec<i64> = counts.keys().map(|(level, _)| *level).collect();
    let buckets: Vec<i64> = counts.keys().map(|(_, bucket)| *bucket).collect();
    let slots = vec![SLOT; counts.len()];
    let numbers: Vec<i64> = counts.into_values().collect();
    let series = vec![form.as_str(); numbers.len()];
    conn.execute(
        &sql::ADD_COUNTS,
        &[&series, &levels, &buckets, &slots, &numbers],
    )
    .await?;
    conn.batch(sql::COMMIT).await?;
    Ok(messages.len())
}

/// The hashtags of a message in their new forms, each once.
fn names(message: &Message) -> String {
    let mut names: Vec<Hashtag> = Vec::new();
    for tag in &message.hashtags {
        let tag = refolded(tag.as_str()).unwrap_or_else(|| tag.clone());
        if !names.contains(&tag) {
            names.push(tag);
        }
    }
    let names: Vec<&str> = names.iter().map(Hashtag::as_str).collect();
    names.join(" ")
}
