//! Which file of the archive has which day, and deleting what only a file of
//! the archive has.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Row};

use super::read::cache::LEASE;
use super::sql::Sql;
use super::write::Writer;
use super::{SqliteStore, id_of};
use crate::domain::{
    ArchiveFile, ArchivedDay, Day, Deleter, Deletion, Manifest, MessageId, Record, StoreError,
};

#[async_trait]
impl Manifest for SqliteStore {
    async fn identity(&self) -> Result<String, StoreError> {
        let read = |connection: &Connection| {
            let mut identity = connection.prepare_cached(Sql::Identity.text())?;
            identity.query_row([], |row| row.get(0))
        };
        self.readers.short(read).await
    }

    async fn archived_days(
        &self,
        from: Day,
        to: Day,
        limit: usize,
    ) -> Result<Vec<ArchivedDay>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let days = move |connection: &Connection| {
            let mut days = connection.prepare_cached(Sql::ArchivedDays.text())?;
            days.query_map((from.0, to.0, limit), read)?.collect()
        };
        self.readers.short(days).await
    }

    async fn begin_day(&self, day: Day) -> Result<ArchivedDay, StoreError> {
        let begin = move |connection: &Connection| {
            let mut begin = connection.prepare_cached(Sql::BeginDay.text())?;
            begin.execute([day.0])?;
            let mut days = connection.prepare_cached(Sql::ArchivedDays.text())?;
            days.query_row((day.0, day.0, 1), read)
        };
        self.change(begin).await
    }

    async fn swap_day(
        &self,
        seen: &ArchivedDay,
        file: Option<&ArchiveFile>,
    ) -> Result<bool, StoreError> {
        let (seen, file) = (seen.clone(), file.cloned());
        self.change(move |connection| swap(connection, &seen, file.as_ref()))
            .await
    }

    async fn forget_replaced(&self, day: Day, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        let forget = move |connection: &Connection| {
            let mut forget = connection.prepare_cached(Sql::ForgetReplaced.text())?;
            forget.execute((day.0, name)).map(drop)
        };
        self.change(forget).await
    }

    async fn unfinished_days(&self) -> Result<Vec<ArchivedDay>, StoreError> {
        let days = |connection: &Connection| {
            let mut days = connection.prepare_cached(Sql::UnfinishedDays.text())?;
            days.query_map([i64::MIN], read)?.collect()
        };
        self.readers.run(days).await
    }

    async fn delete_archived(
        &self,
        records: Vec<Record>,
        deleter: Deleter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Deletion>, StoreError> {
        let delete = move |writer: &mut Writer| {
            let ids: Vec<MessageId> = records.iter().map(|record| record.message.id).collect();
            writer.delete(&ids, &records, &deleter, now)
        };
        let done = self.queue.run(delete).await?;
        // Other programs may have looked just before.
        tokio::time::sleep(LEASE).await;
        Ok(done)
    }

    async fn deleted_of(&self, ids: Vec<MessageId>) -> Result<Vec<MessageId>, StoreError> {
        let deleted = move |connection: &Connection| {
            let mut is_deleted = connection.prepare_cached(Sql::IsDeleted.text())?;
            let mut deleted = Vec::new();
            for &id in &ids {
                if is_deleted.query_row([id.to_bytes()], |row| row.get(0))? {
                    deleted.push(id);
                }
            }
            Ok(deleted)
        };
        self.readers.short(deleted).await
    }
}

impl SqliteStore {
    /// Runs something in a transaction of the writer.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let work = |writer: &mut Writer| writer.transaction(|writer| work(writer.connection()));
        self.queue.run(work).await
    }
}

fn swap(
    connection: &Connection,
    seen: &ArchivedDay,
    file: Option<&ArchiveFile>,
) -> rusqlite::Result<bool> {
    let name = file.map(|file| file.name.as_str());
    let old = seen.file.as_ref().map(|file| file.name.as_str());
    let removals = number(seen.removals)?;
    let mut swap = connection.prepare_cached(Sql::SwapDay.text())?;
    let swapped = swap.execute((
        seen.day.0,
        old,
        removals,
        name,
        file.map(|file| number(file.rows)).transpose()?,
        file.map(|file| number(file.bytes)).transpose()?,
        file.map(|file| file.first.to_bytes()),
        file.map(|file| file.last.to_bytes()),
        file.map(|file| file.checksum),
    ))?;
    Ok(swapped == 1)
}

fn number(number: u64) -> rusqlite::Result<i64> {
    let too_large = |error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
    i64::try_from(number).map_err(too_large)
}

/// A removal of a message whose day is archived, or about to be.
pub(super) fn count_removal(connection: &Connection, id: MessageId) -> rusqlite::Result<()> {
    let mut count = connection.prepare_cached(Sql::CountRemoval.text())?;
    count.execute([Day::of(id).0]).map(drop)
}

fn read(row: &Row<'_>) -> rusqlite::Result<ArchivedDay> {
    let count = |at| -> rusqlite::Result<u64> {
        let number: i64 = row.get(at)?;
        u64::try_from(number).map_err(|_| FromSqlError::OutOfRange(number).into())
    };
    let id = |at| id_of(row.get_ref(at)?.as_blob()?);
    let name: Option<String> = row.get(1)?;
    let file = name.map(|name| {
        Ok::<_, rusqlite::Error>(ArchiveFile {
            name,
            rows: count(2)?,
            bytes: count(3)?,
            first: id(4)?,
            last: id(5)?,
            checksum: row.get(6)?,
        })
    });
    Ok(ArchivedDay {
        day: Day(row.get(0)?),
        file: file.transpose()?,
        removals: count(7)?,
        cleaned: count(8)?,
        replaced: row.get(9)?,
    })
}
