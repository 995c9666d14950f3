//! The forms that whatever is listed can have, in one list that the server's
//! `format=` and `Accept` and the client's `-o` are read from.
//!
//! A form is a [`Writer`] that appends to a buffer: a beginning that sees the
//! first rows, rows as they come, an end. It keeps no rows but where it must
//! (a chart), so an answer can be written while it is sent.

use crate::output::chart::{ChartStyle, TrendRange};
use crate::output::row::{Fields, Kind, Record};
use crate::output::template::Template;
use crate::output::{
    Clock, Look, TimeFormat, card, chart, csv, json, lines, ndjson, oneline, table,
};

/// A form.
#[derive(Debug)]
pub struct Format {
    /// In `format=` and `-o`.
    pub name: &'static str,
    /// What it is, for help.
    pub about: &'static str,
    /// In `Content-Type`; without its parameters in `Accept`.
    pub content_type: &'static str,
    /// Whether people read it: it has a width, and is bounded in size.
    pub is_drawn: bool,
    /// Whether columns can be chosen.
    pub has_columns: bool,
    /// Whether texts are in it exactly as they were written.
    pub is_exact: bool,
    /// Whether only what has counts over time can have it.
    pub needs_range: bool,
    pub(crate) open: fn(Listing, Options) -> Box<dyn Writer>,
}

/// All of them.
pub static FORMATS: [&Format; 8] = [
    &table::FORMAT,
    &chart::FORMAT,
    &card::FORMAT,
    &oneline::FORMAT,
    &lines::FORMAT,
    &json::FORMAT,
    &ndjson::FORMAT,
    &csv::FORMAT,
];

/// Two are one when they have one name.
impl PartialEq for Format {
    fn eq(&self, other: &Format) -> bool {
        self.name == other.name
    }
}

impl Eq for Format {}

impl Format {
    /// What machines get that ask for nothing.
    pub const JSON: &'static Format = &json::FORMAT;

    /// The form of a name.
    pub fn named(name: &str) -> Option<&'static Format> {
        FORMATS.into_iter().find(|format| format.name == name)
    }

    /// The form of a media type such as `text/csv`.
    pub fn of_media_type(media_type: &str) -> Option<&'static Format> {
        let is_of = |format: &&Format| format.media_type().eq_ignore_ascii_case(media_type);
        FORMATS.into_iter().find(is_of)
    }

    /// The content type without its parameters.
    pub fn media_type(&self) -> &'static str {
        let parts = self.content_type.split_once(';');
        parts.map_or(self.content_type, |(media_type, _)| media_type)
    }

    /// Begins a listing in this form.
    pub fn open(&self, listing: Listing, options: Options) -> Box<dyn Writer> {
        (self.open)(listing, options)
    }
}

/// What is listed, as a whole.
#[derive(Debug, Clone)]
pub struct Listing {
    /// What its rows are.
    pub kind: &'static Kind,
    /// Above a table.
    pub title: Option<String>,
    /// Instead of a table without rows.
    pub none: String,
    /// What a chart spans.
    pub range: Option<TrendRange>,
}

impl Listing {
    /// A listing of a kind about which there is no more to say.
    pub fn of(kind: &'static Kind) -> Listing {
        Listing {
            kind,
            title: None,
            none: format!("no {}", kind.plural),
            range: None,
        }
    }
}

/// What a reader asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// How a drawing is to look.
    pub look: Look,
    /// The present, and where the reader is.
    pub clock: Clock,
    /// How moments are written, where not as the form has it.
    pub time_format: Option<TimeFormat>,
    /// Which columns, where not those of the form.
    pub fields: Option<Fields>,
    /// How a chart is drawn.
    pub style: ChartStyle,
    /// Whether rows are read as they come: a table then leaves room for those
    /// that nobody knows yet, and ages, which would not stay true, are times.
    pub is_live: bool,
}

impl Options {
    /// What nobody asked for otherwise.
    pub fn new(look: Look, clock: Clock) -> Options {
        Options {
            look,
            clock,
            time_format: None,
            fields: None,
            style: ChartStyle::default(),
            is_live: false,
        }
    }

    /// How people are told moments.
    pub(crate) fn time_format_drawn(&self) -> TimeFormat {
        match &self.time_format {
            None | Some(TimeFormat::Auto) if self.is_live => TimeFormat::Clock,
            None => TimeFormat::Auto,
            Some(format) => format.clone(),
        }
    }
}

/// Appends a listing to a buffer.
pub trait Writer: Send {
    /// What stands before the rows. `first` are those that come next, or some
    /// of them: a table fits its columns to these.
    fn begin(&mut self, first: &[&dyn Record], out: &mut Vec<u8>);

    /// Rows, as often as there are any.
    fn rows(&mut self, rows: &[&dyn Record], out: &mut Vec<u8>);

    /// What stands after them. `next` is the cursor of what was not listed.
    fn end(&mut self, next: Option<&str>, out: &mut Vec<u8>);
}

/// A listing in the form of a template.
pub fn templated(template: Template, options: Options) -> Box<dyn Writer> {
    template.open(options)
}

/// A whole listing in one go.
pub fn write_all<R: Record>(mut writer: Box<dyn Writer>, records: &[R]) -> Vec<u8> {
    let rows: Vec<&dyn Record> = records.iter().map(|record| record as &dyn Record).collect();
    let mut out = Vec::new();
    writer.begin(&rows, &mut out);
    writer.rows(&rows, &mut out);
    writer.end(None, &mut out);
    out
}
