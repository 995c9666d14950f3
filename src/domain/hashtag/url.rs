//! Which parts of a text are URLs: a `#` there begins a fragment.

use super::chars::{Class, class};
use super::steps;

/// The URLs of a text, found as far as they are asked for.
pub(super) struct Urls<'t> {
    text: &'t str,
    /// All before this has been looked at.
    seen: usize,
    /// Where the last URL found ends.
    end: usize,
}

impl<'t> Urls<'t> {
    pub(super) fn new(text: &'t str) -> Urls<'t> {
        Urls {
            text,
            seen: 0,
            end: 0,
        }
    }

    /// Whether one of them holds a place. Places are asked for in order.
    pub(super) fn hold(&mut self, at: usize) -> bool {
        while self.end <= at && self.seen < at {
            steps::count(at - self.seen);
            let Some(slash) = self.text[self.seen..at].find('/') else {
                self.seen = at;
                break;
            };
            let slash = self.seen + slash;
            let before = &self.text[self.seen..slash];
            let rest = match self.text[slash..].starts_with("//") {
                true if is_scheme(before) => Some(slash + 2),
                _ if is_host(before, &self.text[..self.seen]) => Some(slash),
                _ => None,
            };
            self.seen = slash + 1;
            if let Some(rest) = rest {
                self.end = rest + length(&self.text[rest..]);
                self.seen = self.seen.max(self.end);
            }
        }
        at < self.end
    }
}

/// Whether a text ends in `https:` or the like.
fn is_scheme(before: &str) -> bool {
    let scheme = before.strip_suffix(':');
    scheme.is_some_and(|scheme| scheme.ends_with(|c: char| c.is_ascii_alphanumeric()))
}

/// Whether a text ends in a name of a host, such as `example.com` or
/// `localhost:9000`; `further` is what stands before it.
fn is_host(before: &str, further: &str) -> bool {
    steps::count(before.len());
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let start = before.trim_end_matches(is_part).len();
    let (outside, name) = before.split_at(start);
    let outside = outside.chars().next_back().or(further.chars().next_back());
    if outside.is_some_and(|c| matches!(c, '/' | '@' | '_') || class(c) == Class::Word) {
        return false;
    }
    let (host, port) = match name.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (name, None),
    };
    let is_label = |label: &str| !label.is_empty() && !label.starts_with('-');
    if !host.split('.').all(is_label) {
        return false;
    }
    match port {
        Some(port) => !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()),
        None => host
            .rsplit_once('.')
            .is_some_and(|(_, top)| top.len() > 1 && top.bytes().all(|b| b.is_ascii_alphabetic())),
    }
}

/// How many bytes of a text go on with a URL: up to a blank, a quote, a
/// punctuation mark that is not ASCII, or a bracket that was opened before.
fn length(text: &str) -> usize {
    let mut open = 0usize;
    let end = text.find(|c: char| {
        steps::count(1);
        match c {
            '(' | '[' => open += 1,
            ')' | ']' if open == 0 => return true,
            ')' | ']' => open -= 1,
            _ => {}
        }
        match c {
            '<' | '>' | '"' | '\\' | '^' | '`' | '{' | '|' | '}' => true,
            _ if c.is_ascii() => !c.is_ascii_graphic(),
            _ => class(c) == Class::Other,
        }
    });
    end.unwrap_or(text.len())
}
