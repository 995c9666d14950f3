//! What `dunder doctor` found, one line a check.

use crate::output::{Look, columns, sanitize_line, wrap};

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Fine,
    /// Worth knowing, and no reason to worry.
    Note,
    /// Something has to be done.
    Problem,
}

impl State {
    /// The word programs read.
    pub fn word(self) -> &'static str {
        match self {
            State::Fine => "ok",
            State::Note => "note",
            State::Problem => "problem",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            State::Fine => "ok",
            State::Note => "--",
            State::Problem => "!!",
        }
    }

    /// The ANSI colour.
    fn color(self) -> &'static str {
        match self {
            State::Fine => "32",
            State::Note => "2",
            State::Problem => "31",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, a word.
    pub name: &'static str,
    /// How it went.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// A table for people: mark, name, what was found, and beneath a problem what
/// to do.
pub fn checks_table(checks: &[Check], look: Look) -> String {
    const MARK: usize = 4;
    let names = checks.iter().map(|check| columns(check.name));
    let side = MARK + names.max().unwrap_or(0) + 2;
    let mut text = String::new();
    for check in checks {
        let mark = look.painted(check.state.mark(), check.state.color());
        let name_width = side - MARK;
        let head = format!("{mark}  {:<name_width$}", check.name);
        let said = wrap(&look.line(&check.found), look.width().saturating_sub(side));
        let advice = check.advice.iter();
        let advice =
            advice.flat_map(|advice| wrap(&look.line(advice), look.width().saturating_sub(side)));
        for (at, line) in said.into_iter().chain(advice).enumerate() {
            let head = if at == 0 { head.as_str() } else { "" };
            let blanks = if at == 0 { 0 } else { side };
            text += format!("{head}{:blanks$}{line}", "").trim_end();
            text.push('\n');
        }
    }
    text
}

/// A line for programs: state, name, what was found and what to do, separated
/// by TAB.
pub fn check_line(check: &Check) -> String {
    let escaped = |text: &str| sanitize_line(&text.replace('\\', "\\\\"));
    format!(
        "{}\t{}\t{}\t{}\n",
        check.state.word(),
        check.name,
        escaped(&check.found),
        escaped(check.advice.as_deref().unwrap_or_default())
    )
}

#[cfg(test)]
mod tests {
    use super::super::Charset;
    use super::*;

    #[test]
    fn checks_at_60_columns_say_what_to_do_beneath() {
        let check = |name, state, found: &str, advice: Option<&str>| Check {
            name,
            state,
            found: found.to_owned(),
            advice: advice.map(str::to_owned),
        };
        let checks = [
            check(
                "server",
                State::Fine,
                "http://127.0.0.1:9000 (default)",
                None,
            ),
            check("login", State::Note, "none kept", None),
            check(
                "clock",
                State::Problem,
                "this machine's clock is 3600 s ahead of the server's",
                Some("set the clock that is wrong"),
            ),
        ];
        insta::assert_snapshot!(checks_table(&checks, Look::new(60, false, Charset::Unicode)), @"
        ok  server  http://127.0.0.1:9000 (default)
        --  login   none kept
        !!  clock   this machine's clock is 3600 s ahead of the
                    server's
                    set the clock that is wrong
        ");
    }
}
