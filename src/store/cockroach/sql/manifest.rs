//! Statements about the files of an archive.

use super::{INT, INTS, Sql, TEXT, statements};

statements! {
    /// What tells this database from others, if nothing does yet: `$1`.
    MAKE_IDENTITY (TEXT):
        "INSERT INTO identity (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING";

    /// What was drawn first.
    IDENTITY (): "SELECT id FROM identity WHERE one = 1";

    /// Days `$1` to `$2`, newest first; `$3` at most.
    ARCHIVED_DAYS (INT, INT, INT):
        "SELECT day, name, messages, bytes, first_id, last_id, checksum, removals, cleaned, replaced
         FROM archive_days WHERE day >= $1 AND day <= $2 ORDER BY day DESC LIMIT $3";

    /// Days with a file that may have what was deleted, or one that was
    /// replaced.
    UNFINISHED_DAYS ():
        "SELECT day, name, messages, bytes, first_id, last_id, checksum, removals, cleaned, replaced
         FROM archive_days WHERE removals <> cleaned AND name <> '' OR replaced <> ''
         ORDER BY day DESC";

    /// The row of day `$1`.
    BEGIN_DAY (INT):
        "INSERT INTO archive_days (day) VALUES ($1) ON CONFLICT (day) DO NOTHING";

    /// Day `$1` has file `$4` to `$9`, if it has the one named `$2` and `$3`
    /// removals; a file replaced before must be gone, unless this is the same
    /// file.
    SWAP_DAY (INT, TEXT, INT, TEXT, INT, INT, TEXT, TEXT, TEXT):
        "UPDATE archive_days
         SET replaced = CASE WHEN name = $4 THEN replaced ELSE name END, cleaned = removals,
             name = $4, messages = $5, bytes = $6, first_id = $7, last_id = $8, checksum = $9
         WHERE day = $1 AND name = $2 AND removals = $3 AND (replaced = '' OR name = $4)
         RETURNING day";

    /// The file `$2` that was replaced on day `$1` is gone.
    FORGET_REPLACED (INT, TEXT):
        "UPDATE archive_days SET replaced = '' WHERE day = $1 AND replaced = $2";

    /// So many messages of some days are deleted: days in `$1`, each with its
    /// number in `$2`. A row for a day that has none, so that whoever begins it
    /// meanwhile waits, and sees that.
    COUNT_REMOVALS (INTS, INTS):
        "INSERT INTO archive_days (day, removals)
         SELECT d.day, d.removals FROM ROWS FROM (unnest($1), unnest($2)) AS d (day, removals)
         ON CONFLICT (day) DO UPDATE SET removals = archive_days.removals + excluded.removals";
}
