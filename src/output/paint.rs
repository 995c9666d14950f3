//! The colours of values: nothing depends on them.

use comfy_table::{Attribute, Cell, Color};

use crate::output::row::Value;
use crate::output::{Look, palette_index};

/// How a value is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Dim,
    Of(Color),
}

/// The colour of hashtags, which no user has.
const HASHTAG: Color = Color::DarkCyan;

/// Readable on dark and on light grounds.
const PALETTE: [Color; 5] = [
    Color::DarkYellow,
    Color::DarkGreen,
    Color::DarkMagenta,
    Color::DarkBlue,
    Color::DarkRed,
];

/// Times recede, names and hashtags are told apart; a name always has the
/// same colour.
pub(crate) fn paint_of(value: &Value<'_>) -> Paint {
    match value {
        Value::Moment(_) | Value::Second(_) => Paint::Dim,
        Value::Name(name) => Paint::Of(PALETTE[palette_index(name, PALETTE.len())]),
        Value::Hashtag(_) | Value::Hashtags(_) => Paint::Of(HASHTAG),
        Value::State(_) | Value::Id(_) => Paint::Of(Color::DarkYellow),
        Value::Empty | Value::Word(_) | Value::Count(_) | Value::Text(_) | Value::Sparks(_) => {
            Paint::Plain
        }
    }
}

impl Paint {
    /// A cell of a table in this colour.
    pub fn cell(self, content: String) -> Cell {
        let cell = Cell::new(content);
        match self {
            Paint::Plain => cell,
            Paint::Dim => cell.add_attribute(Attribute::Dim),
            Paint::Of(color) => cell.fg(color),
        }
    }

    /// A text in this colour.
    pub fn text(self, text: &str, look: Look) -> String {
        match self {
            Paint::Plain => text.to_owned(),
            Paint::Dim => look.painted(text, "2"),
            Paint::Of(color) => look.painted(text, code_of(color)),
        }
    }
}

/// The ANSI code of a colour of ours.
fn code_of(color: Color) -> &'static str {
    match color {
        Color::DarkRed => "38;5;1",
        Color::DarkGreen => "38;5;2",
        Color::DarkYellow => "38;5;3",
        Color::DarkBlue => "38;5;4",
        Color::DarkMagenta => "38;5;5",
        Color::DarkCyan => "38;5;6",
        _ => "39",
    }
}
