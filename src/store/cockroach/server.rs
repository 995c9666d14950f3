//! What is at the other end, and what it can do beyond the common ground.

use std::fmt;

/// The database, by the text of its `version()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    /// CockroachDB of a release such as (22, 2).
    Cockroach(u32, u32),
    /// PostgreSQL.
    Postgres,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Server::Cockroach(major, minor) => write!(f, "CockroachDB {major}.{minor}"),
            Server::Postgres => f.write_str("PostgreSQL"),
        }
    }
}

impl Server {
    /// Reads `CockroachDB CCL v22.2.0 (…)`; whatever is not CockroachDB is
    /// taken for PostgreSQL. A release that cannot be read counts as the
    /// oldest: it is used without additions.
    pub(super) fn parse(version: &str) -> Server {
        if !version.contains("CockroachDB") {
            return Server::Postgres;
        }
        let release = version
            .split_whitespace()
            .find_map(|word| word.strip_prefix('v'))
            .unwrap_or_default();
        let mut numbers = release.split(['.', '-']).map(|part| part.parse().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(major), Some(minor)) => Server::Cockroach(major, minor),
            _ => Server::Cockroach(0, 0),
        }
    }

    /// Whether it is CockroachDB of at least this release.
    pub(super) fn is_cockroach_from(self, major: u32, minor: u32) -> bool {
        match self {
            Server::Cockroach(a, b) => (a, b) >= (major, minor),
            Server::Postgres => false,
        }
    }

    /// What every session starts with. CockroachDB before 23.1 knows no other
    /// isolation than SERIALIZABLE. PostgreSQL is kept from planning for
    /// arrays of unknown length: a plan for ten rows is ruinous for thousands;
    /// and it is told that looking rows up is no dearer than reading along, or
    /// it reads whole tables for a page.
    /// A statement that dunder no longer waits for ends by itself.
    pub(super) fn session(self) -> &'static str {
        match self {
            // Compiling a statement, or starting workers for it, takes longer
            // than any of dunder's runs.
            Server::Postgres => {
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE; \
                 SET plan_cache_mode = force_custom_plan; \
                 SET random_page_cost = 1.1; \
                 SET jit = off; \
                 SET max_parallel_workers_per_gather = 0; \
                 SET statement_timeout = 60000"
            }
            Server::Cockroach(..) if self.is_cockroach_from(23, 1) => {
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE; \
                 SET statement_timeout = 60000"
            }
            Server::Cockroach(..) => "SET statement_timeout = 60000",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cockroachdb_is_told_from_postgresql_by_its_version() {
        for (text, server) in [
            (
                "CockroachDB CCL v19.1.0 (x86_64-unknown-linux-gnu, built 2019/04/29 18:36:40, go1.11.6)",
                Server::Cockroach(19, 1),
            ),
            (
                "CockroachDB OSS v22.2.0-beta.1 (x)",
                Server::Cockroach(22, 2),
            ),
            ("CockroachDB CCL v25.3.1 (x)", Server::Cockroach(25, 3)),
            ("CockroachDB custom build", Server::Cockroach(0, 0)),
            (
                "PostgreSQL 15.18 (Debian 15.18-0+deb12u1)",
                Server::Postgres,
            ),
        ] {
            assert_eq!(Server::parse(text), server, "{text}");
        }
        assert!(Server::Cockroach(22, 2).is_cockroach_from(22, 2));
        assert!(!Server::Cockroach(22, 1).is_cockroach_from(22, 2));
        assert!(!Server::Postgres.is_cockroach_from(0, 0));
    }
}
