//! How an answer is written: JSON unless `?format=` or `Accept` asks for
//! another of the forms in [`crate::output::format`]; `text` is the one that
//! people read. Never guessed from who is asking.

use chrono::Utc;
use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderMap, HeaderValue, VARY};

use crate::api::FormatQuery;
use crate::domain::{Zone, shown};
use crate::output::format::{FORMATS, Format, Listing, Options, Writer};
use crate::output::row::Record;
use crate::output::{Charset, Clock, Look, TimeFormat, counted};
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::response;
use crate::server::response::Answer;
use crate::server::response::body::AnswerBody;

/// Columns when nothing is said: a terminal's since ever.
const DEFAULT_WIDTH: usize = 80;
/// Columns that can be asked for.
pub(crate) const WIDTHS: std::ops::RangeInclusive<usize> = 20..=1000;
/// What `format` takes beside the names of the forms.
pub(crate) const TEXT: &str = "text";

/// The form that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    format: &'static Format,
    width: usize,
}

impl Form {
    /// What the query or else `Accept` asks for; `text` is the form for people
    /// here.
    pub(crate) fn of(
        format: Option<&str>,
        width: Option<&str>,
        headers: &HeaderMap,
        text: &'static str,
    ) -> Result<Form, ApiError> {
        let columns = width.map_or(Ok(DEFAULT_WIDTH), columns)?;
        let format = match format {
            Some(name) => named(name, text).ok_or_else(|| unknown(name, text))?,
            None => accepted(headers, text),
        };
        match width {
            Some(width) if !format.is_drawn => Err(ApiError::parameter(
                "width",
                format!("{} goes with format=text alone", shown(width)),
            )),
            _ => Ok(Form {
                format,
                width: columns,
            }),
        }
    }

    /// The same for a path that takes no other parameter.
    pub(crate) fn of_query(
        query: &str,
        headers: &HeaderMap,
        text: &'static str,
    ) -> Result<Form, ApiError> {
        let query = FormatQuery::parse(query)?;
        Form::of(
            query.format.as_deref(),
            query.width.as_deref(),
            headers,
            text,
        )
    }

    /// Whether it is the envelope, which handlers write themselves where it
    /// is asked for most.
    pub(crate) fn is_json(self) -> bool {
        self.format.name == "json"
    }

    /// Whether people read it.
    pub(crate) fn is_drawn(self) -> bool {
        self.format.is_drawn
    }

    /// An answer that lists `records`, written beside the runtime's threads
    /// unless it is JSON. A drawing ends with the record that reaches its
    /// size, and `cursor_of` that one leads on.
    pub(crate) async fn list<R: Record + Send + 'static>(
        self,
        context: &Context,
        listing: Listing,
        records: Vec<R>,
        next: Option<String>,
        cursor_of: impl Fn(&R) -> Option<String> + Send + 'static,
    ) -> Result<Answer, ApiError> {
        let most = if self.is_drawn() {
            context.limits_now().drawn_size
        } else {
            usize::MAX
        };
        let writer = self.open(context, listing);
        let make = move || {
            let (mut body, written) = first_rows(writer, &records, next.as_deref(), most);
            let left = records.len() - written;
            let last = written.checked_sub(1).and_then(|at| records.get(at));
            let next = if left > 0 {
                last.and_then(cursor_of)
            } else {
                next
            };
            if self.is_drawn() {
                say_how_to_go_on(&mut body, left, next.as_deref());
            }
            (body, next)
        };
        let (body, next) = if self.is_json() {
            make()
        } else {
            context.drawers.draw(make).await?
        };
        let next = next.filter(|_| !self.is_json());
        Ok(self.answer(AnswerBody::whole(body), next.as_deref()))
    }

    /// Begins to write a listing piece by piece.
    pub(crate) fn open(self, context: &Context, listing: Listing) -> Box<dyn Writer> {
        let lines = context.limits_now().drawn_lines;
        self.format.open(listing, self.options(lines))
    }

    /// An answer in this form. Not every form has a place for the cursor: it
    /// is in a header.
    pub(crate) fn answer(self, body: AnswerBody, next: Option<&str>) -> Answer {
        if self.is_json() {
            return response::of_type(StatusCode::OK, response::JSON, body);
        }
        let content_type = HeaderValue::from_static(self.format.content_type);
        let mut answer = response::of_type(StatusCode::OK, content_type, body);
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("accept"));
        if let Some(cursor) = next.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert("x-next-cursor", cursor);
        }
        answer
    }

    fn options(self, lines: usize) -> Options {
        let look = Look::new(self.width, false, Charset::Unicode).with_lines(lines);
        let time_format = self.is_drawn().then_some(TimeFormat::Absolute);
        Options {
            time_format,
            ..Options::new(look, clock())
        }
    }
}

/// The records that begin within so many bytes, at least one, and how many
/// they are.
fn first_rows<R: Record>(
    mut writer: Box<dyn Writer>,
    records: &[R],
    next: Option<&str>,
    most: usize,
) -> (Vec<u8>, usize) {
    let rows: Vec<&dyn Record> = records.iter().map(|record| record as &dyn Record).collect();
    let mut body = Vec::new();
    let mut written = 0;
    writer.begin(&rows, &mut body);
    if most == usize::MAX {
        writer.rows(&rows, &mut body);
        written = rows.len();
    }
    while written < rows.len() && (written == 0 || body.len() < most) {
        writer.rows(&rows[written..=written], &mut body);
        written += 1;
    }
    writer.end(next, &mut body);
    (body, written)
}

/// What a person does to see the rest.
fn say_how_to_go_on(body: &mut Vec<u8>, left: usize, next: Option<&str>) {
    let rest = match (left, next) {
        (0, None) => return,
        (0, Some(cursor)) => format!("\nolder messages: cursor={cursor}\n"),
        (left, Some(cursor)) => {
            let left = counted(left as u64, "message");
            format!("\n{left} of this page and older ones: cursor={cursor}\n")
        }
        (left, None) => format!("\n{} left out\n", counted(left as u64, "more row")),
    };
    body.extend_from_slice(rest.as_bytes());
}

fn named(name: &str, text: &'static str) -> Option<&'static Format> {
    let name = if name == TEXT { text } else { name };
    Format::named(name).filter(|format| fits(format, text))
}

/// Whether what `text` draws can have this form too.
fn fits(format: &Format, text: &str) -> bool {
    !format.needs_range || text == "chart"
}

fn unknown(name: &str, text: &'static str) -> ApiError {
    let names = FORMATS.iter().filter(|format| fits(format, text));
    let names: Vec<&str> = names.map(|format| format.name).collect();
    let reason = format!(
        "{} is no format; use {TEXT} or one of {}",
        shown(name),
        names.join(", ")
    );
    ApiError::parameter("format", reason)
}

/// The type of `Accept` with the highest weight, of equal ones JSON and else
/// the first; JSON for `*/*`, for none that there is, and for none at all.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2>
fn accepted(headers: &HeaderMap, text: &'static str) -> &'static Format {
    let mut best = None;
    for (media_type, weight) in accepted_types(headers) {
        let format = match media_type {
            "application/*" | "*/*" => Format::named("json"),
            _ if media_type.eq_ignore_ascii_case("text/plain") => named(TEXT, text),
            other => Format::of_media_type(other),
        };
        let Some(format) = format.filter(|_| weight > 0.0) else {
            continue;
        };
        // A wildcard asks for nothing in particular.
        let rank = (weight, format.name == "json" && !media_type.contains('*'));
        if best.is_none_or(|(highest, _)| rank > highest) {
            best = Some((rank, format));
        }
    }
    best.map_or(Format::JSON, |(_, format)| format)
}

/// The types of `Accept` with their weights, in order.
pub(crate) fn accepted_types(headers: &HeaderMap) -> impl Iterator<Item = (&str, f32)> {
    let values = headers.get_all(ACCEPT).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or("");
        (media_type, parts.find_map(weight).unwrap_or(1.0))
    })
}

/// The number of `q=0.5`.
fn weight(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    let weight = value.trim().parse().ok();
    weight.filter(|weight| name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(weight))
}

fn columns(text: &str) -> Result<usize, ApiError> {
    text.parse()
        .ok()
        .filter(|columns| WIDTHS.contains(columns))
        .ok_or_else(|| {
            ApiError::parameter(
                "width",
                format!(
                    "{} is not a number from {} to {}",
                    shown(text),
                    WIDTHS.start(),
                    WIDTHS.end()
                ),
            )
        })
}

pub(crate) fn clock() -> Clock {
    Clock {
        now: Utc::now(),
        zone: Zone::UTC,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(value: &'static str) -> &'static str {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(value));
        accepted(&headers, "chart").name
    }

    #[test]
    fn accept_chooses_and_json_is_the_rule() {
        assert_eq!(accepting("text/plain"), "chart");
        assert_eq!(accepting("image/png, text/csv;q=0.5"), "csv");
        assert_eq!(accepting("application/x-ndjson"), "ndjson");
        assert_eq!(accepting("text/tab-separated-values"), "lines");
        assert_eq!(accepting("*/*"), "json");
        assert_eq!(
            accepting("text/html,application/xhtml+xml,*/*;q=0.8"),
            "json"
        );
    }

    #[test]
    fn of_what_is_accepted_the_weight_decides_then_json() {
        for (accept, form) in [
            ("text/csv;q=0", "json"),
            ("text/csv; Q=0.000, text/plain;q=0.1", "chart"),
            ("text/csv;q=0.5, application/json", "json"),
            ("application/json;q=0.5, text/csv", "csv"),
            ("text/csv, application/json", "json"),
            ("text/csv;header=present;q=0.2, text/plain;q=0.3", "chart"),
            ("text/csv, text/plain", "csv"),
            ("text/csv, */*", "csv"),
            ("application/json;q=0, text/csv;q=0.1", "csv"),
            ("text/csv;q=x", "csv"),
            ("text/csv;q=NaN", "csv"),
        ] {
            assert_eq!(accepting(accept), form, "{accept}");
        }
    }

    #[test]
    fn every_form_has_a_name_and_a_chart_needs_counts() {
        for format in FORMATS {
            assert_eq!(named(format.name, "chart"), Some(format));
        }
        assert_eq!(named("chart", "table"), None);
        assert_eq!(
            named("text", "card").map(|format| format.name),
            Some("card")
        );
    }
}
