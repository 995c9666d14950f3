//! Statements about tokens.

use super::{INT, Sql, TEXT, statements};

statements! {
    /// Keeps a token. `$1`–`$6`: id, hash, user, note, expires, revoked. Sent
    /// again it does nothing.
    CREATE_TOKEN (TEXT, TEXT, TEXT, TEXT, INT, INT):
        "INSERT INTO tokens (id, secret_hash, user_name, note, expires_at, revoked_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING";

    /// The token of a hash.
    TOKEN (TEXT):
        "SELECT id, user_name, note, expires_at, revoked_at FROM tokens WHERE secret_hash = $1";

    /// All tokens; few, and read by people only.
    TOKENS ():
        "SELECT id, user_name, note, expires_at, revoked_at FROM tokens ORDER BY id";

    /// Revokes `$1` at `$2`, unless it was revoked before.
    REVOKE_TOKEN (TEXT, INT):
        "UPDATE tokens SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1
         RETURNING id, user_name, note, expires_at, revoked_at";
}
