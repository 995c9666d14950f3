//! What the streams of a process are: terminals or not, how wide, and which
//! characters and colours they show.

use std::io::IsTerminal;

use crate::cli::args::ColorWhen;
use crate::output::{Charset, Look, Urls, columns, wrap};

/// Columns when nothing says how many there are.
const DEFAULT_COLUMNS: usize = 80;
/// Rows likewise.
const DEFAULT_ROWS: usize = 24;

/// Before the lines of a sentence that follow its first.
const INDENT: usize = 2;
/// Stands for a blank between words that belong together; a character of no
/// script.
const JOINT: &str = "\u{e000}";

/// The streams and the environment as they were when the process started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    /// Whether a person types the input.
    pub input: bool,
    /// Whether a person reads the output.
    pub output: bool,
    /// Whether a person reads what is said beside it.
    pub error: bool,
    /// How wide it is.
    pub columns: usize,
    /// How high it is.
    pub rows: usize,
    /// What it shows.
    pub charset: Charset,
    /// Whether it can neither move its cursor nor show colours.
    pub is_dumb: bool,
    /// Whether `NO_COLOR` is set.
    pub no_color: bool,
}

impl Terminal {
    /// That of this process.
    pub fn of_process() -> Terminal {
        let output = std::io::stdout().is_terminal();
        let is_dumb = said("TERM").is_some_and(|term| term == "dumb");
        let size = terminal_size::terminal_size();
        let number = |name| said(name)?.parse().ok();
        let columns = size.map(|(width, _)| usize::from(width.0));
        let rows = size.map(|(_, height)| usize::from(height.0));
        let positive = |count: &usize| *count > 0;
        Terminal {
            input: std::io::stdin().is_terminal(),
            output,
            error: std::io::stderr().is_terminal(),
            columns: columns
                .filter(positive)
                .or_else(|| number("COLUMNS"))
                .filter(positive)
                .unwrap_or(DEFAULT_COLUMNS),
            rows: rows.filter(positive).unwrap_or(DEFAULT_ROWS),
            charset: charset(locale().as_deref(), is_dumb, output),
            is_dumb,
            no_color: said("NO_COLOR").is_some(),
        }
    }

    /// A sentence for standard error: for a person in lines that end between
    /// words, those after the first indented. A command in it stays on one line,
    /// so that it can be copied.
    pub fn told(self, sentence: &str) -> String {
        if !self.error || columns(sentence) <= self.columns {
            return sentence.to_owned();
        }
        let (sentence, command) = match sentence.rfind(": dunder ") {
            Some(at) => (&sentence[..=at], sentence.get(at + 2..)),
            None => (sentence, None),
        };
        let width = self.columns.max(INDENT + 20) - INDENT;
        let lines = wrap(&with_whole_commands(sentence), width);
        let lines = lines.iter().map(|line| line.replace(JOINT, " "));
        let lines: Vec<String> = lines.chain(command.map(str::to_owned)).collect();
        lines.join(&format!("\n{:INDENT$}", ""))
    }

    /// Looks again how large it is; whether that has changed.
    pub fn measure(&mut self) -> bool {
        let Some((width, height)) = terminal_size::terminal_size() else {
            return false;
        };
        let now = (usize::from(width.0), usize::from(height.0));
        let has_changed = self.output && now.0 > 0 && now.1 > 0 && now != (self.columns, self.rows);
        if has_changed {
            (self.columns, self.rows) = now;
        }
        has_changed
    }

    /// Whether colours are to be used.
    pub fn color(self, when: ColorWhen) -> bool {
        match when {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => self.output && !self.no_color && !self.is_dumb,
        }
    }

    /// How output is to look, in the terminal's width or another.
    pub fn look(self, color: ColorWhen, width: Option<u16>) -> Look {
        if color == ColorWhen::Always {
            // The flag beats NO_COLOR, which the table's library reads too.
            crossterm::style::force_color_output(true);
        }
        let width = width.map_or(self.columns, usize::from);
        // Where there is a link, it is shown over several lines.
        let urls = match supports_hyperlinks::on(supports_hyperlinks::Stream::Stdout) {
            true => Urls::Linked,
            false => Urls::Whole,
        };
        Look::new(width, self.color(color), self.charset).with_urls(urls)
    }
}

/// The blanks of commands in quotes as what no line is broken at.
fn with_whole_commands(sentence: &str) -> String {
    let mut parts = sentence.split("'dunder ");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (command, rest) = part.split_at(part.find('\'').unwrap_or(0));
        whole += "'dunder";
        whole += JOINT;
        whole += &command.replace(' ', JOINT);
        whole += rest;
    }
    whole
}

/// A variable that is set to something.
pub(crate) fn said(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The locale of texts.
fn locale() -> Option<String> {
    ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(said)
}

fn charset(locale: Option<&str>, is_dumb: bool, is_terminal: bool) -> Charset {
    match locale {
        Some(locale) if is_utf8(locale) && !is_dumb => Charset::Unicode,
        Some(locale) if !is_utf8(locale) && is_terminal => Charset::AsciiOnly,
        Some(_) | None => Charset::AsciiDrawing,
    }
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_says_which_characters_are_shown() {
        for (locale, is_dumb, is_terminal, expected) in [
            (Some("C.UTF-8"), false, true, Charset::Unicode),
            (Some("de_DE.utf8"), false, false, Charset::Unicode),
            (Some("C.UTF-8"), true, true, Charset::AsciiDrawing),
            (Some("de_DE.ISO-8859-1"), false, true, Charset::AsciiOnly),
            (Some("C"), false, false, Charset::AsciiDrawing),
            (None, false, true, Charset::AsciiDrawing),
        ] {
            assert_eq!(
                charset(locale, is_dumb, is_terminal),
                expected,
                "{locale:?}"
            );
        }
    }

    #[test]
    fn a_sentence_breaks_between_words_and_leaves_commands_whole() {
        let person = Terminal {
            error: true,
            columns: 30,
            ..Terminal::for_tests()
        };
        let quoted = "dunder: it is away; start it with 'dunder serve' or wait";
        let lines = "dunder: it is away; start it\n  with 'dunder serve' or wait";
        assert_eq!(person.told(quoted), lines);
        let last = "dunder: your text is kept: dunder post -t ops - < '/a/long path'";
        let lines = "dunder: your text is kept:\n  dunder post -t ops - < '/a/long path'";
        assert_eq!(person.told(last), lines);
        assert_eq!(Terminal::for_tests().told(last), last);
    }

    #[test]
    fn colours_are_for_terminals_that_have_them() {
        let terminal = Terminal::for_tests();
        assert!(!terminal.color(ColorWhen::Auto));
        assert!(terminal.color(ColorWhen::Always));
        let person = Terminal {
            output: true,
            ..terminal
        };
        assert!(person.color(ColorWhen::Auto) && !person.color(ColorWhen::Never));
        let plain = Terminal {
            no_color: true,
            ..person
        };
        assert!(!plain.color(ColorWhen::Auto));
    }

    impl Terminal {
        /// Nobody at any stream, 80 columns, UTF-8.
        pub fn for_tests() -> Terminal {
            Terminal {
                input: false,
                output: false,
                error: false,
                columns: 80,
                rows: 24,
                charset: Charset::Unicode,
                is_dumb: false,
                no_color: false,
            }
        }
    }
}
