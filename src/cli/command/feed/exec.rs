//! `--exec`: a command for each message. The message never becomes a part of
//! the command: it is on its standard input and in its environment.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::api::{self, Message};
use crate::cli::CliError;
use crate::config::MESSAGE_VARIABLES;
use crate::domain::shown;

/// A program and its arguments.
#[derive(Clone)]
pub(super) struct Runner {
    program: OsString,
    arguments: Vec<OsString>,
}

impl Runner {
    /// What `--exec` was given.
    ///
    /// # Errors
    /// There is no such program: found out before hours have passed without
    /// a message.
    pub fn new(words: &[OsString]) -> Result<Runner, CliError> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(CliError::Usage("--exec needs a command".to_owned()));
        };
        if !is_there(program) {
            let name = program.to_string_lossy();
            let hint = if name.contains(char::is_whitespace) {
                "write the program and its arguments as words of their own, or --exec sh -c '…'"
            } else {
                "check its name and PATH"
            };
            return Err(CliError::Usage(format!(
                "--exec: there is no program {}; {hint}",
                shown(&name)
            )));
        }
        Ok(Runner {
            program: program.clone(),
            arguments: arguments.to_vec(),
        })
    }

    /// Runs the command for a message with `input` on its standard input, and
    /// waits for its end. `Some` says how it failed.
    pub fn run(&self, message: &Message, input: &[u8]) -> Option<String> {
        let name = self.program.to_string_lossy();
        match self.status(message, input) {
            Ok(status) if status.success() => None,
            Ok(status) => Some(format!("{} for {}: {}", name, message.id, ended(status))),
            Err(error) => Some(format!("{} for {}: {error}", name, message.id)),
        }
    }

    fn status(&self, message: &Message, input: &[u8]) -> std::io::Result<ExitStatus> {
        let hashtags: Vec<&str> = message.hashtags.iter().map(AsRef::as_ref).collect();
        let created_at = api::time::format_millis(&message.created_at);
        let values = [
            &message.id,
            &*message.user.name,
            &message.text,
            &hashtags.join(" "),
            &created_at,
        ];
        let variables = MESSAGE_VARIABLES.into_iter().zip(values.map(variable));
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(variables)
            .stdin(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read it is no failure.
            let _ = stdin.write_all(input);
        }
        child.wait()
    }
}

/// What a command reads: the text, and the end of its last line.
pub(super) fn text_of(message: &Message) -> Vec<u8> {
    let mut text = message.text.as_bytes().to_vec();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text
}

/// A text as a variable can hold it: NUL ends one.
fn variable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn ended(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("ended by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => "it failed".to_owned(),
    }
}

/// Whether the system would find the program.
fn is_there(program: &OsString) -> bool {
    let path = Path::new(program);
    if path.components().count() != 1 || program.to_string_lossy().contains('/') {
        return path.is_file();
    }
    let places = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&places);
    // Where programs have another ending than their name, the system knows.
    cfg!(not(unix)) || places.any(|place| place.join(path).is_file())
}
