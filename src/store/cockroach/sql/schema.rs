//! Statements about sessions and the schema, beside the migrations.

use super::{INT, Sql, TEXT, statements};

statements! {
    /// What the server is.
    VERSION (): "SELECT version()";

    /// The schema that tables are made in; none where a CockroachDB has let
    /// the session into a database that does not exist.
    CURRENT_SCHEMA (): "SELECT cast(current_schema() AS text)";

    /// The tables of the database, to tell dunder's from others'.
    TABLES ():
        "SELECT cast(table_name AS text) FROM information_schema.tables
         WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
         ORDER BY 1";

    /// An index, once it can be used: one that is still being built is not
    /// listed. `$1` its name.
    INDEX (TEXT):
        "SELECT cast(indexname AS text) FROM pg_indexes
         WHERE schemaname = current_schema() AND indexname = $1";

    /// CockroachDB: how much of an index is built, from 0 to 1. `$1` its name.
    INDEX_PROGRESS (TEXT):
        "SELECT cast(j.fraction_completed AS FLOAT8) FROM [SHOW JOBS] AS j
         WHERE j.job_type IN ('SCHEMA CHANGE', 'NEW SCHEMA CHANGE')
           AND j.status IN ('pending', 'running') AND strpos(j.description, $1) > 0
         ORDER BY j.created DESC LIMIT 1";

    /// Which steps of the migrations were done here, first step first.
    STEPS (): "SELECT step, name FROM dunder_schema ORDER BY step";

    /// Step `$1` named `$2` came to `$3` ("applied" or "skipped") at `$4`.
    RECORD_STEP (INT, TEXT, TEXT, INT):
        "INSERT INTO dunder_schema (step, name, outcome, done_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (step) DO NOTHING";

    /// The one row of the lock, held by nobody at first.
    MAKE_LOCK ():
        "INSERT INTO dunder_lock (name, owner, beat) VALUES ('migrate', '', 0)
         ON CONFLICT (name) DO NOTHING";

    /// Who holds the lock, and that it is alive: the beat rises while it is.
    READ_LOCK (): "SELECT owner, beat FROM dunder_lock WHERE name = 'migrate'";

    /// A write that changes nothing, to see whether the server stores.
    WRITE_CHECK ():
        "UPDATE dunder_lock SET beat = beat WHERE name = 'migrate' AND owner = ''";

    /// The lock goes from `$2` at beat `$3` to `$1`; to oneself it is a sign of
    /// life, to '' a release.
    PASS_LOCK (TEXT, TEXT, INT):
        "UPDATE dunder_lock SET owner = $1, beat = beat + 1
         WHERE name = 'migrate' AND owner = $2 AND beat = $3";
}

/// Begins a transaction; [`COMMIT`] ends it.
pub(in crate::store::cockroach) const BEGIN: &str = "BEGIN";
/// Takes it back.
pub(in crate::store::cockroach) const ROLLBACK: &str = "ROLLBACK";
/// See [`BEGIN`].
pub(in crate::store::cockroach) const COMMIT: &str = "COMMIT";
/// A step of a migration may take longer than any other statement.
pub(in crate::store::cockroach) const NO_TIME_LIMIT: &str = "SET statement_timeout = 0";

/// The tables that migrating itself needs, made before the lock is there.
pub(in crate::store::cockroach) const MAKE_SCHEMA_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS dunder_schema (
    step INT8 NOT NULL,
    name text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('applied', 'skipped')),
    done_at INT8 NOT NULL,
    PRIMARY KEY (step)
)";

/// See [`MAKE_SCHEMA_TABLE`].
pub(in crate::store::cockroach) const MAKE_LOCK_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS dunder_lock (
    name text NOT NULL,
    owner text NOT NULL,
    beat INT8 NOT NULL,
    PRIMARY KEY (name)
)";

/// Makes a database; its name is quoted as an identifier.
pub(in crate::store::cockroach) fn create_database(name: &str) -> String {
    format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_name_cannot_leave_its_quotes() {
        assert_eq!(create_database("a\"b"), "CREATE DATABASE \"a\"\"b\"");
    }
}
