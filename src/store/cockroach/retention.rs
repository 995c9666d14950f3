//! Evicting messages: their rows, places in lists and keys, in one
//! transaction. Counts and names stay.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use tokio_postgres::Row;

use super::batch::message_id;
use super::columns::no_hashtag;
use super::conn::{Conn, Params, column};
use super::migrate::unix_millis;
use super::places::{self, Pairs};
use super::pool::Readers;
use super::retry::{Failure, Kind};
use super::task::Task;
use super::{CockroachStore, sql};
use crate::domain::{Boundary, MessageId, Retention, Rule, StoreError};
use crate::store::batch::writer_gone;

#[async_trait]
impl Retention for CockroachStore {
    async fn due(
        &self,
        rule: &Rule,
        after: Option<MessageId>,
        before: MessageId,
        limit: usize,
    ) -> Result<Vec<MessageId>, StoreError> {
        due(&self.readers, rule, (after, before), limit).await
    }

    async fn evict(&self, mut ids: Vec<MessageId>, by: Option<Rule>) -> Result<u64, StoreError> {
        self.connector.refuse_writes()?;
        ids.sort_unstable();
        ids.dedup();
        let (reply, answer) = oneshot::channel();
        self.queue.hand(Task::Evict(ids, by, reply)).await?;
        answer.await.map_err(|_| writer_gone())?
    }

    async fn boundaries(&self) -> Result<Vec<Boundary>, StoreError> {
        boundaries(&self.readers).await
    }

    async fn lease(
        &self,
        work: &str,
        owner: &str,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        lease(&self.readers, work, owner, until).await
    }

    async fn release(&self, work: &str, owner: &str) -> Result<(), StoreError> {
        release(&self.readers, work, owner).await
    }
}

/// The rule under which it is noted what was moved elsewhere: a blank, which no
/// hashtag is.
const MOVED: &str = " ";

/// One attempt to evict messages; how many there were.
pub(super) async fn evict(
    conn: &Conn,
    ids: &[MessageId],
    by: Option<&Rule>,
) -> Result<u64, Failure> {
    conn.batch(sql::BEGIN).await?;
    let ids: Vec<String> = ids.iter().map(MessageId::to_string).collect();
    let rows = conn.query(&sql::PLACES_BY_ID, &[&ids]).await?;
    let (mut ids, mut lists, mut keys) = (Vec::<String>::new(), Pairs::new(), Pairs::new());
    for row in &rows {
        let (id, user, hashtags, key): (&str, &str, Vec<&str>, &str) = (
            column(row, 0)?,
            column(row, 1)?,
            column(row, 2)?,
            column(row, 3)?,
        );
        let hashtags = hashtags.into_iter().filter(|name| !name.is_empty());
        lists.extend(hashtags.chain([no_hashtag(id)]).map(|name| (name, id)));
        if !key.is_empty() {
            keys.insert((user, key));
        }
        ids.push(id.to_owned());
    }
    let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else {
        conn.batch(sql::COMMIT).await?;
        return Ok(0);
    };
    let deleted = conn.execute(&sql::DELETE_MESSAGES, &[&ids]).await?;
    if deleted != ids.len() as u64 {
        let why = "somebody else removed some of them, too";
        return Err(Failure::new(Kind::Again, why));
    }
    places::unlist(conn, &lists).await?;
    places::forget_keys(conn, &keys, &ids).await?;
    let rule = by.map_or(MOVED, Rule::name);
    let params: Params<'_> = &[&rule, first, last];
    conn.execute(&sql::NOTE_BOUNDARY, params).await?;
    conn.batch(sql::COMMIT).await?;
    Ok(deleted)
}

/// At most `limit` messages of a rule, oldest first, behind an id and before
/// another.
pub(super) async fn due(
    readers: &Readers,
    rule: &Rule,
    (after, before): (Option<MessageId>, MessageId),
    limit: usize,
) -> Result<Vec<MessageId>, StoreError> {
    // No id is empty, and all come after that.
    let after = after.map_or(String::new(), |id| id.to_string());
    let (before, limit) = (before.to_string(), i64::try_from(limit).unwrap_or(i64::MAX));
    let what = "look for messages to evict";
    let rows = match rule {
        Rule::All => {
            let params: Params<'_> = &[&after, &before, &limit];
            readers.query(what, &sql::DUE_OF_ALL, params).await?
        }
        Rule::Hashtag(hashtag) => {
            let params: Params<'_> = &[&after, &before, &limit, &hashtag.as_str()];
            readers.query(what, &sql::DUE_OF_HASHTAG, params).await?
        }
    };
    let ids = rows.iter().map(|row| message_id(column(row, 0)?));
    Ok(ids.collect::<Result<_, _>>()?)
}

/// What each rule has evicted for good.
pub(super) async fn boundaries(readers: &Readers) -> Result<Vec<Boundary>, StoreError> {
    let what = "read what was evicted";
    let rows = readers.query(what, &sql::BOUNDARIES, &[]).await?;
    Ok(gone(&rows)?)
}

/// The same as a transaction sees it.
pub(super) async fn boundaries_within(conn: &Conn) -> Result<Vec<Boundary>, Failure> {
    gone(&conn.query(&sql::BOUNDARIES, &[]).await?)
}

/// Of what was evicted, what is gone for good.
fn gone(rows: &[Row]) -> Result<Vec<Boundary>, Failure> {
    let mut boundaries = Vec::with_capacity(rows.len());
    for row in rows {
        if column::<&str>(row, 0)? != MOVED {
            boundaries.push(boundary(row)?);
        }
    }
    Ok(boundaries)
}

fn boundary(row: &Row) -> Result<Boundary, Failure> {
    Ok(Boundary {
        rule: Rule::from_stored(column(row, 0)?),
        first: message_id(column(row, 1)?)?,
        last: message_id(column(row, 2)?)?,
    })
}

/// Takes work over, or goes on with it, until a time; whether it may.
pub(super) async fn lease(
    readers: &Readers,
    work: &str,
    owner: &str,
    until: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let what = "take work over";
    readers.query(what, &sql::MAKE_LEASE, &[&work]).await?;
    let (until, now) = (until.timestamp_millis(), unix_millis());
    let params: Params<'_> = &[&work, &owner, &until, &now];
    let taken = readers.query(what, &sql::TAKE_LEASE, params).await?;
    Ok(taken.len() == 1)
}

/// Leaves work to others.
pub(super) async fn release(readers: &Readers, work: &str, owner: &str) -> Result<(), StoreError> {
    let params: Params<'_> = &[&work, &owner];
    readers
        .query("leave work", &sql::LEAVE_LEASE, params)
        .await?;
    Ok(())
}
