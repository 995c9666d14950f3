//! The one model of whatever is listed: a [`Kind`] has columns, a [`Record`]
//! a value for each, and a form writes any of them without knowing which.
//!
//! A form sees text from other people only through [`Value`], whose ways out
//! are the sanitising boundary: [`Value::shown`] for people,
//! [`Value::field`] for programs.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use crate::api::time::{format_millis, format_seconds};
use crate::output::sanitize::sanitize_line;
use crate::output::{Clock, Look, TimeFormat, thousands};

/// A kind of thing that is listed.
#[derive(Debug)]
pub struct Kind {
    /// What JSON calls many of them.
    pub plural: &'static str,
    /// All columns; lines and CSV keep this order for ever.
    pub columns: &'static [Column],
    /// The columns of a table in its order, by name; the one that takes what
    /// room the others leave is the last.
    pub table: &'static [&'static str],
    /// Above what is short, where it stands beside the text.
    pub beside: &'static str,
}

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Its name in CSV, fields and templates. Stable.
    pub name: &'static str,
    /// A shorter name that can be asked for.
    pub short: &'static str,
    /// The head of the column in a table.
    pub title: &'static str,
    /// How much room it takes there.
    pub role: Role,
}

/// How much room a column of a table takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What it needs: a time, a number.
    Fixed,
    /// What it needs up to a share, more where there is room.
    Side,
    /// What the others leave.
    Main,
    /// Likewise; a picture, which only tables have.
    Picture,
}

impl Column {
    /// A column with a shorter name.
    pub const fn new(
        name: &'static str,
        short: &'static str,
        title: &'static str,
        role: Role,
    ) -> Column {
        Column {
            name,
            short,
            title,
            role,
        }
    }
}

impl Kind {
    /// Where the column of a name stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        let is_named = |column: &Column| column.name == name || column.short == name;
        self.columns.iter().position(is_named)
    }

    /// The columns that programs get.
    pub fn fields(&self) -> Vec<usize> {
        let columns = self.columns.iter().enumerate();
        let columns = columns.filter(|(_, column)| column.role != Role::Picture);
        columns.map(|(at, _)| at).collect()
    }

    /// The columns that people get.
    pub fn drawn(&self) -> Vec<usize> {
        let names = self.table.iter();
        names.filter_map(|name| self.position(name)).collect()
    }

    /// The short names of what can be asked for.
    pub fn names(&self) -> String {
        let fields = self.fields().into_iter();
        let names: Vec<&str> = fields.map(|at| self.columns[at].short).collect();
        names.join(", ")
    }
}

/// One of what is listed.
pub trait Record {
    /// A value for each column of its kind.
    fn values(&self) -> Vec<Value<'_>>;

    /// Appends its JSON object, as answers of the server have it.
    fn write_json(&self, out: &mut Vec<u8>);
}

/// What stands in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing to say.
    Empty,
    /// The id of a message.
    Id(Cow<'a, str>),
    /// A moment, to the millisecond on the wire.
    Moment(DateTime<Utc>),
    /// A moment, to the second on the wire.
    Second(DateTime<Utc>),
    /// Who.
    Name(Cow<'a, str>),
    /// Anything else on one line.
    Word(Cow<'a, str>),
    /// What a thing waits for, or whether it is good.
    State(Cow<'a, str>),
    /// How many.
    Count(u64),
    /// A hashtag, without `#`.
    Hashtag(Cow<'a, str>),
    /// Hashtags of a message, without `#`.
    Hashtags(Vec<&'a str>),
    /// Several lines.
    Text(Cow<'a, str>),
    /// Counts, oldest first, as a line of sparks.
    Sparks(&'a [u64]),
}

/// How values are told to people.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    pub look: Look,
    pub clock: Clock,
    pub format: TimeFormat,
    /// Characters of an id that tell it from the others.
    pub id_chars: usize,
}

impl Value<'_> {
    /// As this reader can see it; only texts have more than one line.
    pub(crate) fn shown(&self, telling: &Telling) -> String {
        let look = telling.look;
        match self {
            Value::Empty | Value::Sparks(_) => String::new(),
            Value::Id(id) => look.line(id.get(..telling.id_chars).unwrap_or(id)),
            // A pattern is the reader's own, but may hold a newline.
            Value::Moment(at) | Value::Second(at) => {
                sanitize_line(&telling.clock.show(*at, &telling.format))
            }
            Value::Name(text) | Value::Word(text) | Value::State(text) => look.line(text),
            Value::Count(count) => thousands(*count),
            Value::Hashtag(tag) => format!("#{}", look.line(tag)),
            Value::Hashtags(tags) => {
                let tags: Vec<String> = tags.iter().map(|t| format!("#{}", look.line(t))).collect();
                tags.join(" ")
            }
            Value::Text(text) => look.text(text),
        }
    }

    /// For programs, before the escapes of their format: times as on the wire
    /// unless `times` says otherwise, hashtags with `#` where `marked`.
    pub(crate) fn field(&self, times: Option<(&Clock, &TimeFormat)>, marked: bool) -> Cow<'_, str> {
        let time = |at: &DateTime<Utc>, wire: String| match times {
            Some((clock, format)) => clock.show(*at, format),
            None => wire,
        };
        match self {
            Value::Empty | Value::Sparks(_) => "".into(),
            Value::Moment(at) => time(at, format_millis(at)).into(),
            Value::Second(at) => time(at, format_seconds(at)).into(),
            Value::Id(text)
            | Value::Name(text)
            | Value::Word(text)
            | Value::State(text)
            | Value::Hashtag(text)
            | Value::Text(text) => text.as_ref().into(),
            Value::Count(count) => count.to_string().into(),
            Value::Hashtags(tags) if marked => {
                let tags: Vec<String> = tags.iter().map(|tag| format!("#{tag}")).collect();
                tags.join(" ").into()
            }
            Value::Hashtags(tags) => tags.join(" ").into(),
        }
    }
}

/// The columns that were asked for, in the order asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(pub(crate) Vec<usize>);

/// Not a column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a field; there are {known}")]
pub struct FieldError {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: String,
}

impl Fields {
    /// Reads `time,id,text`.
    ///
    /// # Errors
    /// Names that are no columns of this kind.
    pub fn parse(kind: &Kind, text: &str) -> Result<Fields, FieldError> {
        let names = text.split(',').map(str::trim);
        names
            .map(|name| position(kind, name))
            .collect::<Result<_, _>>()
            .map(Fields)
    }
}

/// The column of a name that programs may ask for.
pub(crate) fn position(kind: &Kind, name: &str) -> Result<usize, FieldError> {
    let found = kind.position(name);
    let found = found.filter(|&at| kind.columns[at].role != Role::Picture);
    found.ok_or_else(|| FieldError {
        name: name.to_owned(),
        known: kind.names(),
    })
}
