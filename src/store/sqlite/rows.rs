//! From rows to values of the domain, and back to what SQLite stores.

use rusqlite::{Row, types::Type};

use crate::domain::{Hashtag, Message, MessageId, MessageText, UserName};

/// A message from the columns id, user name, text, hashtags.
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let hashtags = row.get_ref(3)?.as_str().map_err(|error| wrong(3, error))?;
    let user = row.get_ref(1)?.as_str().map_err(|error| wrong(1, error))?;
    Ok(Message {
        id: id(row, 0)?,
        user: UserName::from_stored(user),
        text: MessageText::from_stored(row.get(2)?),
        hashtags: hashtags
            .split_ascii_whitespace()
            .map(Hashtag::from_stored)
            .collect(),
    })
}

/// An id from a column of 16 bytes.
pub(super) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<MessageId> {
    row.get(column).map(MessageId::from_bytes)
}

/// A message's hashtags as the column holds them.
pub(super) fn hashtags_column(hashtags: &[Hashtag]) -> String {
    let names: Vec<&str> = hashtags.iter().map(Hashtag::as_str).collect();
    names.join(" ")
}

/// The names from a prefix on, and the name after the last with it.
pub(super) fn prefix_range(prefix: &str) -> (String, String) {
    (prefix.to_owned(), format!("{prefix}\u{10ffff}"))
}

fn wrong(column: usize, error: rusqlite::types::FromSqlError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
