//! How an answer is written: JSON unless `?format=` or `Accept` asks for a
//! table or chart (`text/plain`), `text/csv` or `application/x-ndjson`. Never
//! guessed from who is asking.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderMap, HeaderValue, VARY};
use serde::Serialize;

use crate::api::{self, FormatQuery};
use crate::domain::{MessageId, TrendFilter, shown};
use crate::output::chart;
use crate::output::chart::{ChartStyle, Trend};
use crate::output::feed::{FeedTable, Times, feed_table, message_card};
use crate::output::lines;
use crate::output::tags::{Period, TagRow, tags_table};
use crate::output::{Charset, Clock, Look, TimeFormat, Zone, counted};
use crate::server::Context;
use crate::server::error::ApiError;
use crate::server::response;
use crate::server::response::body::AnswerBody;
use crate::server::response::{Answer, TEXT};

const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
/// Columns when nothing is said: a terminal's since ever.
const DEFAULT_WIDTH: usize = 80;
/// Columns that can be asked for.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=1000;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The envelope.
    Json,
    /// A table or a chart of so many columns.
    Text(usize),
    /// Comma-separated values with a header.
    Csv,
    /// One JSON value a line, without the envelope.
    Ndjson,
}

impl Format {
    /// What the query or else `Accept` asks for.
    pub(crate) fn of(
        format: Option<&str>,
        width: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Format, ApiError> {
        let columns = width.map_or(Ok(DEFAULT_WIDTH), columns)?;
        let format = match format {
            Some("json") => Format::Json,
            Some("text") => Format::Text(columns),
            Some("csv") => Format::Csv,
            Some("ndjson") => Format::Ndjson,
            Some(other) => {
                return Err(ApiError::parameter(
                    "format",
                    format!("{} is none of json, text, csv and ndjson", shown(other)),
                ));
            }
            None => accepted(headers, columns),
        };
        match (format, width) {
            (Format::Json | Format::Csv | Format::Ndjson, Some(width)) => Err(ApiError::parameter(
                "width",
                format!("{} goes with format=text alone", shown(width)),
            )),
            _ => Ok(format),
        }
    }

    /// The same for a path that takes no other parameter.
    pub(crate) fn of_query(query: &str, headers: &HeaderMap) -> Result<Format, ApiError> {
        let query = FormatQuery::parse(query)?;
        Format::of(query.format.as_deref(), query.width.as_deref(), headers)
    }

    pub(crate) async fn message(
        self,
        context: &Context,
        message: api::Message,
    ) -> Result<Answer, ApiError> {
        if self == Format::Json {
            return response::data(StatusCode::OK, api::ShownMessage { message });
        }
        let make = move || match self {
            Format::Text(width) => Ok(message_card(&message, clock(), look(width))),
            Format::Csv => Ok(lines::MESSAGE_CSV_HEADER.to_owned() + &lines::message_csv(&message)),
            Format::Json | Format::Ndjson => ndjson(&[message]),
        };
        Ok(self.written(context.drawers.draw(make).await??))
    }

    /// A page as a table of so many columns.
    pub(crate) async fn feed_table(
        context: &Context,
        width: usize,
        mut page: api::FeedPage,
    ) -> Result<Answer, ApiError> {
        let limits = &context.settings.limits;
        let (lines, bytes) = (limits.drawn_lines, limits.drawn_size);
        let make = move || {
            let table = drawn_page(&mut page, look(width).with_lines(lines), bytes);
            (table, page.next_cursor)
        };
        let (table, next_cursor) = context.drawers.draw(make).await?;
        let mut answer = Format::Text(width).written(table);
        set_next_cursor(&mut answer, next_cursor.as_deref());
        Ok(answer)
    }

    /// A page that is written as lines already.
    pub(crate) fn lines(self, body: AnswerBody, next_cursor: Option<MessageId>) -> Answer {
        let mut answer = self.of_type(body);
        let next_cursor = next_cursor.map(|id| id.to_string());
        set_next_cursor(&mut answer, next_cursor.as_deref());
        answer
    }

    pub(crate) async fn trend(
        self,
        context: &Context,
        filter: TrendFilter,
        trends: api::Trends,
    ) -> Result<Answer, ApiError> {
        if self == Format::Json {
            return response::data(StatusCode::OK, trends);
        }
        let make = move || match self {
            Format::Text(width) => Ok(drawn_trend(&filter, &trends, look(width))),
            Format::Csv => {
                let header = lines::bucket_csv_header(!filter.hashtags.is_empty()).to_owned();
                let buckets = trends.trends.iter();
                Ok(buckets.fold(header, |csv, bucket| csv + &lines::bucket_csv(bucket)))
            }
            Format::Json | Format::Ndjson => ndjson(&trends.trends),
        };
        Ok(self.written(context.drawers.draw(make).await??))
    }

    pub(crate) async fn hashtags(
        self,
        context: &Context,
        period: Period,
        rows: Vec<TagRow>,
    ) -> Result<Answer, ApiError> {
        if let Format::Text(width) = self {
            let make = move || tags_table(&rows, period, look(width));
            return Ok(self.written(context.drawers.draw(make).await?));
        }
        let hashtags = rows.into_iter().map(|row| api::HashtagCount {
            hashtag: row.hashtag,
            count: row.count,
        });
        let hashtags = api::Hashtags {
            hashtags: hashtags.collect(),
        };
        match self {
            Format::Json | Format::Text(_) => response::data(StatusCode::OK, hashtags),
            Format::Csv => Ok(self.written(lines::tag_csv(&hashtags))),
            Format::Ndjson => Ok(self.written(ndjson(&hashtags.hashtags)?)),
        }
    }

    pub(crate) fn users(self, users: api::Users) -> Result<Answer, ApiError> {
        match self {
            Format::Json => response::data(StatusCode::OK, users),
            Format::Text(_) => Ok(self.written(lines::user_lines(&users))),
            Format::Csv => Ok(self.written(lines::user_csv(&users))),
            Format::Ndjson => Ok(self.written(ndjson(&users.users)?)),
        }
    }

    fn written(self, body: impl Into<Bytes>) -> Answer {
        self.of_type(AnswerBody::whole(body))
    }

    fn of_type(self, body: AnswerBody) -> Answer {
        let content_type = match self {
            Format::Json => response::JSON,
            Format::Text(_) => TEXT,
            Format::Csv => CSV,
            Format::Ndjson => NDJSON,
        };
        let mut answer = response::of_type(StatusCode::OK, content_type, body);
        answer
            .headers_mut()
            .insert(VARY, HeaderValue::from_static("accept"));
        answer
    }
}

/// A page as a table of about so many bytes. What is left out of it, the
/// page's cursor leads to.
fn drawn_page(page: &mut api::FeedPage, look: Look, bytes: usize) -> String {
    let times = Times {
        clock: clock(),
        format: TimeFormat::Absolute,
    };
    if page.messages.is_empty() {
        return feed_table(&[], &times, look);
    }
    let table = FeedTable::fit(&page.messages, &times, look);
    let (rows, drawn) = table.first_rows(&page.messages, bytes);
    let left = page.messages.len() - drawn;
    if left > 0 {
        page.next_cursor = Some(page.messages[drawn - 1].id.clone());
    }
    let mut text = table.header() + &rows;
    if let Some(cursor) = &page.next_cursor {
        let older = match left {
            0 => "older messages".to_owned(),
            left => format!(
                "{} of this page and older ones",
                counted(left as u64, "message")
            ),
        };
        text += &format!("\n{older}: cursor={cursor}\n");
    }
    text
}

fn drawn_trend(filter: &TrendFilter, trends: &api::Trends, look: Look) -> String {
    let moment = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let names: Vec<String> = filter.hashtags.iter().map(ToString::to_string).collect();
    let trend = Trend::new(
        &trends.trends,
        &names,
        moment(filter.from()),
        moment(filter.to()),
        filter.interval.seconds(),
    );
    chart::draw(&trend, ChartStyle::default(), clock(), look)
}

/// The other forms have no place for the cursor.
fn set_next_cursor(answer: &mut Answer, next_cursor: Option<&str>) {
    if let Some(cursor) = next_cursor.and_then(|id| HeaderValue::from_str(id).ok()) {
        answer.headers_mut().insert("x-next-cursor", cursor);
    }
}

/// The first type of `Accept` that there is; JSON for `*/*`, for none that
/// there is, and for none at all.
fn accepted(headers: &HeaderMap, columns: usize) -> Format {
    let values = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut types = values
        .flat_map(|value| value.split(','))
        .map(|one| one.split(';').next().unwrap_or("").trim());
    let known = types.find_map(
        |media_type| match media_type.to_ascii_lowercase().as_str() {
            "text/plain" => Some(Format::Text(columns)),
            "text/csv" => Some(Format::Csv),
            "application/x-ndjson" => Some(Format::Ndjson),
            "application/json" | "application/*" | "*/*" => Some(Format::Json),
            _ => None,
        },
    );
    known.unwrap_or(Format::Json)
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
        zone: Zone::Utc,
    }
}

fn look(width: usize) -> Look {
    Look::new(width, false, Charset::Unicode)
}

fn ndjson<T: Serialize>(values: &[T]) -> Result<String, ApiError> {
    let mut text = String::new();
    for value in values {
        text += &serde_json::to_string(value)?;
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(value: &'static str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(value));
        accepted(&headers, 80)
    }

    #[test]
    fn accept_chooses_and_json_is_the_rule() {
        assert_eq!(accepting("text/plain"), Format::Text(80));
        assert_eq!(accepting("image/png, text/csv;q=0.5"), Format::Csv);
        assert_eq!(accepting("application/x-ndjson"), Format::Ndjson);
        assert_eq!(accepting("*/*"), Format::Json);
        assert_eq!(
            accepting("text/html,application/xhtml+xml,*/*;q=0.8"),
            Format::Json
        );
    }
}
