//! The console client as it is used: the binary against a spawned server, in
//! a home of its own, piped and on a terminal.

mod account;
mod completions;
mod delete;
mod doctor;
mod editor;
mod failures;
mod feed;
mod files;
mod follow;
mod following;
mod help;
mod install;
mod json;
mod logins;
mod outcome;
mod post;
mod queue;
mod readme;
mod references;
mod settings;
mod shells;
mod stub;
mod terminal;
mod trend;
mod words;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::{Server, dunder};

/// A person: a home directory and a name.
pub(crate) struct Person {
    home: TempDir,
    url: String,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Person {
    /// Someone whose server is at `url`.
    pub fn at(url: &str) -> Person {
        Person {
            home: TempDir::new().unwrap(),
            url: url.to_owned(),
        }
    }

    pub fn of(server: &Server) -> Person {
        Person::at(&server.url)
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The command with these arguments, its environment known.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = dunder();
        for name in [
            "NO_COLOR",
            "COLUMNS",
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "XDG_CACHE_HOME",
            "EDITOR",
            "VISUAL",
        ] {
            command.env_remove(name);
        }
        command
            .args(args)
            .env("HOME", self.home())
            .env("USER", "john")
            .env("DUNDER_SERVER", &self.url)
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            // Nobody turns pages.
            .env("PAGER", "cat")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// Runs it with something on standard input.
    pub fn run_with(&self, args: &[&str], input: &str) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input closes it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::of(child.wait_with_output().unwrap())
    }
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The output of a command that succeeded and complained of nothing.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// Checks how a command failed: its exit code, and that its sentence
    /// says what was wrong. Nothing may stand on standard output.
    #[track_caller]
    pub fn failed(self, code: i32, named: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(
            self.err.contains(named),
            "{:?} does not say {named:?}",
            self.err
        );
        assert_eq!(self.out, "", "{}", self.err);
    }
}
