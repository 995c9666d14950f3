//! Which file of the archive has which day, and deleting what only a file of
//! the archive has.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use tokio_postgres::Row;

use super::batch::message_id;
use super::conn::{Conn, Params, column};
use super::migrate::random_name;
use super::read::get;
use super::retry::Failure;
use super::task::Task;
use super::{CockroachStore, sql, tombstones};
use crate::domain::{
    ArchiveFile, ArchivedDay, Day, Deleter, Deletion, Manifest, MessageId, Record, StoreError,
};
use crate::store::batch::writer_gone;

#[async_trait]
impl Manifest for CockroachStore {
    async fn identity(&self) -> Result<String, StoreError> {
        let what = "read what tells this store from others";
        let mut rows = self.readers.query(what, &sql::IDENTITY, &[]).await?;
        if rows.is_empty() {
            self.connector.refuse_writes()?;
            let drawn = random_name();
            let params: Params<'_> = &[&drawn];
            self.readers
                .query(what, &sql::MAKE_IDENTITY, params)
                .await?;
            rows = self.readers.query(what, &sql::IDENTITY, &[]).await?;
        }
        let row = rows.first();
        let row = row.ok_or_else(|| StoreError::Unexpected("no identity was kept".to_owned()))?;
        get(row, 0)
    }

    async fn archived_days(
        &self,
        from: Day,
        to: Day,
        limit: usize,
    ) -> Result<Vec<ArchivedDay>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let what = "read which days are archived";
        let params: Params<'_> = &[&from.0, &to.0, &limit];
        let rows = self.readers.query(what, &sql::ARCHIVED_DAYS, params);
        days(&rows.await?)
    }

    async fn begin_day(&self, day: Day) -> Result<ArchivedDay, StoreError> {
        self.connector.refuse_writes()?;
        let params: Params<'_> = &[&day.0];
        self.readers
            .query("begin a day", &sql::BEGIN_DAY, params)
            .await?;
        let found = self.archived_days(day, day, 1).await?.pop();
        found.ok_or_else(|| StoreError::Unexpected(format!("{day} was begun and is not there")))
    }

    async fn swap_day(
        &self,
        seen: &ArchivedDay,
        file: Option<&ArchiveFile>,
    ) -> Result<bool, StoreError> {
        self.connector.refuse_writes()?;
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let old = seen.file.as_ref().map_or("", |file| file.name.as_str());
        let name = file.map_or("", |file| file.name.as_str());
        let (rows, bytes) = (
            file.map_or(0, |file| number(file.rows)),
            file.map_or(0, |file| number(file.bytes)),
        );
        let id = |id: Option<MessageId>| id.map_or(String::new(), |id| id.to_string());
        let first = id(file.map(|file| file.first));
        let last = id(file.map(|file| file.last));
        let checksum = file.map_or(String::new(), |file| hexadecimal(&file.checksum));
        let removals = number(seen.removals);
        let params: Params<'_> = &[
            &seen.day.0,
            &old,
            &removals,
            &name,
            &rows,
            &bytes,
            &first,
            &last,
            &checksum,
        ];
        let what = "name a file of the archive";
        let swapped = self.readers.query(what, &sql::SWAP_DAY, params).await?;
        if !swapped.is_empty() {
            return Ok(true);
        }
        // By an earlier attempt, of which no answer came: a name is used once.
        let found = self.archived_days(seen.day, seen.day, 1).await?.pop();
        let found = found.and_then(|day| day.file);
        Ok(old != name && file.is_some() && found.as_ref() == file)
    }

    async fn forget_replaced(&self, day: Day, name: &str) -> Result<(), StoreError> {
        self.connector.refuse_writes()?;
        let what = "forget a file of the archive";
        let params: Params<'_> = &[&day.0, &name];
        self.readers
            .query(what, &sql::FORGET_REPLACED, params)
            .await?;
        Ok(())
    }

    async fn unfinished_days(&self) -> Result<Vec<ArchivedDay>, StoreError> {
        let what = "read which days have work left";
        days(&self.readers.query(what, &sql::UNFINISHED_DAYS, &[]).await?)
    }

    async fn delete_archived(
        &self,
        records: Vec<Record>,
        deleter: Deleter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Deletion>, StoreError> {
        self.connector.refuse_writes()?;
        let ids = records.iter().map(|record| record.message.id).collect();
        let (reply, answer) = oneshot::channel();
        let task = Task::Delete(ids, records, deleter, now, reply);
        self.queue.hand(task).await?;
        answer.await.map_err(|_| writer_gone())?
    }

    async fn deleted_of(&self, ids: Vec<MessageId>) -> Result<Vec<MessageId>, StoreError> {
        let ids: Vec<String> = ids.iter().map(MessageId::to_string).collect();
        let what = "read which messages were deleted";
        let params: Params<'_> = &[&ids];
        let rows = self
            .readers
            .query(what, &sql::TOMBSTONES_BY_ID, params)
            .await?;
        let found = rows.iter().map(|row| Ok(tombstones::tombstone(row)?.id));
        found.collect()
    }
}

/// Messages are deleted, whose days may be archived, or about to be.
pub(super) async fn count_removals(
    conn: &Conn,
    ids: impl Iterator<Item = MessageId>,
) -> Result<(), Failure> {
    // In one order everywhere, so that two who delete wait and do not fail.
    let mut removals: BTreeMap<i64, i64> = BTreeMap::new();
    for id in ids {
        *removals.entry(Day::of(id).0).or_default() += 1;
    }
    let (days, numbers): (Vec<i64>, Vec<i64>) = removals.into_iter().unzip();
    conn.execute(&sql::COUNT_REMOVALS, &[&days, &numbers])
        .await?;
    Ok(())
}

fn days(rows: &[Row]) -> Result<Vec<ArchivedDay>, StoreError> {
    Ok(rows.iter().map(day).collect::<Result<_, Failure>>()?)
}

fn day(row: &Row) -> Result<ArchivedDay, Failure> {
    let count = |at| {
        let number: i64 = column(row, at)?;
        u64::try_from(number).map_err(|_| Failure::corrupt("an archived day counts below zero"))
    };
    let some = |at| {
        let text: &str = column(row, at)?;
        Ok::<_, Failure>((!text.is_empty()).then(|| text.to_owned()))
    };
    let file = some(1)?.map(|name| {
        let checksum = bytes(column(row, 6)?);
        let why = "the checksum of an archive's file is not one";
        Ok::<_, Failure>(ArchiveFile {
            name,
            rows: count(2)?,
            bytes: count(3)?,
            first: message_id(column(row, 4)?)?,
            last: message_id(column(row, 5)?)?,
            checksum: checksum.ok_or_else(|| Failure::corrupt(why))?,
        })
    });
    Ok(ArchivedDay {
        day: Day(column(row, 0)?),
        file: file.transpose()?,
        removals: count(7)?,
        cleaned: count(8)?,
        replaced: some(9)?,
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(pair).collect();
    bytes?.try_into().ok()
}
