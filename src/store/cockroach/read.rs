//! Reading: from filters to parameters, from rows to the domain's values.
//! Every list is one statement and one round trip; pages are read in `pages`,
//! counters in `trend`.

use crate::domain::{MAX_USER_NAME_CHARS, Message, MessageId, Record, StoreError, UserName};

use super::batch;
use super::conn::column;
use super::pool::Readers;
use super::sql;

/// One message.
pub(super) async fn message(
    readers: &Readers,
    id: MessageId,
) -> Result<Option<Message>, StoreError> {
    let id = id.to_string();
    let rows = readers
        .query("read a message", &sql::MESSAGE, &[&id])
        .await?;
    let message = rows.first().map(|row| batch::message(row, 0)).transpose();
    Ok(message?)
}

/// Users by name.
pub(super) async fn users(
    readers: &Readers,
    prefix: &str,
    limit: usize,
) -> Result<Vec<UserName>, StoreError> {
    // No name has this character, and no text of a database.
    if prefix.contains('\0') {
        return Ok(Vec::new());
    }
    let high = after_prefix(prefix);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = readers
        .query("list users", &sql::USERS, &[&prefix, &high, &limit])
        .await?;
    let names = rows
        .iter()
        .map(|row| Ok(UserName::from_stored(get(row, 0)?)));
    names.collect()
}

/// A part of all records, oldest first.
pub(super) async fn export(
    readers: &Readers,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let what = "export records";
    let rows = match after {
        Some(after) => {
            let after = after.to_string();
            readers.query(what, &sql::EXPORT, &[&after, &limit]).await?
        }
        None => readers.query(what, &sql::EXPORT_FIRST, &[&limit]).await?,
    };
    let records = rows.iter().map(batch::record).collect::<Result<_, _>>();
    Ok(records?)
}

/// A column, or what is wrong with the store.
pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    at: usize,
) -> Result<T, StoreError> {
    Ok(column(row, at)?)
}

/// The first text, in the order of bytes, after all that start so.
pub(super) fn after_prefix(prefix: &str) -> String {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // Above the surrogates where adding one would land on them.
        let next = match last {
            char::MAX => continue,
            '\u{d7ff}' => '\u{e000}',
            c => char::from_u32(u32::from(c) + 1).unwrap_or(char::MAX),
        };
        chars.push(next);
        return chars.into_iter().collect();
    }
    // Longer than any name, of the largest character.
    String::from(char::MAX).repeat(MAX_USER_NAME_CHARS + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_starts_with_a_prefix_is_before_what_comes_after_it(
            prefix in "\\PC{0,8}", more in "\\PC{0,8}", other in "\\PC{0,8}",
        ) {
            let end = after_prefix(&prefix);
            let longer = format!("{prefix}{more}");
            prop_assert!(longer < end);
            prop_assert_eq!(
                other.as_str() >= prefix.as_str() && other < end,
                other.starts_with(&prefix)
            );
        }
    }
}
