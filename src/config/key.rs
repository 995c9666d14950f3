//! What a setting is.

/// How a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One value.
    Text,
    /// `true` or `false`; a flag without a value means `true`.
    Bool,
    /// One or several values: a YAML list, a repeated flag, or commas.
    List,
    /// Names with values: a YAML mapping, a repeated flag `NAME=VALUE`, or
    /// commas.
    Map,
    /// One value that no log, error or listing may show.
    Secret,
}

/// What applies when a setting is not written anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// This value, read like one that was written.
    Value(&'static str),
    /// Depends on something else; the words say on what.
    Depends(&'static str),
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The name: the flag is `--NAME`, the place in the file `NAME` with a
    /// section before the dot.
    pub name: &'static str,
    /// What stands for the value in the help.
    pub value: &'static str,
    /// What applies when nothing is written.
    pub default: Fallback,
    /// What it does, in a sentence without a full stop.
    pub help: &'static str,
    /// How it is written.
    pub kind: Kind,
    /// Whether the file can hold it: all but the file's own name.
    pub in_file: bool,
}

impl Key {
    /// The environment variable: `DUNDER_COCKROACH_HOST`.
    pub fn variable(&self) -> String {
        format!("DUNDER_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Whether commands that only open the store take it too.
    pub fn is_for_store(&self) -> bool {
        let section = self.section();
        matches!(section, Some("sqlite" | "cockroach" | "archive")) || !self.in_file
    }

    /// Whether the command that evicts messages takes it.
    pub fn is_for_retention(&self) -> bool {
        self.is_for_store() || self.section() == Some("retention")
    }

    /// The part before the dot.
    pub fn section(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(section, _)| section)
    }

    /// Whether setting it says that messages live in CockroachDB.
    pub fn is_connection(&self) -> bool {
        self.section() == Some("cockroach")
            && !matches!(
                self.name,
                "cockroach.should_migrate"
                    | "cockroach.debug"
                    | "cockroach.follower_reads"
                    | "cockroach.regions"
                    | "cockroach.survive"
                    | "cockroach.region"
            )
    }
}
