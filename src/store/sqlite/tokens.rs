//! Tokens, by the hash of their secret.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{rows, sql};
use crate::domain::{SecretHash, Token, TokenId, UserName};

pub(super) fn create(
    connection: &Connection,
    token: &Token,
    hash: SecretHash,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO tokens (id, hash, user_name, note, expires_at, revoked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            token.id.to_bytes(),
            hash.as_bytes(),
            token.user.as_str(),
            token.note,
            token.expires_at.map(|date| date.timestamp_millis()),
            token.revoked_at.map(|date| date.timestamp_millis()),
        ],
    )?;
    Ok(())
}

pub(super) fn by_hash(
    connection: &Connection,
    hash: SecretHash,
) -> rusqlite::Result<Option<Token>> {
    connection
        .prepare_cached(sql::TOKEN)?
        .query_row([hash.as_bytes()], token)
        .optional()
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Token>> {
    let mut statement = connection
        .prepare("SELECT id, user_name, note, expires_at, revoked_at FROM tokens ORDER BY id")?;
    let tokens = statement.query_map([], token)?;
    tokens.collect()
}

/// The first revocation counts.
pub(super) fn revoke(
    connection: &Connection,
    id: TokenId,
    now: DateTime<Utc>,
) -> rusqlite::Result<Option<Token>> {
    connection.execute(
        "UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        params![id.to_bytes(), now.timestamp_millis()],
    )?;
    connection
        .prepare("SELECT id, user_name, note, expires_at, revoked_at FROM tokens WHERE id = ?1")?
        .query_row([id.to_bytes()], token)
        .optional()
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let name: String = row.get(1)?;
    let date = |column: usize| -> rusqlite::Result<Option<DateTime<Utc>>> {
        Ok(row
            .get::<_, Option<i64>>(column)?
            .and_then(DateTime::from_timestamp_millis))
    };
    Ok(Token {
        id: rows::id(row, 0)?,
        user: UserName::from_stored(&name),
        note: row.get(2)?,
        expires_at: date(3)?,
        revoked_at: date(4)?,
    })
}
