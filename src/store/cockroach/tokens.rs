//! Tokens in the database: written rarely, looked up by the hash of a secret
//! with every request in token mode.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use crate::domain::{SecretHash, StoreError, Token, TokenId, UserName};

use super::batch;
use super::conn::Params;
use super::pool::Readers;
use super::read::get;
use super::retry::Failure;
use super::sql;

/// Keeps a token.
pub(super) async fn create(
    readers: &Readers,
    token: Token,
    hash: SecretHash,
) -> Result<(), StoreError> {
    let (id, hash) = (token.id.to_string(), hash.to_string());
    let (user, note) = (token.user.as_str(), token.note);
    let expires = token.expires_at.map(|at| at.timestamp_millis());
    let revoked = token.revoked_at.map(|at| at.timestamp_millis());
    let params: Params<'_> = &[&id, &hash, &user, &note, &expires, &revoked];
    readers
        .query("keep a token", &sql::CREATE_TOKEN, params)
        .await?;
    Ok(())
}

/// The token of a secret.
pub(super) async fn find(readers: &Readers, hash: SecretHash) -> Result<Option<Token>, StoreError> {
    let hash = hash.to_string();
    let rows = readers
        .query("look a token up", &sql::TOKEN, &[&hash])
        .await?;
    rows.first().map(token).transpose()
}

/// All tokens.
pub(super) async fn list(readers: &Readers) -> Result<Vec<Token>, StoreError> {
    let rows = readers.query("list tokens", &sql::TOKENS, &[]).await?;
    rows.iter().map(token).collect()
}

/// Revokes a token.
pub(super) async fn revoke(
    readers: &Readers,
    id: TokenId,
    now: DateTime<Utc>,
) -> Result<Option<Token>, StoreError> {
    let (id, now) = (id.to_string(), now.timestamp_millis());
    let rows = readers
        .query("revoke a token", &sql::REVOKE_TOKEN, &[&id, &now])
        .await?;
    rows.first().map(token).transpose()
}

fn token(row: &Row) -> Result<Token, StoreError> {
    let moment = |at: Option<i64>| {
        at.map(|millis| {
            DateTime::from_timestamp_millis(millis)
                .ok_or_else(|| Failure::corrupt("a token's time is out of range"))
        })
        .transpose()
    };
    Ok(Token {
        id: batch::message_id(get(row, 0)?)?,
        user: UserName::from_stored(get(row, 1)?),
        note: get(row, 2)?,
        expires_at: moment(get(row, 3)?)?,
        revoked_at: moment(get(row, 4)?)?,
    })
}
