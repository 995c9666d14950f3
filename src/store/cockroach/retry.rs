//! What went wrong between dunder and the database, whether trying again can
//! help, and how long to wait before it. Retries are bounded by time, spread
//! by jitter, and logged.

use std::error::Error as _;
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;
use tracing::warn;

use super::server::Server;
use crate::domain::StoreError;

/// What a failure means for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lost against a concurrent transaction: the same again will do.
    Again,
    /// The connection is gone or unfit; what was sent may have been done.
    Lost,
    /// The database does not take connections or work now.
    Away,
    /// A prepared statement no longer fits the schema or the session.
    Stale,
    /// The database to connect to does not exist.
    NoDatabase,
    /// What was read is not what dunder writes.
    Corrupt,
    /// Trying again cannot help.
    Fatal,
}

/// A failed attempt, with a text for the log that holds no parameters.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) code: Option<SqlState>,
}

impl Failure {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Failure {
        Failure {
            kind,
            text: text.into(),
            code: None,
        }
    }

    pub(super) fn corrupt(text: impl Into<String>) -> Failure {
        Failure::new(Kind::Corrupt, text)
    }

    /// An attempt that took longer than it may.
    pub(super) fn stalled(limit: Duration) -> Failure {
        Failure::new(Kind::Lost, format!("no answer within {limit:?}"))
    }

    /// The same, knowing what the server is, if it is known yet. An old
    /// CockroachDB has XX000 for every error without a code, such as all that
    /// a node says of another one that it lost; its own defects begin so.
    pub(super) fn said_by(self, server: Option<Server>) -> Failure {
        let is_uncoded = self.is_code(&SqlState::INTERNAL_ERROR)
            && server != Some(Server::Postgres)
            && !self.text.starts_with("internal error");
        match is_uncoded {
            true => Failure {
                kind: Kind::Lost,
                ..self
            },
            false => self,
        }
    }

    pub(super) fn is_code(&self, code: &SqlState) -> bool {
        self.code.as_ref() == Some(code)
    }
}

impl Failure {
    /// What anybody may know of it.
    pub(super) fn public_reason(&self) -> &'static str {
        match self.code.as_ref().map(|code| &code.code()[..2]) {
            Some("28") => "the database refuses the login",
            Some("53") => "the database is out of connections, memory or disk",
            Some("3D") => "the database is not there",
            Some(_) => "the database takes no work",
            None => "the database does not answer",
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Failure {
        if let Some(db) = error.as_db_error() {
            // The detail line would quote values; code and message do not.
            return Failure {
                kind: kind_of(db.code()),
                text: format!("{} (SQLSTATE {})", db.message(), db.code().code()),
                code: Some(db.code().clone()),
            };
        }
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        if text.contains("password missing") {
            let asks = "it asks for a password; set DUNDER_COCKROACH_PASSWORD, or name a file with cockroach.password_file";
            return Failure::new(Kind::Fatal, asks);
        }
        // Everything that is not the server's answer broke on the way, except
        // settings that cannot be meant and values that do not convert.
        let kind = if text.starts_with("invalid configuration") {
            Kind::Fatal
        } else if text.contains("serializ") || text.contains("column") {
            Kind::Corrupt
        } else {
            Kind::Lost
        };
        Failure::new(kind, text)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> StoreError {
        let text = failure.text;
        match failure.kind {
            Kind::Again => StoreError::Conflict(text),
            Kind::Lost | Kind::Away | Kind::NoDatabase => StoreError::Unavailable(text),
            Kind::Corrupt => StoreError::Corrupt(text),
            Kind::Stale | Kind::Fatal => StoreError::Unexpected(text),
        }
    }
}

fn kind_of(code: &SqlState) -> Kind {
    match code.code() {
        // Serialization failure, deadlock, a transaction that CockroachDB
        // could not keep, a lock that was not to be had.
        "40001" | "40P01" | "CR000" | "55P03" => Kind::Again,
        // The commit may or may not have happened.
        "40003" => Kind::Lost,
        // Shut down, crashed, dropped or idle too long, read-only standby,
        // cancelled by the server's time limit, login while it is stopping.
        "57P01" | "57P02" | "57P05" | "25006" | "57014" | "58000" | "58030" => Kind::Lost,
        // CockroachDB: a range without a quorum (by its newer and its older
        // name), a node that lost another one, and what has no category, such
        // as most of what a dying node says.
        "58C00" | "XXC00" | "58C01" | "XXUUU" => Kind::Lost,
        "57P03" => Kind::Away,
        // A plan that changed its result type; prepared elsewhere (a proxy).
        "0A000" | "26000" | "08P01" => Kind::Stale,
        "3D000" => Kind::NoDatabase,
        other => match &other[..2] {
            "08" => Kind::Lost,
            // Too many connections, out of memory or disk.
            "53" => Kind::Away,
            _ => Kind::Fatal,
        },
    }
}

/// The waits between attempts of one piece of work.
pub(super) struct Backoff {
    what: &'static str,
    started: Instant,
    limit: Duration,
    attempts: u32,
}

/// The first wait; doubled each time, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);
const MAX_STALE: u32 = 3;

impl Backoff {
    pub(super) fn new(what: &'static str, limit: Duration) -> Backoff {
        Backoff {
            what,
            started: Instant::now(),
            limit,
            attempts: 0,
        }
    }

    /// What is left of the limit, for the next attempt.
    pub(super) fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// Gives the failure back when trying again cannot help or the time is
    /// used up.
    pub(super) async fn wait(&mut self, failure: Failure) -> Result<(), Failure> {
        self.attempts += 1;
        let helps = match failure.kind {
            Kind::Again | Kind::Lost | Kind::Away | Kind::NoDatabase => true,
            // Preparing anew helps at once or never.
            Kind::Stale => self.attempts <= MAX_STALE,
            Kind::Corrupt | Kind::Fatal => false,
        };
        let pause = jitter(FIRST * 2u32.pow(self.attempts.min(8) - 1)).min(LONGEST);
        let elapsed = self.started.elapsed();
        if !helps || elapsed + pause >= self.limit {
            warn!(
                what = self.what,
                attempts = self.attempts,
                ?elapsed,
                "given up: {}",
                failure.text
            );
            return Err(failure);
        }
        warn!(
            what = self.what,
            attempt = self.attempts,
            ?pause,
            "trying again: {}",
            failure.text
        );
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// Half to all of a duration, at random: many waiters do not wake as one.
pub(super) fn jitter(of: Duration) -> Duration {
    // Without randomness the wait is merely not spread.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    of / 2 + (of / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_that_a_retry_can_mend_is_retried() {
        for (code, kind) in [
            ("40001", Kind::Again),
            ("40003", Kind::Lost),
            ("08006", Kind::Lost),
            ("57P01", Kind::Lost),
            ("58C00", Kind::Lost),
            ("58C01", Kind::Lost),
            ("XXUUU", Kind::Lost),
            ("57P03", Kind::Away),
            ("53300", Kind::Away),
            ("0A000", Kind::Stale),
            ("23505", Kind::Fatal),
            ("42601", Kind::Fatal),
            ("28P01", Kind::Fatal),
            ("XX000", Kind::Fatal),
        ] {
            assert_eq!(kind_of(&SqlState::from_code(code)), kind, "{code}");
        }
    }

    #[test]
    fn an_error_without_a_code_is_a_lost_connection_on_cockroachdb() {
        let said = |text: &str, server| {
            let failure = Failure {
                kind: kind_of(&SqlState::INTERNAL_ERROR),
                text: format!("{text} (SQLSTATE XX000)"),
                code: Some(SqlState::INTERNAL_ERROR),
            };
            failure.said_by(server).kind
        };
        let cockroach = Some(Server::Cockroach(19, 1));
        for text in [
            "lease-insert: context canceled",
            "rpc error: code = Unavailable desc = transport is closing",
            "failed to grpc dial n2 at 10.0.0.2:26257",
        ] {
            assert_eq!(said(text, cockroach), Kind::Lost, "{text}");
            assert_eq!(said(text, None), Kind::Lost, "{text}");
            assert_eq!(said(text, Some(Server::Postgres)), Kind::Fatal, "{text}");
        }
        assert_eq!(said("internal error: nil plan", cockroach), Kind::Fatal);
        let other = Failure::new(Kind::Corrupt, "x").said_by(cockroach);
        assert_eq!(other.kind, Kind::Corrupt);
    }

    #[tokio::test]
    async fn retries_stop_at_the_limit_and_at_once_when_they_cannot_help() {
        let mut spent = Backoff::new("test", Duration::ZERO);
        assert!(spent.wait(Failure::new(Kind::Again, "x")).await.is_err());
        let mut fresh = Backoff::new("test", Duration::from_secs(3600));
        assert!(fresh.wait(Failure::new(Kind::Fatal, "x")).await.is_err());
        assert!(fresh.wait(Failure::new(Kind::Again, "x")).await.is_ok());
    }
}
