//! Brings a database up to date: numbered steps, each safe to run twice, each
//! recorded when done. One server migrates while others wait for its lock; a
//! holder that falls silent is replaced.

mod index;
mod lock;
mod regions;
mod steps;

use std::time::{SystemTime, UNIX_EPOCH};

use tokio_postgres::error::SqlState;
use tracing::info;

use self::lock::Lock;
use self::steps::STEPS;

use super::OpenError;
use super::conn::{Conn, Params, column};
use super::connect::{Connector, SharedConnector, Turn};
use super::refold::refold;
use super::retry::{Failure, Kind};
use super::server::Server;
use super::sql;
use crate::store::batch::Backoff;

/// Where connections go while the wanted database does not exist.
const MAINTENANCE: [&str; 2] = ["defaultdb", "postgres"];

/// How many steps were done by one migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Migrated {
    /// Steps that changed the schema.
    pub applied: usize,
    /// Steps that are not for this kind of server.
    pub skipped: usize,
}

/// What a database holds.
enum State {
    Empty,
    /// dunder's, with so many of the steps done.
    Dunders(usize),
}

/// Checks the schema, and with `should_migrate` brings it up to date first.
pub(super) async fn prepare(connector: &SharedConnector) -> Result<Migrated, OpenError> {
    let migrate = connector.options.should_migrate;
    let conn = reach(connector, migrate).await?;
    let done = match state(connector, &conn).await? {
        State::Empty => 0,
        State::Dunders(done) => done,
    };
    if done == STEPS.len() {
        if migrate {
            regions::apply(connector, &conn).await?;
        }
        return Ok(Migrated::default());
    }
    if !migrate {
        let database = connector.options.database.clone();
        return Err(match done {
            0 => OpenError::NoSchema { database },
            _ => OpenError::OldSchema {
                database,
                done,
                known: STEPS.len(),
            },
        });
    }
    conn.batch(sql::NO_TIME_LIMIT).await?;
    let mut backoff = Backoff::new("prepare a migration", connector.options.write_limit);
    for table in [sql::MAKE_SCHEMA_TABLE, sql::MAKE_LOCK_TABLE] {
        ddl(&conn, table, &mut backoff).await?;
    }
    patiently(&mut backoff, || conn.execute(&sql::MAKE_LOCK, &[])).await?;
    let lock = Lock::acquire(connector, &conn).await?;
    let migrated = async {
        let migrated = apply(connector, &conn).await?;
        regions::apply(connector, &conn).await?;
        Ok(migrated)
    };
    let migrated = migrated.await;
    lock.release(&conn).await;
    migrated
}

/// The statements that [`prepare`] would run now; runs none that changes
/// anything.
pub(super) async fn pending(connector: &SharedConnector) -> Result<Vec<String>, OpenError> {
    let name = &connector.options.database;
    let mut statements = Vec::new();
    let conn = match reach(connector, false).await {
        Ok(conn) => Some(conn),
        Err(OpenError::NoDatabase { .. }) => {
            // Any other tells what kind of server it is.
            for maintenance in MAINTENANCE {
                let connected = connector.connect_to(maintenance, &Turn::default()).await;
                if connected.is_ok() {
                    break;
                }
            }
            statements.push(sql::create_database(name));
            None
        }
        Err(error) => return Err(error),
    };
    let done = match &conn {
        Some(conn) => match state(connector, conn).await? {
            State::Empty => 0,
            State::Dunders(done) => done,
        },
        None => 0,
    };
    if done == 0 {
        statements.extend([sql::MAKE_SCHEMA_TABLE, sql::MAKE_LOCK_TABLE].map(str::to_owned));
    }
    let server = connector.server();
    let steps = STEPS[done..].iter().filter(|step| step.is_for(server));
    statements.extend(steps.map(|step| step.text.trim_end().trim_end_matches(';').to_owned()));
    statements.extend(regions::missing(connector, conn.as_ref()).await?);
    Ok(statements)
}

/// A connection to the database, which is made where it is missing and may be.
async fn reach(connector: &SharedConnector, create: bool) -> Result<Conn, OpenError> {
    let mut backoff = Backoff::new("open the database", connector.options.open_patience);
    let (mut was_made, turn) = (false, Turn::default());
    loop {
        match enter(connector, &turn).await {
            Ok(conn) => return Ok(conn),
            Err(failure) if failure.kind == Kind::NoDatabase && !create => {
                let database = connector.options.database.clone();
                return Err(OpenError::NoDatabase { database });
            }
            Err(failure) if failure.kind == Kind::NoDatabase && !was_made => {
                create_database(connector, &mut backoff).await?;
                was_made = true;
            }
            Err(failure) => backoff.wait(failure).await?,
        }
    }
}

/// A connection to the database. CockroachDB lets a session into one that
/// does not exist; such a session has no schema.
async fn enter(connector: &Connector, turn: &Turn) -> Result<Conn, Failure> {
    let conn = connector
        .connect_to(&connector.options.database, turn)
        .await?;
    conn.limit_to(connector.options.write_attempt);
    let rows = conn.query(&sql::CURRENT_SCHEMA, &[]).await?;
    let schema: Option<&str> = match rows.first() {
        Some(row) => column(row, 0)?,
        None => None,
    };
    if schema.is_none() && connector.server() != Server::Postgres {
        return Err(Failure::new(Kind::NoDatabase, "the database is not there"));
    }
    Ok(conn)
}

async fn create_database(connector: &Connector, backoff: &mut Backoff) -> Result<(), OpenError> {
    let name = &connector.options.database;
    let mut failed = Failure::new(Kind::Fatal, "no database to start from");
    for maintenance in MAINTENANCE {
        let created = async {
            let conn = connector.connect_to(maintenance, &Turn::default()).await?;
            conn.limit_to(connector.options.write_limit);
            conn.batch(&sql::create_database(name)).await
        };
        match created.await {
            Ok(()) => {
                info!("made the database {name:?}");
                return Ok(());
            }
            // Another server was faster.
            Err(failure)
                if failure.is_code(&SqlState::DUPLICATE_DATABASE)
                    || failure.is_code(&SqlState::UNIQUE_VIOLATION) =>
            {
                return Ok(());
            }
            // Another server is at it right now: PostgreSQL copies a database
            // that nobody may use meanwhile.
            Err(failure) if failure.is_code(&SqlState::OBJECT_IN_USE) => {
                backoff
                    .wait(Failure::new(Kind::Again, failure.text))
                    .await?;
                return Ok(());
            }
            Err(failure) => failed = failure,
        }
    }
    Err(OpenError::CannotCreate {
        database: name.clone(),
        reason: failed.text,
    })
}

/// What is in the database; refuses what is not dunder's or too new.
async fn state(connector: &Connector, conn: &Conn) -> Result<State, OpenError> {
    let database = || connector.options.database.clone();
    let tables: Vec<String> = conn
        .query(&sql::TABLES, &[])
        .await?
        .iter()
        .map(|row| column(row, 0))
        .collect::<Result<_, _>>()?;
    if !tables.iter().any(|table| table == "dunder_schema") {
        if tables.is_empty() {
            return Ok(State::Empty);
        }
        return Err(OpenError::Foreign {
            database: database(),
            tables: tables.join(", "),
        });
    }
    let rows = conn.query(&sql::STEPS, &[]).await?;
    for (index, row) in rows.iter().enumerate() {
        let number: i64 = column(row, 0)?;
        let name: String = column(row, 1)?;
        let known = STEPS.get(index).map(|step| step.name);
        if number != index as i64 + 1 || known != Some(name.as_str()) {
            return Err(OpenError::Newer {
                database: database(),
                step: name,
                known: STEPS.len(),
            });
        }
    }
    Ok(State::Dunders(rows.len()))
}

/// The steps that are still to do; another server may have done some since.
async fn apply(connector: &Connector, conn: &Conn) -> Result<Migrated, OpenError> {
    let server = connector.server();
    let done = match state(connector, conn).await? {
        State::Empty => 0,
        State::Dunders(done) => done,
    };
    let mut migrated = Migrated::default();
    for (index, step) in STEPS.iter().enumerate().skip(done) {
        let mut backoff = Backoff::new("migrate", connector.options.write_limit);
        // The server may take long over all that is stored.
        let options = &connector.options;
        conn.limit_to(options.index_patience.max(options.write_attempt));
        let outcome = if step.is_for(server) {
            ddl(conn, step.text, &mut backoff).await?;
            if let Some(index) = step.index() {
                index::built(connector, conn, index, step.text).await?;
            }
            if step.folds() {
                let limit = connector.options.write_limit;
                refold(conn, || Backoff::new("fold hashtags again", limit)).await?;
            }
            migrated.applied += 1;
            "applied"
        } else {
            migrated.skipped += 1;
            "skipped"
        };
        conn.limit_to(connector.options.write_attempt);
        let (number, at) = (index as i64 + 1, unix_millis());
        patiently(&mut backoff, || async {
            let params: Params<'_> = &[&number, &step.name, &outcome, &at];
            conn.execute(&sql::RECORD_STEP, params).await
        })
        .await?;
        info!(step = step.name, outcome, "migrated");
    }
    Ok(migrated)
}

/// Runs a statement that makes something if it is not there. Two sessions
/// that make it at once are not atomic in PostgreSQL: the later one fails,
/// and succeeds when it looks again.
async fn ddl(conn: &Conn, text: &str, backoff: &mut Backoff) -> Result<(), Failure> {
    patiently(backoff, || async {
        conn.batch(text).await.map_err(|failure| {
            let raced = failure.is_code(&SqlState::UNIQUE_VIOLATION)
                || failure.is_code(&SqlState::DUPLICATE_TABLE)
                || failure.is_code(&SqlState::DUPLICATE_OBJECT);
            match raced {
                true => Failure::new(Kind::Again, failure.text),
                false => failure,
            }
        })
    })
    .await
}

/// Tries again on the same connection. A lost one ends the migration: the
/// next start goes on where this one stopped.
async fn patiently<T, W>(backoff: &mut Backoff, mut work: impl FnMut() -> W) -> Result<T, Failure>
where
    W: Future<Output = Result<T, Failure>>,
{
    loop {
        match work().await {
            Ok(done) => return Ok(done),
            Err(failure) if failure.kind == Kind::Lost => return Err(failure),
            Err(failure) => backoff.wait(failure).await?,
        }
    }
}

/// A name that no other process has.
pub(super) fn random_name() -> String {
    let mut bytes = [0; 16];
    // Without randomness the process and the time still tell owners apart.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..8].copy_from_slice(&unix_millis().to_be_bytes());
        bytes[8..12].copy_from_slice(&std::process::id().to_be_bytes());
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The wall clock, in Unix milliseconds.
pub(super) fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
