//! JSON for a person at a terminal: indented, coloured where that is wanted,
//! and still the same document.

use crate::output::sanitize::sanitize_json;

const KEY: &str = "34";
const TEXT: &str = "32";
const OTHER: &str = "36";

/// A document as a terminal may show it: what it would obey is escaped the
/// way JSON allows. What is no JSON stays as it is, but for that.
pub(crate) fn for_terminal(document: &str, color: bool) -> String {
    let document = sanitize_json(document);
    let mut writer = Writer {
        color,
        shown: String::with_capacity(document.len() * 2),
        depth: 0,
    };
    let mut rest = document.trim();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string(rest),
            _ if "{}[],: \t\r\n".contains(first) => 1,
            _ => rest
                .find(['{', '}', '[', ']', ',', ':', '"', ' ', '\t', '\r', '\n'])
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        rest = after.trim_start_matches([' ', '\t', '\r', '\n']);
        writer.token(token, rest);
    }
    writer.shown.push('\n');
    writer.shown
}

/// How long the string is that a text starts with.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

struct Writer {
    color: bool,
    shown: String,
    depth: usize,
}

impl Writer {
    /// Writes one token; `rest` is what follows it.
    fn token(&mut self, token: &str, rest: &str) {
        match token {
            "{" | "[" => {
                self.shown.push_str(token);
                // An empty one stays on its line.
                if !rest.starts_with(['}', ']']) {
                    self.depth += 1;
                    self.line();
                }
            }
            "}" | "]" => {
                if !self.shown.ends_with(['{', '[']) {
                    self.depth = self.depth.saturating_sub(1);
                    self.line();
                }
                self.shown.push_str(token);
            }
            "," => {
                self.shown.push(',');
                self.line();
            }
            ":" => self.shown.push_str(": "),
            _ if token.trim().is_empty() => {}
            _ if token.starts_with('"') && rest.starts_with(':') => self.painted(token, KEY),
            _ if token.starts_with('"') => self.painted(token, TEXT),
            _ => self.painted(token, OTHER),
        }
    }

    fn painted(&mut self, token: &str, code: &str) {
        if self.color {
            self.shown
                .push_str(&format!("\u{1b}[{code}m{token}\u{1b}[0m"));
        } else {
            self.shown.push_str(token);
        }
    }

    fn line(&mut self) {
        self.shown.push('\n');
        self.shown.extend(std::iter::repeat_n("  ", self.depth));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn a_document_is_indented_and_painted_by_kind() {
        let document = r#"{"data":{"a":[1,"x:,]\""],"b":{},"c":[ ],"d":null}}"#;
        insta::assert_snapshot!(for_terminal(document, false), @r#"
        {
          "data": {
            "a": [
              1,
              "x:,]\""
            ],
            "b": {},
            "c": [],
            "d": null
          }
        }
        "#);
        let painted = for_terminal(document, true);
        assert!(painted.contains("\u{1b}[34m\"data\"\u{1b}[0m: {"));
        assert!(painted.contains("\u{1b}[36m1\u{1b}[0m"));
    }

    proptest! {
        #[test]
        fn it_is_the_same_document(
            texts in proptest::collection::vec(any::<String>(), 0..5),
            number: i64,
        ) {
            let value = json!({ "data": { "texts": texts, "n": number, "none": Value::Null } });
            let shown = for_terminal(&value.to_string(), false);
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
            prop_assert!(!shown.contains(|c: char| c.is_control() && c != '\n'));
        }

        #[test]
        fn anything_else_ends(text: String) {
            for_terminal(&text, true);
        }
    }
}
