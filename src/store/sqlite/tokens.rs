//! Tokens, kept by the hash of their secret.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row};

use super::id_of;
use super::sql::Sql;
use crate::domain::{SecretHash, Token, TokenId, UserName};

/// Keeps a new token.
pub(super) fn create(
    connection: &Connection,
    token: &Token,
    hash: SecretHash,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(Sql::InsertToken.text())?;
    let created = statement.execute((
        token.id.to_bytes(),
        hash.as_bytes(),
        token.user.as_str(),
        &token.note,
        token.expires_at.map(|at| at.timestamp_millis()),
        token.revoked_at.map(|at| at.timestamp_millis()),
    ));
    created.map(drop)
}

/// The token of a secret.
pub(super) fn find(connection: &Connection, hash: SecretHash) -> rusqlite::Result<Option<Token>> {
    let mut statement = connection.prepare_cached(Sql::TokenOfHash.text())?;
    statement.query_row([hash.as_bytes()], token_of).optional()
}

/// All, oldest first.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Token>> {
    let mut statement = connection.prepare_cached(Sql::Tokens.text())?;
    statement.query_map([], token_of)?.collect()
}

/// Revokes a token that is not revoked yet, and gives it as it is then.
pub(super) fn revoke(
    connection: &Connection,
    id: TokenId,
    now: DateTime<Utc>,
) -> rusqlite::Result<Option<Token>> {
    let id = id.to_bytes();
    connection
        .prepare_cached(Sql::RevokeToken.text())?
        .execute((id, now.timestamp_millis()))?;
    connection
        .prepare_cached(Sql::TokenOfId.text())?
        .query_row([id], token_of)
        .optional()
}

fn token_of(row: &Row<'_>) -> rusqlite::Result<Token> {
    let moment = |column| {
        let millis = row.get::<_, Option<i64>>(column)?;
        Ok::<_, rusqlite::Error>(millis.and_then(DateTime::from_timestamp_millis))
    };
    Ok(Token {
        id: id_of(row.get_ref(0)?.as_blob()?)?,
        user: UserName::from_stored(row.get_ref(1)?.as_str()?),
        note: row.get(2)?,
        expires_at: moment(3)?,
        revoked_at: moment(4)?,
    })
}
