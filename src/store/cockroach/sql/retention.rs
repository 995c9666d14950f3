//! Statements that evict messages, and about who does it.

use super::{INT, Sql, TEXT, TEXTS, statements};

statements! {
    /// After id `$1` and before `$2`, oldest first; `$3` at most.
    DUE_OF_ALL (TEXT, TEXT, INT):
        "SELECT id FROM messages WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3";

    /// The same of hashtag `$4`.
    DUE_OF_HASHTAG (TEXT, TEXT, INT, TEXT):
        "SELECT message_id FROM message_hashtags
         WHERE hashtag = $4 AND message_id > $1 AND message_id < $2
         ORDER BY message_id LIMIT $3";

    /// Of the messages under some ids that are there: where they are listed,
    /// and their keys.
    PLACES_BY_ID (TEXTS):
        "SELECT m.id, m.user_name, m.hashtags, m.idempotency_key
         FROM ROWS FROM (unnest($1)) AS d (id)
         JOIN messages AS m ON m.id = d.id";

    /// Rule `$1` evicted messages from `$2` to `$3`.
    NOTE_BOUNDARY (TEXT, TEXT, TEXT):
        "INSERT INTO retention (rule, first_id, last_id) VALUES ($1, $2, $3)
         ON CONFLICT (rule) DO UPDATE SET
           first_id = least(retention.first_id, excluded.first_id),
           last_id = greatest(retention.last_id, excluded.last_id)";

    /// A few rows.
    BOUNDARIES (): "SELECT rule, first_id, last_id FROM retention ORDER BY rule";

    /// The row of work `$1`, nobody's at first.
    MAKE_LEASE (TEXT):
        "INSERT INTO leases (work, owner, expires_at) VALUES ($1, '', 0)
         ON CONFLICT (work) DO NOTHING";

    /// Work `$1` is done by `$2` until `$3`, if it is nobody else's at `$4`.
    TAKE_LEASE (TEXT, TEXT, INT, INT):
        "UPDATE leases SET owner = $2, expires_at = $3
         WHERE work = $1 AND (owner = $2 OR expires_at BETWEEN 0 AND $4) RETURNING work";

    /// `$2` leaves work `$1`.
    LEAVE_LEASE (TEXT, TEXT):
        "UPDATE leases SET owner = '', expires_at = 0 WHERE work = $1 AND owner = $2";
}
