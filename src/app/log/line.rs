//! The boundary between what is logged and who reads the log: paths, names
//! and errors come from other people, and a terminal obeys what a person does
//! not see. A line of JSON stays the same document.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{self, FormatFields, Writer};

use super::buffer::Buffer;
use crate::output::{sanitize, sanitize_line};

/// How the fields of an event look on a terminal: the message, then
/// `name=value`, each sanitised, so that an event stays one line.
pub(super) fn fields() -> impl for<'w> FormatFields<'w> + 'static {
    format::debug_fn(field).delimited(" ")
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let shown = sanitize_line(&format!("{value:?}"));
    match field.name() {
        "message" => writer.write_str(&shown),
        name => write!(writer, "{name}={shown}"),
    }
}

/// Writes lines of JSON into a buffer.
pub(super) struct JsonLines(pub(super) Arc<Buffer>);

/// Writes lines that are safe already.
pub(super) struct Lines(pub(super) Arc<Buffer>);

impl<'w> MakeWriter<'w> for JsonLines {
    type Writer = &'w JsonLines;

    fn make_writer(&'w self) -> Self::Writer {
        self
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = &'w Lines;

    fn make_writer(&'w self) -> Self::Writer {
        self
    }
}

/// The subscriber gives one whole line at a time.
impl Write for &JsonLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(&json(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same document without what a terminal obeys or a reader cannot see.
fn json(line: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    // Nearly every line is plain.
    if line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
        return line.into();
    }
    let text = String::from_utf8_lossy(line);
    sanitize::sanitize_json(&text).into_bytes().into()
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;
    use std::time::Duration;

    use proptest::prelude::*;
    use tracing::subscriber::with_default;
    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::buffer::LIMIT;
    use super::*;

    /// What the two forms of the log have of an event with a text in every
    /// place: line for a terminal, line of JSON.
    fn logged(text: &str) -> [String; 2] {
        let pipes = [io::pipe().unwrap(), io::pipe().unwrap()];
        let [terminal, json] = pipes.map(|(reader, writer)| {
            let buffer = Buffer::start(LIMIT, writer, |_| ()).unwrap();
            (buffer, io::BufReader::new(reader))
        });
        let person = fmt::layer()
            .fmt_fields(fields())
            .with_ansi(false)
            .with_writer(Lines(Arc::clone(&terminal.0)));
        let machine = fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(JsonLines(Arc::clone(&json.0)));
        let error = io::Error::other(text.to_owned());
        with_default(
            tracing_subscriber::registry().with(person).with(machine),
            || {
                let cause: &(dyn std::error::Error + 'static) = &error;
                tracing::info!(path = text, %error, debug = ?text, cause, "said {text}");
            },
        );
        [terminal, json].map(|(buffer, mut reader)| {
            buffer.flush(Duration::from_secs(60));
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            line
        })
    }

    fn is_harmless(line: &str) -> bool {
        let hidden = |c: char| {
            c.is_control() || crate::domain::is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}')
        };
        line.ends_with('\n') && !line[..line.len() - 1].contains(hidden)
    }

    #[test]
    fn what_a_terminal_obeys_or_nobody_sees_is_shown_as_an_escape() {
        let [line, json] = logged("a\u{9b}31m\u{202e}b\u{1b}]0;c\u{7}\n\u{e0041}é");
        assert!(is_harmless(&line) && is_harmless(&json), "{line}{json}");
        assert!(
            line.contains("said a\\u{9b}31m\\u{202e}b\\u{1b}]0;c\\u{7}\\n\\u{e0041}é"),
            "{line}"
        );
        assert!(
            line.contains(" path=") && line.contains(" error="),
            "{line}"
        );
        assert!(json.contains("a\\u009b31m\\u202eb\\u001b"), "{json}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_is_one_harmless_line_and_json_keeps_it_exactly(
            text in prop_oneof![any::<String>(), "[\\x00-\\x9f\u{200b}-\u{202f}\u{2060}-\u{2069}a世]{1,20}"],
        ) {
            let [line, json] = logged(&text);
            prop_assert!(is_harmless(&json), "{json:?}");
            // What a script needs and cannot hide or reorder stays as it is.
            let needed = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}'];
            prop_assert!(is_harmless(&line.replace(needed, "")), "{line:?}");
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&json["path"], &text);
            prop_assert_eq!(&json["message"], &format!("said {text}"));
            prop_assert_eq!(&json["error"], &text);
        }
    }
}
