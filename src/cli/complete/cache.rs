//! What the server answered a moment ago, in a file of the user's cache
//! directory that only they can read.
//!
//! A file belongs to one server and one token; whatever is wrong with it, it
//! is as if there were none.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cli::account::Access;
use crate::cli::complete::line::Kind;
use crate::cli::private;

/// How long an answer is as good as a new one.
const FRESH: Duration = Duration::from_secs(30);
/// How long an answer is better than none.
const USABLE: Duration = Duration::from_secs(24 * 3_600);
/// How long one process that asks keeps others from asking too.
const TURN: Duration = Duration::from_secs(6);
/// A larger file is not one of ours.
const MAX_FILE: u64 = 1 << 20;
/// Prefixes that are kept.
const MAX_ANSWERS: usize = 40;

/// A name and what is said beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name {
    /// As it is typed.
    pub name: String,
    /// What is said beside it: how many messages a hashtag has.
    pub about: Option<String>,
}

/// The names that start so, and when the server said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    #[serde(with = "crate::api::time::millis")]
    at: DateTime<Utc>,
    names: Vec<Name>,
}

/// What is known of one kind of one server.
pub(crate) struct Cache {
    path: PathBuf,
    answers: BTreeMap<String, Answer>,
}

impl Cache {
    /// The cache of a server; empty when there is none or no place for it.
    pub fn of(access: &Access, kind: Kind) -> Option<Cache> {
        let directory = dirs::cache_dir()?.join("dunder");
        Some(Cache::in_directory(&directory, access, kind))
    }

    fn in_directory(directory: &Path, access: &Access, kind: Kind) -> Cache {
        let mut hash = Sha256::new();
        hash.update(access.server.to_string());
        hash.update([0]);
        hash.update(access.token.as_deref().unwrap_or_default());
        let hash: String = hash
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let kind = match kind {
            Kind::Hashtag => "hashtags",
            Kind::User => "users",
            Kind::Message => "messages",
            Kind::Date | Kind::Bucket | Kind::Wait | Kind::Server | Kind::Login | Kind::Setting => {
                "fixed"
            }
        };
        let path = directory.join(format!("{kind}-{hash}.json"));
        let answers = load(&path).unwrap_or_default();
        Cache { path, answers }
    }

    /// The names the server gave for a prefix lately.
    pub fn fresh(&self, prefix: &str, now: DateTime<Utc>) -> Option<Vec<Name>> {
        self.within(prefix, now, FRESH)
    }

    /// The names it gave for a prefix, or for the start of it, within a day.
    pub fn usable(&self, prefix: &str, now: DateTime<Utc>) -> Vec<Name> {
        let starts = prefix.char_indices().rev().map(|(at, _)| &prefix[..at]);
        std::iter::once(prefix)
            .chain(starts)
            .find_map(|start| self.within(start, now, USABLE))
            .unwrap_or_default()
            .into_iter()
            .filter(|name| name.name.starts_with(prefix))
            .collect()
    }

    fn within(&self, prefix: &str, now: DateTime<Utc>, limit: Duration) -> Option<Vec<Name>> {
        let answer = self.answers.get(prefix)?;
        let age = (now - answer.at).to_std().ok()?;
        (age <= limit).then(|| answer.names.clone())
    }

    /// Keeps an answer; a failure costs a call next time and nothing else.
    pub fn keep(&mut self, prefix: &str, names: &[Name], now: DateTime<Utc>) {
        // Another process may have kept something in between.
        self.answers = load(&self.path).unwrap_or_default();
        let names = names.to_vec();
        self.answers
            .insert(prefix.to_owned(), Answer { at: now, names });
        while self.answers.len() > MAX_ANSWERS {
            let oldest = self.answers.iter().min_by_key(|(_, answer)| answer.at);
            let Some((prefix, _)) = oldest else { break };
            let prefix = prefix.clone();
            self.answers.remove(&prefix);
        }
        let Ok(json) = serde_json::to_vec(&self.answers) else {
            return;
        };
        let _ = replace(&self.path, &json);
        let _ = std::fs::remove_file(self.turn());
    }

    /// Whether this process may ask the server in the background: one at a
    /// time does.
    pub fn take_turn(&self) -> bool {
        let path = self.turn();
        let young = std::fs::metadata(&path)
            .and_then(|file| file.modified())
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age < TURN));
        !young && replace(&path, b"").is_ok()
    }

    fn turn(&self) -> PathBuf {
        self.path.with_extension("asking")
    }
}

fn load(path: &Path) -> Option<BTreeMap<String, Answer>> {
    serde_json::from_slice(&private::read(path, MAX_FILE).ok()?).ok()
}

/// Puts a file in the place of another, whole or not at all. It need not
/// outlive a crash.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    private::directory(directory)?;
    let temporary = directory.join(format!(".{}", private::random_name()));
    let written = private::new_file(&temporary)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The error that matters is the one before.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::account::TokenSource;

    fn access(token: &str) -> Access {
        Access {
            server: "http://127.0.0.1:1".parse().unwrap(),
            token: Some(token.to_owned()),
            cacert: None,
            source: TokenSource::Login,
            user: None,
        }
    }

    fn names(names: &[&str]) -> Vec<Name> {
        let name = |name: &&str| Name {
            name: (*name).to_owned(),
            about: Some("1 message".to_owned()),
        };
        names.iter().map(name).collect()
    }

    #[test]
    fn an_answer_is_fresh_then_usable_then_gone() {
        let directory = tempfile::tempdir().unwrap();
        let now = Utc::now();
        let open = || Cache::in_directory(directory.path(), &access("a"), Kind::Hashtag);
        open().keep("s", &names(&["sql", "storage"]), now);
        let cache = open();
        let later = |seconds| now + chrono::Duration::seconds(seconds);
        assert_eq!(cache.fresh("s", later(29)).unwrap().len(), 2);
        assert_eq!(cache.fresh("s", later(31)), None);
        assert_eq!(cache.usable("st", later(3_600)), names(&["storage"]));
        assert_eq!(cache.usable("x", later(1)), []);
        assert_eq!(cache.usable("s", later(86_401)), []);
        // A clock that was set back makes nothing fresh for ever.
        assert_eq!(cache.fresh("s", later(-5)), None);
    }

    #[test]
    fn servers_users_and_kinds_are_kept_apart_and_files_private() {
        let directory = tempfile::tempdir().unwrap();
        let now = Utc::now();
        let mut cache = Cache::in_directory(directory.path(), &access("a"), Kind::Hashtag);
        cache.keep("", &names(&["x"]), now);
        for (token, kind) in [("b", Kind::Hashtag), ("a", Kind::User)] {
            let other = Cache::in_directory(directory.path(), &access(token), kind);
            assert_eq!(other.fresh("", now), None);
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&cache.path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(cache.take_turn());
        assert!(!cache.take_turn());
    }

    #[test]
    fn a_broken_file_is_no_file_and_many_prefixes_do_not_pile_up() {
        let directory = tempfile::tempdir().unwrap();
        let now = Utc::now();
        let open = || Cache::in_directory(directory.path(), &access("a"), Kind::User);
        std::fs::write(&open().path, "{not json").unwrap();
        let mut cache = open();
        assert_eq!(cache.fresh("", now), None);
        for second in 0..100 {
            let at = now + chrono::Duration::seconds(second);
            cache.keep(&format!("p{second}"), &names(&["x"]), at);
        }
        assert_eq!(open().answers.len(), MAX_ANSWERS);
        assert!(open().answers.contains_key("p99"));
    }
}
