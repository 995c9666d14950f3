//! How long a read may run, and for whom: a connection that ends a statement
//! once its time is up, its client has left, or the writer cannot wait for it.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use crate::domain::StoreError;
use crate::store::sqlite::guard::gate::Gate;
use crate::store::sqlite::sql::Sql;
use crate::store::sqlite::store_error;

/// Steps of SQLite's machine between two looks at the clock: some dozens of
/// microseconds.
const STEPS: i32 = 1_000;

/// The longest a read may wait for a reader, and run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Until it is begun.
    pub(crate) wait: Duration,
    /// From then on.
    pub(crate) run: Duration,
}

/// Until when a read may run.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// When its time is up.
    pub(crate) deadline: Instant,
    /// Lives as long as somebody waits for the answer; `None` where the one
    /// who asks runs the read itself.
    pub(crate) client: Option<Weak<()>>,
}

/// A connection that only reads.
pub(crate) struct Reader {
    connection: Connection,
    watch: Arc<Watch>,
}

/// What the read that is running keeps to.
struct Watch {
    terms: Mutex<Option<Terms>>,
    gate: Arc<Gate>,
}

impl Terms {
    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        let client = self.client.as_ref();
        client.is_some_and(|client| client.strong_count() == 0)
    }
}

impl Watch {
    /// Why the read has to end, if it has to.
    fn verdict(&self) -> Option<&'static str> {
        let terms = self.terms.lock().unwrap_or_else(PoisonError::into_inner);
        let terms = terms.as_ref()?;
        if terms.is_abandoned() {
            Some("nobody waits for it any more")
        } else if Instant::now() >= terms.deadline {
            Some("its time was up")
        } else if self.gate.is_cleared() {
            Some("the store's log had to be emptied")
        } else {
            None
        }
    }

    fn set(&self, terms: Option<Terms>) {
        *self.terms.lock().unwrap_or_else(PoisonError::into_inner) = terms;
    }
}

impl Reader {
    /// Watches over a connection.
    pub(crate) fn new(mut connection: Connection, gate: Arc<Gate>) -> rusqlite::Result<Reader> {
        let terms = Mutex::default();
        let watch = Arc::new(Watch { terms, gate });
        let ends = Arc::clone(&watch);
        connection.progress_handler(STEPS, Some(move || ends.verdict().is_some()))?;
        Ok(Reader { connection, watch })
    }

    /// The connection, for a statement that takes no time.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs a read, as long as its terms allow.
    pub(crate) fn run<T>(
        &self,
        terms: Terms,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Stopped> {
        self.watch.set(Some(terms));
        let done = job(&self.connection);
        let verdict = done.as_ref().err().and_then(|error| {
            let interrupted = error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted);
            interrupted.then(|| self.watch.verdict())?
        });
        self.watch.set(None);
        // What ended the read may have ended its commit, too.
        if done.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch(Sql::Rollback.text());
        }
        done.map_err(|error| match verdict {
            Some(why) => Stopped::Ended(why),
            None => Stopped::Failed(error),
        })
    }
}

/// Why a read has no answer.
pub(crate) enum Stopped {
    /// It was ended before its end.
    Ended(&'static str),
    /// The store.
    Failed(rusqlite::Error),
}

impl From<Stopped> for StoreError {
    fn from(stopped: Stopped) -> StoreError {
        match stopped {
            Stopped::Ended(why) => StoreError::TooSlow(format!("a read was ended: {why}")),
            Stopped::Failed(error) => store_error(error),
        }
    }
}
