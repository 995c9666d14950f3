//! Import and export: messages with their ids and keys as they are.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::writer::{Counts, Writer, insert, insert_key, message_of_key};
use super::{rows, sql};
use crate::domain::{IdempotencyKey, Imported, MessageId, Record};

/// Stores records in one transaction and says what became of each.
pub(super) fn import(writer: &mut Writer, records: &[Record]) -> rusqlite::Result<Vec<Imported>> {
    let Writer {
        connection, names, ..
    } = writer;
    let imported = (|| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut counts = Counts::default();
        let mut outcomes = Vec::with_capacity(records.len());
        for record in records {
            let user = names.user(&transaction, record.message.user.as_str())?;
            let taken =
                key_owner(&transaction, user, record)?.filter(|first| *first != record.message.id);
            outcomes.push(match taken {
                Some(first) => Imported::KeyTaken { first },
                None if insert(&transaction, names, &mut counts, &record.message)? => {
                    register(&transaction, user, record)?;
                    Imported::Stored
                }
                None => compare(&transaction, user, record)?,
            });
        }
        counts.flush(&transaction)?;
        transaction.commit()?;
        Ok(outcomes)
    })();
    if imported.is_err() {
        names.forget();
    }
    imported
}

fn key_owner(
    transaction: &Transaction<'_>,
    user: i64,
    record: &Record,
) -> rusqlite::Result<Option<MessageId>> {
    match &record.idempotency_key {
        Some(key) => message_of_key(transaction, user, key),
        None => Ok(None),
    }
}

fn register(transaction: &Transaction<'_>, user: i64, record: &Record) -> rusqlite::Result<()> {
    match &record.idempotency_key {
        Some(key) => insert_key(transaction, user, key, record.message.id),
        None => Ok(()),
    }
}

/// The id is taken: by the same message, or by another. The same message
/// under a key that is not yet registered for it is another record.
fn compare(
    transaction: &Transaction<'_>,
    user: i64,
    record: &Record,
) -> rusqlite::Result<Imported> {
    let id = record.message.id;
    let stored = transaction
        .prepare_cached(sql::MESSAGE)?
        .query_row([id.to_bytes()], rows::message)?;
    let same_key =
        record.idempotency_key.is_none() || key_owner(transaction, user, record)? == Some(id);
    Ok(if stored.same_content(&record.message) && same_key {
        Imported::AlreadyThere
    } else {
        Imported::IdTaken
    })
}

/// Records in the order of their ids.
pub(super) fn export(
    connection: &Connection,
    after: Option<MessageId>,
    limit: usize,
) -> rusqlite::Result<Vec<Record>> {
    let after = after.map_or_else(Vec::new, |id| id.to_bytes().to_vec());
    let mut statement = connection.prepare_cached(sql::EXPORT)?;
    let records = statement.query_map(params![after, limit as i64], |row| {
        let key: Option<String> = row.get(4)?;
        let idempotency_key = key.map(|key| key.parse::<IdempotencyKey>()).transpose();
        Ok(Record {
            message: rows::message(row)?,
            idempotency_key: idempotency_key.map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    4,
                    rusqlite::types::Type::Text,
                    Box::new(error),
                )
            })?,
        })
    })?;
    records.collect()
}
