//! Words of a command line: quotes, escapes and what the shell computes.

use crate::cli::complete::shell::Dialect;
use crate::cli::complete::shell::line::{End, Scan};

impl Scan<'_> {
    /// Reads a word; its text without quotes, if the shell computes none of
    /// it.
    pub(crate) fn word(&mut self, end: End) -> Option<String> {
        let mut word = Some(String::new());
        let push = |word: &mut Option<String>, c: char| {
            if let Some(word) = word {
                word.push(c);
            }
        };
        let from = self.at;
        while let Some(c) = self.peek() {
            match c {
                '(' if self.dialect == Dialect::Fish && self.at > from => {
                    self.at += 1;
                    self.commands(End::Parenthesis);
                    word = None;
                }
                '`' if end == End::Backquote => break,
                c if is_boundary(c) => break,
                '\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some(c) => {
                            self.at += 1;
                            push(&mut word, c);
                        }
                        None => self.is_cut = true,
                    }
                }
                '\'' => {
                    self.at += 1;
                    let is_escaping = self.dialect == Dialect::Fish;
                    self.single_quotes(is_escaping, |c| push(&mut word, c));
                }
                '"' => {
                    self.at += 1;
                    if !self.double_quotes(|c| push(&mut word, c)) {
                        word = None;
                    }
                }
                '$' if self.next_is("$'") && self.dialect != Dialect::Fish => {
                    self.at += 2;
                    self.single_quotes(true, |_| {});
                    word = None;
                }
                '$' | '`' => {
                    self.expansion();
                    word = None;
                }
                c => {
                    self.at += 1;
                    push(&mut word, c);
                }
            }
        }
        word
    }

    fn single_quotes(&mut self, is_escaping: bool, mut push: impl FnMut(char)) {
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '\'' => return,
                '\\' if is_escaping && self.peek().is_some() => self.at += 1,
                c => push(c),
            }
        }
        self.is_cut = true;
    }

    /// Whether all of it is plain text.
    fn double_quotes(&mut self, mut push: impl FnMut(char)) -> bool {
        let mut is_plain = true;
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.at += 1;
                    return is_plain;
                }
                '\\' => {
                    self.at = (self.at + 2).min(self.text.len());
                    is_plain = false;
                }
                '$' | '`' => {
                    self.expansion();
                    is_plain = false;
                }
                c => {
                    self.at += 1;
                    push(c);
                }
            }
        }
        self.is_cut = true;
        is_plain
    }

    /// Reads what starts with `$` or a backquote.
    fn expansion(&mut self) {
        if self.next_is("$((") {
            self.at += 3;
            self.balanced('(', ')', 2);
        } else if self.next_is("$(") {
            self.at += 2;
            self.commands(End::Parenthesis);
        } else if self.next_is("${") {
            self.at += 2;
            self.balanced('{', '}', 1);
        } else if self.peek() == Some('`') && self.dialect != Dialect::Fish {
            self.at += 1;
            self.commands(End::Backquote);
        } else {
            self.at += 1;
        }
    }

    /// Reads up to where `depth` brackets have been closed.
    pub(crate) fn balanced(&mut self, open: char, close: char, mut depth: usize) {
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '\\' => self.at = (self.at + 1).min(self.text.len()),
                c if c == open => depth += 1,
                c if c == close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }
}

/// Whether a word ends here.
pub(crate) fn is_boundary(c: char) -> bool {
    c.is_whitespace() || matches!(c, ';' | '&' | '|' | '<' | '>' | '(' | ')')
}
