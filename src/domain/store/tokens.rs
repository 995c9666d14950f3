//! The tokens of `auth.mode: token`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::{SecretHash, Token, TokenId};

/// Knows tokens.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Keeps a new token under the hash of its secret.
    async fn create_token(&self, token: Token, hash: SecretHash) -> Result<(), StoreError>;

    /// The token of a secret, valid or not.
    async fn token(&self, hash: SecretHash) -> Result<Option<Token>, StoreError>;

    /// All tokens, oldest first.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;

    /// Revokes a token; `None` when there is no such token, else the token as
    /// it is now. Revoking twice keeps the first time.
    async fn revoke_token(
        &self,
        id: TokenId,
        now: DateTime<Utc>,
    ) -> Result<Option<Token>, StoreError>;
}
