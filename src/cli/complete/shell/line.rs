//! Finds the bare hashtags of `dunder post` in a command line that a shell is
//! about to run, so that they can be quoted before the shell takes them for
//! comments.
//!
//! The scanner knows as much of bash, zsh and fish as it takes to tell words,
//! quotes, substitutions, comments and here-documents apart. Whatever belongs
//! to another command stays untouched, and so does a line that makes no sense
//! to it.

mod words;

use crate::cli::complete::shell::Dialect;
use crate::cli::complete::shell::line::words::is_boundary;

/// Words that a command may follow.
const BEFORE_A_COMMAND: [&str; 22] = [
    "!",
    "{",
    "and",
    "begin",
    "builtin",
    "command",
    "do",
    "elif",
    "else",
    "env",
    "exec",
    "if",
    "nice",
    "nocorrect",
    "noglob",
    "nohup",
    "not",
    "or",
    "then",
    "time",
    "until",
    "while",
];

/// An alias: its name, and what it stands for.
pub(crate) type Alias<'a> = (&'a str, &'a str);

/// What there is to say about a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The line with its bare hashtags quoted; `None` when there is none.
    pub quoted: Option<String>,
    /// Whether it ends inside a quoted word of `dunder post`, or with a
    /// backslash: the shell would ask for a second line.
    pub is_open: bool,
}

/// Looks at a line. `before` are the lines above it that belong to the same
/// command. `cut_comments`: the shell knows no comments at its prompt, so that
/// one behind a post would be words of the message.
pub(crate) fn check(
    dialect: Dialect,
    before: &str,
    line: &str,
    aliases: &[Alias<'_>],
    cut_comments: bool,
) -> Checked {
    let mut text: Vec<char> = before
        .strip_suffix('\n')
        .unwrap_or(before)
        .chars()
        .collect();
    if !before.is_empty() {
        text.push('\n');
    }
    let start = text.len();
    text.extend(line.chars());
    let mut scan = Scan {
        dialect,
        aliases,
        text: &text,
        at: 0,
        here_documents: Vec::new(),
        found: Vec::new(),
        cut_comments,
        depth: 0,
        is_cut: false,
        is_open: false,
    };
    scan.commands(End::Text);
    let mut quoted = String::with_capacity(line.len() + 8);
    let mut at = start;
    let mut is_changed = false;
    let found = scan.found.into_iter();
    for Found { from, to, is } in found.filter(|found| found.from >= start) {
        is_changed = true;
        quoted.extend(&text[at..from]);
        match is {
            Kind::Hashtag => {
                quoted.push('\'');
                quoted.extend(&text[from..to]);
                quoted.push('\'');
            }
            Kind::Comment => {}
        }
        at = to;
    }
    let quoted = is_changed.then(|| {
        quoted.extend(&text[at..]);
        quoted
    });
    Checked {
        quoted,
        is_open: scan.is_open,
    }
}

/// What ends a list of commands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Text,
    Parenthesis,
    Backquote,
}

/// How much of a simple command has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its name comes next.
    Start,
    /// It is `dunder`.
    Dunder,
    /// It is `dunder post`.
    Post,
    /// It is another command.
    Other,
}

struct Scan<'a> {
    dialect: Dialect,
    aliases: &'a [Alias<'a>],
    text: &'a [char],
    at: usize,
    /// The end line of each, and whether tabs before it do not count.
    here_documents: Vec<(String, bool)>,
    found: Vec<Found>,
    cut_comments: bool,
    depth: usize,
    /// A quote was not closed before the end.
    is_cut: bool,
    /// That was in a post.
    is_open: bool,
}

/// A part of the line that is not to stay as it is.
struct Found {
    from: usize,
    to: usize,
    is: Kind,
}

enum Kind {
    /// To be quoted.
    Hashtag,
    /// To be left out.
    Comment,
}

/// Deeper nesting than any person types.
const MAX_DEPTH: usize = 64;

impl Scan<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next_is(&self, text: &str) -> bool {
        self.text[self.at..]
            .iter()
            .copied()
            .take(text.len())
            .eq(text.chars())
    }

    /// Reads commands up to and including what ends them.
    fn commands(&mut self, end: End) {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.at = self.text.len();
        }
        let mut stage = Stage::Start;
        // The word after a redirection names a file.
        let mut is_file = false;
        while let Some(c) = self.peek() {
            match c {
                '\n' => {
                    self.at += 1;
                    self.skip_here_documents();
                    stage = Stage::Start;
                }
                c if c.is_whitespace() => self.at += 1,
                '\\' if self.next_is("\\\n") => self.at += 2,
                '#' => {
                    let is_posted = stage == Stage::Post && !is_file;
                    let from = self.at;
                    match self.bare_hashtag(end).filter(|_| is_posted) {
                        Some(to) => {
                            self.at = to;
                            self.note(from, Kind::Hashtag);
                        }
                        None => {
                            self.skip_line();
                            let behind = self.text.get(from + 1);
                            let is_comment = behind.is_none_or(|c| c.is_whitespace());
                            if self.cut_comments && is_posted && is_comment && end == End::Text {
                                self.note(from, Kind::Comment);
                            }
                        }
                    }
                }
                '&' if self.next_is("&>") => {
                    self.at += 1;
                }
                ';' | '&' | '|' => {
                    self.at += 1;
                    stage = Stage::Start;
                }
                '<' | '>' => is_file = self.redirection(),
                // The words of an array.
                '(' if self.at > 0 && self.text[self.at - 1] == '=' => {
                    self.at += 1;
                    self.balanced('(', ')', 1);
                }
                '(' => {
                    self.at += 1;
                    self.commands(End::Parenthesis);
                    // Behind a function's name comes a command; in fish it is
                    // words of this one.
                    if self.dialect != Dialect::Fish && stage != Stage::Post {
                        stage = Stage::Start;
                    }
                }
                ')' => {
                    self.at += 1;
                    if end == End::Parenthesis {
                        break;
                    }
                    // The pattern of a case.
                    stage = Stage::Start;
                }
                '`' if end == End::Backquote => {
                    self.at += 1;
                    break;
                }
                _ => {
                    let word = self.word(end);
                    self.is_open |= self.is_cut && stage == Stage::Post;
                    if is_file {
                        is_file = false;
                    } else {
                        stage = self.after(stage, word.as_deref());
                    }
                }
            }
        }
        self.depth -= 1;
    }

    /// The stage after a word; `None` for one that the shell computes.
    fn after(&self, stage: Stage, word: Option<&str>) -> Stage {
        match (stage, word) {
            (Stage::Start, Some(word)) => match self.aliases.iter().find(|(name, _)| *name == word)
            {
                // What an alias stands for may hold its own name.
                Some((_, value)) => value.split_whitespace().fold(Stage::Start, plain_after),
                None => plain_after(stage, word),
            },
            (Stage::Dunder, Some(word)) => plain_after(stage, word),
            (Stage::Start | Stage::Dunder, None) => Stage::Other,
            (Stage::Post | Stage::Other, _) => stage,
        }
    }

    /// Where the word that starts with this `#` ends, if it can be a hashtag:
    /// `#` and a letter, a digit or `_`, then anything that needs no more
    /// than quotes.
    fn bare_hashtag(&self, end: End) -> Option<usize> {
        let first = *self.text.get(self.at + 1)?;
        if !first.is_alphanumeric() && first != '_' {
            return None;
        }
        let length = self.text[self.at..]
            .iter()
            .position(|&c| is_boundary(c) || c == '`' && end == End::Backquote);
        let to = length.map_or(self.text.len(), |length| self.at + length);
        let word = &self.text[self.at..to];
        let is_plain = !word
            .iter()
            .any(|c| matches!(c, '\'' | '"' | '$' | '\\' | '`'));
        is_plain.then_some(to)
    }

    /// Keeps what has been read since `from` as something to change.
    fn note(&mut self, from: usize, is: Kind) {
        let to = self.at;
        self.found.push(Found { from, to, is });
    }

    /// Passes over a comment; its newline stays.
    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|&c| c == '\n');
        self.at += length.unwrap_or(rest.len());
    }

    /// Reads `>`, `2>&1`'s `>&`, `<<` and the like; whether a file's name
    /// follows.
    fn redirection(&mut self) -> bool {
        if self.next_is("<<<") {
            self.at += 3;
            return true;
        }
        if self.next_is("<<") && self.dialect != Dialect::Fish {
            self.at += 2;
            let has_tabs = self.peek() == Some('-');
            if has_tabs {
                self.at += 1;
            }
            while self.peek().is_some_and(|c| c == ' ' || c == '\t') {
                self.at += 1;
            }
            if let Some(name) = self.word(End::Text) {
                self.here_documents.push((name, has_tabs));
            }
            return false;
        }
        self.at += 1;
        while matches!(self.peek(), Some('>' | '&' | '|' | '?')) {
            self.at += 1;
        }
        if self.peek() == Some('(') {
            self.at += 1;
            self.commands(End::Parenthesis);
            return false;
        }
        true
    }

    fn skip_here_documents(&mut self) {
        for (name, has_tabs) in std::mem::take(&mut self.here_documents) {
            while self.at < self.text.len() {
                let from = self.at;
                self.skip_line();
                let line: String = self.text[from..self.at].iter().collect();
                self.at = (self.at + 1).min(self.text.len());
                let line = if has_tabs {
                    line.trim_start_matches('\t')
                } else {
                    &line
                };
                if line == name {
                    break;
                }
            }
        }
    }
}

fn plain_after(stage: Stage, word: &str) -> Stage {
    match stage {
        Stage::Start => {
            let name = word.rsplit('/').next().unwrap_or(word);
            if name == "dunder" {
                Stage::Dunder
            } else if BEFORE_A_COMMAND.contains(&word) || is_assignment(word) {
                Stage::Start
            } else {
                Stage::Other
            }
        }
        Stage::Dunder if word == "post" => Stage::Post,
        Stage::Dunder => Stage::Other,
        Stage::Post | Stage::Other => stage,
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests;
