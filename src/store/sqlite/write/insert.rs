//! Putting messages into the table, inside a transaction somebody else begins
//! and ends: rows and numbers of names. Their postings in lists are collected;
//! whether they are written at once or later is for the writer to say.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension};

use crate::domain::{
    Boundary, Draft, Hashtag, IdempotencyKey, Imported, Message, MessageId, PostError, Record,
};
use crate::store::sqlite::index::postings::{Name, Posting, PostingList};
use crate::store::sqlite::read::record_of;
use crate::store::sqlite::retention;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::tombstones;
use crate::store::sqlite::write::memtable::State;

/// Names remembered of each kind: a few megabytes at most.
const REMEMBERED: usize = 20_000;

/// What the writer knows beside what is in the file.
#[derive(Debug, Default)]
pub(crate) struct Inserter {
    users: Numbers,
    hashtags: Numbers,
    /// Of what was stored since they were taken.
    postings: Vec<Posting>,
}

/// The statement of every message, prepared once for many.
pub(crate) struct InsertStatement<'c> {
    connection: &'c Connection,
    message: CachedStatement<'c>,
    /// Nothing was ever deleted: nobody has to ask whether this was.
    has_all: bool,
    /// What rules have evicted, for those who import.
    boundaries: Vec<Boundary>,
}

impl<'c> InsertStatement<'c> {
    /// That of a connection, inside a transaction that found this.
    pub(crate) fn prepare(
        connection: &'c Connection,
        found: State,
    ) -> rusqlite::Result<InsertStatement<'c>> {
        Ok(InsertStatement {
            connection,
            message: connection.prepare_cached(Sql::InsertMessage.text())?,
            has_all: found.removals == 0,
            boundaries: Vec::new(),
        })
    }

    /// The same for records, some of which may have been evicted.
    pub(crate) fn of_import(
        connection: &'c Connection,
        found: State,
    ) -> rusqlite::Result<InsertStatement<'c>> {
        Ok(InsertStatement {
            boundaries: retention::boundaries(connection)?,
            ..InsertStatement::prepare(connection, found)?
        })
    }

    fn may_be_evicted(&self, message: &Message) -> bool {
        let mut boundaries = self.boundaries.iter();
        boundaries.any(|boundary| boundary.has_passed(message.id, &message.hashtags))
    }
}

/// Numbers of names, of one table.
#[derive(Debug, Default)]
struct Numbers(HashMap<Box<str>, i64>);

/// What became of a draft, should its transaction commit.
pub(crate) type Posted = Result<Message, PostError>;

impl Inserter {
    /// Stores a draft under an id that `next` gives, or finds the message its
    /// idempotency key was used for, in an earlier batch or in this one.
    pub(crate) fn post(
        &mut self,
        inserts: &mut InsertStatement<'_>,
        draft: &Draft,
        next: impl FnOnce() -> MessageId,
    ) -> rusqlite::Result<Posted> {
        let connection = inserts.connection;
        let user = self.user(connection, draft.user.as_str())?;
        if let Some(key) = &draft.idempotency_key
            && let Some(first) = message_of_key(connection, user, key)?
        {
            return Ok(if draft.matches(&first) {
                Ok(first)
            } else {
                Err(PostError::KeyReused { first: first.id })
            });
        }
        if !inserts.has_all
            && let Some(key) = &draft.idempotency_key
            && let Some(first) = tombstones::of_key(connection, user, key)?
        {
            return Ok(Err(PostError::Deleted { first }));
        }
        let record = Record {
            message: draft.clone().into_message(next()),
            idempotency_key: draft.idempotency_key.clone(),
        };
        if !insert(inserts, user, &record)? {
            // Ids follow the last one stored, inside the transaction.
            return Err(rusqlite::Error::StatementChangedRows(0));
        }
        self.list(connection, user, &record.message)?;
        Ok(Ok(record.message))
    }

    /// Stores a record under its own id, or says what is in its way.
    pub(crate) fn import(
        &mut self,
        inserts: &mut InsertStatement<'_>,
        record: &Record,
    ) -> rusqlite::Result<Imported> {
        let connection = inserts.connection;
        let message = &record.message;
        if !inserts.has_all && tombstones::find(connection, message.id)?.is_some() {
            return Ok(Imported::Deleted);
        }
        if inserts.may_be_evicted(message) && stored(connection, message.id)?.is_none() {
            return Ok(Imported::Evicted);
        }
        // A record that is refused must not leave its user behind.
        let known = self
            .users
            .known(connection, message.user.as_str(), Sql::UserId)?;
        if known.is_none() && stored(connection, message.id)?.is_some() {
            return Ok(Imported::IdTaken);
        }
        if !inserts.has_all
            && let Some((user, key)) = known.zip(record.idempotency_key.as_ref())
            && let Some(first) = tombstones::of_key(connection, user, key)?
            && stored(connection, message.id)?.is_none()
        {
            return Ok(Imported::KeyTaken { first });
        }
        let user = match known {
            Some(user) => user,
            None => self
                .users
                .add(connection, message.user.as_str(), Sql::InsertUser)?,
        };
        if insert(inserts, user, record)? {
            self.list(connection, user, message)?;
            return Ok(Imported::Stored);
        }
        obstacle(connection, user, record)
    }

    /// Gives the postings of all that was stored since the last call.
    pub(crate) fn take_postings(&mut self) -> Vec<Posting> {
        std::mem::take(&mut self.postings)
    }

    /// The number of a user, who is stored if need be.
    pub(crate) fn user(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<i64> {
        self.users
            .of(connection, name, Sql::UserId, Sql::InsertUser)
    }

    /// Forgets what a rollback may have undone, or a removal taken.
    pub(crate) fn forget(&mut self) {
        *self = Inserter::default();
    }

    fn list(
        &mut self,
        connection: &Connection,
        user: i64,
        message: &Message,
    ) -> rusqlite::Result<()> {
        let id = message.id;
        let user = PostingList::Of(Name::User(user));
        self.postings.extend([(PostingList::All, id), (user, id)]);
        for hashtag in &message.hashtags {
            let number = self.hashtags.of(
                connection,
                hashtag.as_str(),
                Sql::HashtagId,
                Sql::InsertHashtag,
            )?;
            self.postings
                .push((PostingList::Of(Name::Hashtag(number)), id));
        }
        Ok(())
    }
}

impl Numbers {
    fn of(
        &mut self,
        connection: &Connection,
        name: &str,
        find: Sql,
        insert: Sql,
    ) -> rusqlite::Result<i64> {
        match self.known(connection, name, find)? {
            Some(number) => Ok(number),
            None => self.add(connection, name, insert),
        }
    }

    fn known(
        &mut self,
        connection: &Connection,
        name: &str,
        find: Sql,
    ) -> rusqlite::Result<Option<i64>> {
        if let Some(&number) = self.0.get(name) {
            return Ok(Some(number));
        }
        let number = connection
            .prepare_cached(find.text())?
            .query_row([name], |row| row.get(0))
            .optional()?;
        if let Some(number) = number {
            self.remember(name, number);
        }
        Ok(number)
    }

    fn add(&mut self, connection: &Connection, name: &str, insert: Sql) -> rusqlite::Result<i64> {
        let number = connection.prepare_cached(insert.text())?.insert([name])?;
        self.remember(name, number);
        Ok(number)
    }

    fn remember(&mut self, name: &str, number: i64) {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(name.into(), number);
    }
}

/// Whether the row is in; not when its id or key is taken.
fn insert(inserts: &mut InsertStatement<'_>, user: i64, record: &Record) -> rusqlite::Result<bool> {
    let message = &record.message;
    let hashtags: Vec<&str> = message.hashtags.iter().map(Hashtag::as_str).collect();
    let inserted = inserts.message.execute((
        message.id.to_bytes(),
        user,
        hashtags.join(" "),
        record.idempotency_key.as_ref().map(IdempotencyKey::as_str),
        message.text.as_str(),
    ))?;
    Ok(inserted == 1)
}

/// Why the row of a record whose user is known could not be inserted.
fn obstacle(connection: &Connection, user: i64, record: &Record) -> rusqlite::Result<Imported> {
    let message = &record.message;
    let there = stored(connection, message.id)?;
    let same_content = there
        .as_ref()
        .is_some_and(|there| there.message.same_content(message));
    if there.is_some() && !same_content {
        return Ok(Imported::IdTaken);
    }
    let Some(key) = &record.idempotency_key else {
        return Ok(Imported::AlreadyThere);
    };
    Ok(match message_of_key(connection, user, key)? {
        Some(first) if first.id == message.id => Imported::AlreadyThere,
        Some(first) => Imported::KeyTaken { first: first.id },
        // The same message, posted without this key.
        None => Imported::IdTaken,
    })
}

fn stored(connection: &Connection, id: MessageId) -> rusqlite::Result<Option<Record>> {
    connection
        .prepare_cached(Sql::Message.text())?
        .query_row([id.to_bytes()], record_of)
        .optional()
}

fn message_of_key(
    connection: &Connection,
    user: i64,
    key: &IdempotencyKey,
) -> rusqlite::Result<Option<Message>> {
    connection
        .prepare_cached(Sql::MessageOfKey.text())?
        .query_row((user, key.as_str()), record_of)
        .optional()
        .map(|found| found.map(|record| record.message))
}
