//! Statements about tokens and slots.

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

    /// All slots of the counters; a few rows.
    SLOTS ():
        "SELECT slot, owner, expires_at FROM slots ORDER BY slot";

    /// A new slot `$1` for the owner `$2` until `$3`.
    ADD_SLOT (INT, TEXT, INT):
        "INSERT INTO slots (slot, owner, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (slot) DO NOTHING RETURNING slot";

    /// Slot `$1` for the owner `$2` until `$3`, as long as it is still the one
    /// that `$4` held until `$5`.
    TAKE_SLOT (INT, TEXT, INT, TEXT, INT):
        "UPDATE slots SET owner = $2, expires_at = $3
         WHERE slot = $1 AND owner = $4 AND expires_at = $5 RETURNING slot";

    /// Slot `$1` stays with the owner `$2` until `$3`.
    RENEW_SLOT (INT, TEXT, INT):
        "UPDATE slots SET expires_at = $3 WHERE slot = $1 AND owner = $2 RETURNING slot";
}
