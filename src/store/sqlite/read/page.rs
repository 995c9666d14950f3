//! The messages of some ids, which is how every short page ends: from memory,
//! or else from the file, all of those with one statement. Names of users are
//! remembered by their numbers, so that no row costs a second search.

use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::domain::{Hashtag, Message, MessageId, MessageText, UserName};
use crate::store::sqlite::id_of;
use crate::store::sqlite::read::cache::{MessageCache, View};
use crate::store::sqlite::sql::{IDS, Sql};

/// All reads between its making and its end see the same state, and take the
/// locks of the file once.
pub(crate) struct Snapshot<'c>(&'c Connection);

impl<'c> Snapshot<'c> {
    /// Begins where no transaction is open.
    pub(crate) fn begin(connection: &'c Connection) -> rusqlite::Result<Snapshot<'c>> {
        // rusqlite's own would be parsed anew every time.
        connection.prepare_cached(Sql::Begin.text())?.execute([])?;
        Ok(Snapshot(connection))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let commit = self.0.prepare_cached(Sql::Commit.text());
        if commit.and_then(|mut commit| commit.execute([])).is_err() {
            // An error of a read may have ended it already.
            let _ = self.0.execute_batch(Sql::Rollback.text());
        }
    }
}

/// The messages of some ids, in their order, within a snapshot.
pub(crate) fn messages(
    snapshot: &Snapshot<'_>,
    ids: &[MessageId],
    cache: View<'_>,
) -> rusqlite::Result<Vec<Message>> {
    let connection = snapshot.0;
    let found: Vec<_> = ids.iter().map(|&id| cache.find(id)).collect();
    let missing = ids.iter().zip(&found).filter(|(_, found)| found.is_none());
    let missing: Vec<MessageId> = missing.map(|(&id, _)| id).collect();
    let mut read = Vec::with_capacity(missing.len());
    for ids in missing.chunks(IDS) {
        read_some(connection, ids, cache, &mut read)?;
    }
    let mut read = read.into_iter().peekable();
    let mut all = Vec::with_capacity(ids.len());
    for (&id, found) in ids.iter().zip(found) {
        let kept = found.map(|kept| Message::clone(&kept));
        let message = kept.or_else(|| read.next_if(|read| read.id == id));
        all.push(message.ok_or_else(|| without_row(id))?);
    }
    Ok(all)
}

/// *Listed is there* (see `store`) does not hold.
#[derive(Debug, thiserror::Error)]
#[error("message {0} is listed and is not there")]
struct Missing(MessageId);

fn without_row(id: MessageId) -> rusqlite::Error {
    let error = Box::new(Missing(id));
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, error)
}

/// One message, outside any transaction.
pub(crate) fn message(
    connection: &Connection,
    id: MessageId,
    cache: &MessageCache,
) -> rusqlite::Result<Option<Message>> {
    cache.hear_of_removals(connection)?;
    let view = cache.view();
    if let Some(kept) = cache.find_now(id) {
        return Ok(Some(Message::clone(&kept)));
    }
    let mut statement = connection.prepare_cached(Sql::MessageRow.text())?;
    let read = statement.query_row([id.to_bytes()], |row| message_of(connection, row, view));
    let read = read.optional()?;
    Ok(read.inspect(|read| view.keep_if_asked_again(read)))
}

fn read_some(
    connection: &Connection,
    ids: &[MessageId],
    cache: View<'_>,
    read: &mut Vec<Message>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(Sql::MessageRows.text())?;
    // Parameters left over are null, the id of no message.
    for (at, id) in ids.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, id.to_bytes())?;
    }
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let message = message_of(connection, row, cache)?;
        cache.keep_if_asked_again(&message);
        read.push(message);
    }
    Ok(())
}

/// The message of a row of id, number of its user, text and hashtags.
fn message_of(
    connection: &Connection,
    row: &Row<'_>,
    cache: View<'_>,
) -> rusqlite::Result<Message> {
    Ok(Message {
        id: id_of(row.get_ref(0)?.as_blob()?)?,
        user: user_of(connection, row.get_ref(1)?.as_i64()?, cache)?,
        text: MessageText::from_stored(row.get_ref(2)?.as_str()?),
        hashtags: hashtags_of(row.get_ref(3)?.as_str()?),
    })
}

/// The hashtags that a column holds, separated by a space.
pub(crate) fn hashtags_of(column: &str) -> Vec<Hashtag> {
    let mut tags = Vec::with_capacity(2);
    let mut rest = column;
    // Without hashtags the text is empty. Byte by byte: hashtags are short.
    while !rest.is_empty() {
        let end = rest.bytes().position(|byte| byte == b' ');
        let (tag, after) = rest.split_at(end.unwrap_or(rest.len()));
        tags.push(Hashtag::from_stored(tag));
        rest = after.get(1..).unwrap_or("");
    }
    tags
}

/// The name of a number, which is *immutable* (see `store`).
fn user_of(connection: &Connection, number: i64, cache: View<'_>) -> rusqlite::Result<UserName> {
    if let Some(known) = cache.user(number) {
        return Ok(known);
    }
    let mut statement = connection.prepare_cached(Sql::UserName.text())?;
    let name = statement.query_row([number], |row| {
        Ok(UserName::from_stored(row.get_ref(0)?.as_str()?))
    });
    // A message without its user is not dunder's.
    let name = name.optional()?.ok_or(FromSqlError::InvalidType)?;
    cache.keep_user(number, &name);
    Ok(name)
}
