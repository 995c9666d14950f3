//! Statements about slots: who writes where, and what is closed.
//!
//! A slot is free without an owner. It is its owner's once `closer` is the
//! owner too; before, while the owner has yet to find out what is closed, that
//! is `?` and the owner. Whatever else stands there, the owner is a server of
//! a release that closes nothing.

use super::{INT, INTS, Sql, TEXT, TEXTS, statements};

statements! {
    /// All slots, a few rows, and last how often somebody said that it follows.
    SLOTS ():
        "SELECT slot, owner, expires_at, closer, closed, posted FROM slots
         UNION ALL
         SELECT -1, name, beat, '', '', '' FROM followed";

    /// A new slot `$1` for the owner `$2` until `$3`; `$4` is `?` and the owner.
    ADD_SLOT (INT, TEXT, INT, TEXT):
        "INSERT INTO slots (slot, owner, expires_at, closer, closed, posted)
         VALUES ($1, $2, $3, $4, '', '')
         ON CONFLICT (slot) DO NOTHING RETURNING slot";

    /// Slot `$1` for the owner `$2` until `$3`, `$4` is `?` and the owner, as
    /// long as it is still the one that `$5` held until `$6`.
    TAKE_SLOT (INT, TEXT, INT, TEXT, TEXT, INT):
        "UPDATE slots SET owner = $2, expires_at = $3, closer = $4
         WHERE slot = $1 AND owner = $5 AND expires_at = $6 RETURNING slot";

    /// Slot `$1`, once taken by `$2`, starts above the id `$3`; one that comes
    /// late takes nothing back.
    START_SLOT (INT, TEXT, TEXT):
        "UPDATE slots SET closer = owner,
             closed = CASE WHEN closer = owner THEN greatest(closed, $3) ELSE $3 END
         WHERE slot = $1 AND owner = $2 RETURNING slot";

    /// The owner `$2` leaves slot `$1`, and stores nothing more there.
    LEAVE_SLOT (INT, TEXT):
        "UPDATE slots SET owner = '', expires_at = 0
         WHERE slot = $1 AND owner = $2 RETURNING slot";

    /// Slot `$1` is taken from its owner `$2`, if it is as it was when this
    /// one was last heard of: `$3` until when, `$4` what it closed.
    FREE_SLOT (INT, TEXT, INT, TEXT):
        "UPDATE slots SET owner = '', expires_at = 0
         WHERE slot = $1 AND owner = $2 AND expires_at = $3 AND closed = $4 RETURNING slot";

    /// Owners of slots close all up to an id, each in `$1`–`$4`: slot, owner,
    /// until when it is theirs, the id. PostgreSQL reads a small table whole
    /// where it updates a row of it, and then takes each writer for one that
    /// read the rows of all; an upsert reads no other row.
    CLOSE (INTS, TEXTS, INTS, TEXTS):
        "INSERT INTO slots (slot, owner, expires_at, closer, closed, posted)
         SELECT d.slot, d.owner, d.expires_at, d.owner, d.closed, ''
         FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4))
           AS d (slot, owner, expires_at, closed)
         ON CONFLICT (slot)
           DO UPDATE SET expires_at = excluded.expires_at, closed = excluded.closed
           WHERE slots.owner = excluded.owner AND slots.closed <= excluded.closed";

    /// Who has slot `$1`, and the last id stored there.
    SLOT (INT): "SELECT owner, posted FROM slots WHERE slot = $1";

    /// Says that somebody follows, to all who write.
    FOLLOW ():
        "INSERT INTO followed (name, beat) VALUES ('all', 1)
         ON CONFLICT (name) DO UPDATE SET beat = followed.beat + 1";
}
