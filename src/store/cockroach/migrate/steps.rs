//! The steps of the schema: what each is for, and its text.

use super::super::server::Server;

/// Where a step applies.
#[derive(Clone, Copy)]
enum Only {
    Everywhere,
    /// CockroachDB of at least this release.
    CockroachFrom(u32, u32),
    Cockroach,
    Postgres,
}

impl Only {
    fn is_for(self, server: Server) -> bool {
        match self {
            Only::Everywhere => true,
            Only::CockroachFrom(major, minor) => server.is_cockroach_from(major, minor),
            Only::Cockroach => server != Server::Postgres,
            Only::Postgres => server == Server::Postgres,
        }
    }
}

pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    only: Only,
}

impl Step {
    /// Whether a kind of server needs it.
    pub(super) fn is_for(&self, server: Server) -> bool {
        self.only.is_for(server)
    }

    /// Whether the program folds the names of hashtags again with it.
    pub(super) fn folds(&self) -> bool {
        self.name == "0019_folding"
    }

    /// The index that it makes, if it makes one.
    pub(super) fn index(&self) -> Option<&'static str> {
        let (_, rest) = self.text.split_once("INDEX IF NOT EXISTS ")?;
        rest.split_whitespace().next()
    }
}

macro_rules! step {
    ($only:expr, $name:literal) => {
        Step {
            name: $name,
            text: include_str!(concat!("../../../../migrations/cockroach/", $name, ".sql")),
            only: $only,
        }
    };
}

/// In order; a step's number is its place, from 1. Never change a step that
/// was released: add one.
pub(super) static STEPS: &[Step] = &[
    step!(Only::Everywhere, "0001_users"),
    step!(Only::CockroachFrom(22, 2), "0002_messages_spread"),
    step!(Only::Everywhere, "0003_messages"),
    step!(Only::Everywhere, "0004_messages_by_user"),
    step!(Only::Everywhere, "0005_message_hashtags"),
    step!(Only::Everywhere, "0006_idempotency_keys"),
    step!(Only::Everywhere, "0007_counters"),
    step!(Only::Everywhere, "0008_counters_by_bucket"),
    step!(Only::Everywhere, "0009_slots"),
    step!(Only::Everywhere, "0010_tokens"),
    step!(Only::Everywhere, "0011_tokens_by_hash"),
    step!(Only::Postgres, "0012_users_bytewise"),
    step!(Only::Postgres, "0013_messages_bytewise"),
    step!(Only::Postgres, "0014_message_hashtags_bytewise"),
    step!(Only::Postgres, "0015_idempotency_keys_bytewise"),
    step!(Only::Postgres, "0016_counters_bytewise"),
    step!(Only::Cockroach, "0017_counters_by_bucket_stored"),
    step!(Only::Cockroach, "0018_counters_by_bucket_dropped"),
    step!(Only::Everywhere, "0019_folding"),
    step!(Only::Everywhere, "0020_slots_close"),
    step!(Only::Postgres, "0021_slots_bytewise"),
    step!(Only::Everywhere, "0022_followed"),
    step!(Only::Everywhere, "0023_tombstones"),
    step!(Only::Everywhere, "0024_tombstones_by_position"),
    step!(Only::Postgres, "0025_tombstones_bytewise"),
    step!(Only::Postgres, "0026_counters_below_zero"),
    step!(Only::Cockroach, "0027_counters_below_zero_cockroach"),
    step!(Only::Everywhere, "0028_retention"),
    step!(Only::Postgres, "0029_retention_bytewise"),
    step!(Only::Everywhere, "0030_leases"),
    step!(Only::Everywhere, "0031_archive_days"),
    step!(Only::Everywhere, "0032_imported"),
    step!(Only::Postgres, "0033_imported_bytewise"),
    step!(Only::Everywhere, "0034_identity"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The statement of a step, without its comments.
    fn statement(step: &Step) -> String {
        let is_said = |line: &&str| !line.trim_start().starts_with("--");
        step.text
            .lines()
            .filter(is_said)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn every_step_is_one_statement_that_may_run_twice() {
        for step in STEPS {
            let text = statement(step);
            assert_eq!(text.matches(';').count(), 1, "{}", step.name);
            assert!(text.trim_end().ends_with(';'), "{}", step.name);
            let is_repeatable = text.contains("IF NOT EXISTS")
                || text.contains("IF EXISTS")
                || text.starts_with("ALTER TABLE") && text.contains(" TYPE ")
                || step.folds() && text.trim() == "SELECT 1;";
            assert!(is_repeatable, "{}", step.name);
        }
    }

    #[test]
    fn steps_for_every_server_ask_for_what_every_server_has() {
        let banned = [
            "STORING",
            "INCLUDE",
            " INT,",
            " INT ",
            "INT4",
            "INTEGER",
            "SERIAL",
            "GENERATED",
            "ENUM",
            "DEFAULT nextval",
            "HASH",
            "jsonb",
            "timestamp",
            " WHERE ",
            "VARCHAR",
        ];
        let everywhere = STEPS
            .iter()
            .filter(|step| matches!(step.only, Only::Everywhere));
        for step in everywhere {
            let text = statement(step);
            let found = banned.iter().find(|word| text.contains(**word));
            assert!(found.is_none(), "{}: {found:?}", step.name);
        }
    }

    #[test]
    fn the_index_that_a_step_makes_is_known() {
        let made: Vec<&str> = STEPS.iter().filter_map(Step::index).collect();
        let expected = [
            "messages_by_user",
            "counters_by_bucket",
            "tokens_by_hash",
            "counters_by_bucket_stored",
            "tombstones_by_position",
        ];
        assert_eq!(made, expected);
    }
}
