//! The steps that make a file's schema what this program expects.
//!
//! `user_version` counts the steps taken; `application_id` says whose file it
//! is. All missing steps run in one immediate transaction: two programs that
//! start at once take turns, and a crash leaves all of them or none.

use rusqlite::Connection;

use super::refold::refold;

/// "DUND": marks a file as dunder's, in the 4 bytes SQLite's header has for
/// this.
pub(super) const APPLICATION_ID: i32 = 0x4455_4E44;

/// In order; a step is never changed once it was released.
const STEPS: [&str; 9] = [
    include_str!("../../../migrations/sqlite/0001_messages.sql"),
    include_str!("../../../migrations/sqlite/0002_settled.sql"),
    include_str!("../../../migrations/sqlite/0003_imported.sql"),
    include_str!("../../../migrations/sqlite/0004_folding.sql"),
    include_str!("../../../migrations/sqlite/0005_tombstones.sql"),
    include_str!("../../../migrations/sqlite/0006_history.sql"),
    include_str!("../../../migrations/sqlite/0007_retention.sql"),
    include_str!("../../../migrations/sqlite/0008_archive_days.sql"),
    include_str!("../../../migrations/sqlite/0009_identity.sql"),
];

/// The schema this program knows.
pub(super) const KNOWN: i64 = STEPS.len() as i64;

/// Takes the missing steps. Gives the version found when it is beyond
/// [`KNOWN`]; nothing is changed then.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<Result<(), i64>> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(missing) = usize::try_from(version).ok().and_then(|v| STEPS.get(v..)) else {
        return Ok(Err(version));
    };
    for step in missing {
        transaction.execute_batch(step)?;
    }
    refold(&transaction)?;
    if missing.is_empty() {
        transaction.commit()?;
        return Ok(Ok(()));
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", KNOWN)?;
    transaction.commit()?;
    tracing::info!(from = version, to = KNOWN, "schema migrated");
    Ok(Ok(()))
}

/// An empty store without a file.
#[cfg(test)]
pub(super) fn fresh_in_memory() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection).unwrap().unwrap();
    connection
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_the_steps_again_changes_nothing() {
        let mut connection = fresh_in_memory();
        let changes = connection.total_changes();
        migrate(&mut connection).unwrap().unwrap();
        assert_eq!(connection.total_changes(), changes);
    }

    #[test]
    fn a_version_beyond_the_known_ones_is_left_alone() {
        let mut connection = fresh_in_memory();
        connection
            .pragma_update(None, "user_version", KNOWN + 1)
            .unwrap();
        assert_eq!(migrate(&mut connection).unwrap(), Err(KNOWN + 1));
    }
}
