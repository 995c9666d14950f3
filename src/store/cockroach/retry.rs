//! What went wrong between dunder and the database, told by the type of the
//! error and by its SQLSTATE, and whether trying again can help.

use std::error::Error as _;
use std::time::Duration;

use super::server::Server;
use crate::domain::StoreError;
use crate::metrics::{Counter, Page};
use crate::store::batch::Retryable;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::WrongType;

/// What a failure means for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lost against a concurrent transaction: the same again will do.
    Again,
    /// The connection is gone or unfit; what was sent may have been done.
    Lost,
    /// The database does not take connections or work now.
    Away,
    /// The server does not store: a standby, or one that was told so. Another
    /// host may be the one that does.
    ReadOnly,
    /// A prepared statement no longer fits the schema or the session.
    Stale,
    /// The database to connect to does not exist.
    NoDatabase,
    /// What was read is not what dunder writes.
    Corrupt,
    /// Trying again cannot help.
    Fatal,
}

/// Work that was tried again, by why.
#[derive(Debug, Default)]
pub(super) struct Retries {
    conflicts: Counter,
    lost: Counter,
    away: Counter,
    read_only: Counter,
    stale: Counter,
}

impl Retries {
    pub(super) fn count(&self, kind: Kind) {
        let count = match kind {
            Kind::Again => &self.conflicts,
            Kind::Lost => &self.lost,
            Kind::Away | Kind::NoDatabase => &self.away,
            Kind::ReadOnly => &self.read_only,
            Kind::Stale => &self.stale,
            // They are not tried again.
            Kind::Corrupt | Kind::Fatal => return,
        };
        count.increment();
    }

    pub(super) fn measure(&self, page: &mut Page) {
        for (kind, count) in [
            ("conflict", &self.conflicts),
            ("connection_lost", &self.lost),
            ("database_away", &self.away),
            ("read_only", &self.read_only),
            ("stale_statement", &self.stale),
        ] {
            page.counter(
                "dunder_store_retries_total",
                "Reads and batches tried again, by why.",
                &[("kind", kind)],
                count.count(),
            );
        }
    }
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

    /// What a server that only reads would say to a post.
    pub(super) fn read_only() -> Failure {
        Failure {
            kind: Kind::ReadOnly,
            text: "every host that answers is read-only".to_owned(),
            code: Some(SqlState::READ_ONLY_SQL_TRANSACTION),
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
            Some("25") => "the database is read-only",
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
        // A value that does not fit a parameter is a defect. Everything else
        // that is not the server's answer broke on the way.
        let kind = match error.source() {
            Some(cause) if cause.is::<WrongType>() => Kind::Fatal,
            _ => Kind::Lost,
        };
        Failure::new(kind, text)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> StoreError {
        let text = failure.text;
        match failure.kind {
            Kind::Again => StoreError::Conflict(text),
            Kind::Lost | Kind::Away | Kind::ReadOnly | Kind::NoDatabase => {
                StoreError::Unavailable(text)
            }
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
        // Shut down, crashed, dropped or idle too long, cancelled by the
        // server's time limit, login while it is stopping.
        "57P01" | "57P02" | "57P05" | "57014" | "58000" | "58030" => Kind::Lost,
        "25006" => Kind::ReadOnly,
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

const MAX_STALE: u32 = 3;
/// How long another host is looked for when one only reads.
const READ_ONLY: Duration = Duration::from_secs(3);

impl Retryable for Failure {
    fn can_help(&self, attempts: u32, elapsed: Duration) -> bool {
        match self.kind {
            Kind::Again | Kind::Lost | Kind::Away | Kind::NoDatabase => true,
            // Each host once, and in time for those who wait.
            Kind::ReadOnly => elapsed < READ_ONLY,
            // Preparing anew helps at once or never.
            Kind::Stale => attempts <= MAX_STALE,
            Kind::Corrupt | Kind::Fatal => false,
        }
    }

    fn text(&self) -> &str {
        &self.text
    }
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
            ("25006", Kind::ReadOnly),
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
}
