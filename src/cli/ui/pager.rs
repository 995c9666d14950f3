//! A pager for what is longer than the terminal is high, as `git` and `man`
//! use it: the program in `PAGER`, else `less`.

use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

use super::Terminal;
use super::terminal::said;

/// Output on its way to a terminal, held back while it may fit.
pub(crate) struct Pager {
    rows: usize,
    held: String,
    state: State,
}

enum State {
    /// Everything fits so far.
    Held,
    /// Straight to the terminal: there is no pager.
    Direct,
    /// Through the pager.
    Running(Child),
}

impl Pager {
    pub fn new(terminal: Terminal) -> Pager {
        Pager {
            // The prompt wants a row too.
            rows: terminal.rows.saturating_sub(1),
            held: String::new(),
            state: State::Held,
        }
    }

    pub fn write(&mut self, text: &str) -> io::Result<()> {
        match &mut self.state {
            State::Held => {
                self.held.push_str(text);
                if self.held.matches('\n').count() <= self.rows {
                    return Ok(());
                }
                self.state = start().map_or(State::Direct, State::Running);
                let held = std::mem::take(&mut self.held);
                self.write(&held)
            }
            State::Direct => io::stdout().write_all(text.as_bytes()),
            State::Running(child) => match &mut child.stdin {
                Some(stdin) => stdin.write_all(text.as_bytes()),
                None => Err(io::ErrorKind::BrokenPipe.into()),
            },
        }
    }

    /// Writes what is held, or waits until the person has read enough.
    pub fn finish(&mut self) -> io::Result<()> {
        if let State::Running(child) = &mut self.state {
            drop(child.stdin.take());
            child.wait()?;
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        let mut out = io::stdout();
        out.write_all(held.as_bytes())?;
        out.flush()
    }
}

impl Drop for Pager {
    /// A command that failed half way leaves the person in the pager, not
    /// beside it.
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// Starts the pager; `None` when there is none to start or it is `cat`.
fn start() -> Option<Child> {
    let program = match std::env::var("PAGER") {
        Ok(program) => program,
        Err(_) => "less".to_owned(),
    };
    if matches!(program.trim(), "" | "cat") {
        return None;
    }
    let mut command = if cfg!(unix) {
        // The value may hold arguments, quotes and variables.
        let mut shell = Command::new("sh");
        let name = program.split_whitespace().next().unwrap_or_default();
        let is_plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
        // A pager that is not installed must not take the output with it.
        let script = if name.chars().all(is_plain) {
            format!("command -v {name} >/dev/null || exec cat; {program}")
        } else {
            program
        };
        shell.arg("-c").arg(script);
        shell
    } else {
        Command::new(&program)
    };
    if said("LESS").is_none() {
        // Leave when it fits, show colours, leave the text on the screen.
        command.env("LESS", "FRX");
    }
    let child = command.stdin(Stdio::piped()).spawn().ok();
    // Ctrl-C is for the pager; this process ends when the pager does.
    #[cfg(unix)]
    if child.is_some() && tokio::runtime::Handle::try_current().is_ok() {
        let _received = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    }
    child
}
