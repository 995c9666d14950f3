//! `dunder tags`: the busiest hashtags of a period, each with its course.
//!
//! One call lists them, one call for every sixteen draws their spark lines;
//! both are answered from counters.

use chrono::{DateTime, Duration, Utc};
use clap::Args;

use crate::api::{self, Hashtags, HashtagsQuery, TrendQuery, Trends};
use crate::cli::CliError;
use crate::cli::args::{Common, count_of_tags, date, hashtag, start};
use crate::cli::client::{Answer, Client};
use crate::cli::command::empty::point_to_data;
use crate::cli::command::feed::{TimeZoneArgs, backward};
use crate::cli::command::form::{FormArgs, Printed, list_format};
use crate::cli::session::Session;
use crate::cli::ui::Ui;
use crate::domain::{Interval, MAX_HASHTAGS, Range, TrendFilter};
use crate::output::chart::{ChartStyle, Trend};
use crate::output::format::Format;
use crate::output::tags;
use crate::output::tags::{Period, TagRow};

/// Hashtags when nobody says how many: those one call draws.
const DEFAULT_LIMIT: u16 = MAX_HASHTAGS as u16;
/// The period when nobody says from when.
const DEFAULT_DAYS: i64 = 7;
/// Buckets of a spark line: at most so many.
const SPARKS: i64 = 40;

/// What `dunder tags` takes.
#[derive(Debug, Args)]
#[command(mut_arg("fields", |fields| {
    fields.help("Only these, in this order, such as hashtag,count")
}))]
#[command(after_help = "\
Without dates: the last 7 days. The same dates as for feed: 2019-09-23,
yesterday, 3d (three days ago). The start moves back and the end forward to a
whole minute, as for trend and feed: the three count the same.

  dunder tags --since 30d
  dunder tags --prefix deploy --since 2019-01-01 --until 2019-02-01
  dunder tags --since 30d -o lines | cut -f 1

When the output is not a terminal each hashtag is one line: hashtag, TAB,
count.")]
pub struct TagsArgs {
    /// The same as --prefix
    #[arg(value_name = "PREFIX", value_parser = hashtag, conflicts_with = "prefix")]
    start: Option<String>,

    /// Only hashtags that start so
    #[arg(short, long, value_name = "PREFIX", value_parser = hashtag)]
    prefix: Option<String>,

    /// Count from this date [default: 7 days ago]
    #[arg(long, value_name = "DATE", value_parser = start, allow_hyphen_values = true)]
    since: Option<DateTime<Utc>>,

    /// Count up to this date
    #[arg(long, value_name = "DATE", value_parser = date, allow_hyphen_values = true)]
    until: Option<DateTime<Utc>>,

    /// At most so many, the busiest ones
    #[arg(short = 'n', long, value_name = "N", default_value_t = DEFAULT_LIMIT,
        value_parser = count_of_tags)]
    limit: u16,

    /// How to print [default: table on a terminal, else lines]
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        value_parser = list_format(),
        conflicts_with = "json"
    )]
    output: Option<&'static Format>,

    #[command(flatten)]
    zone: TimeZoneArgs,

    #[command(flatten)]
    form: FormArgs,

    #[command(flatten)]
    common: Common,
}

/// Prints the hashtags.
///
/// # Errors
/// A range that cannot be meant, no answer, or a closed output.
pub(crate) async fn run(args: TagsArgs, ui: &mut Ui) -> Result<(), CliError> {
    let clock = args.zone.clock();
    let to = args.until.unwrap_or(clock.now);
    let from = args
        .since
        .unwrap_or_else(|| to - Duration::days(DEFAULT_DAYS));
    if from >= to {
        return Err(backward(from, to));
    }
    let prefix = args.prefix.clone().or_else(|| args.start.clone());
    let range = Range::new(from, to).map_err(|error| CliError::Usage(error.to_string()))?;
    let period = Period {
        from: range.from_date(),
        to: range.to_date(),
        clock: clock.clone(),
    };
    let Session { settings, client } = Session::open(&args.common, ui).await?;
    let query = HashtagsQuery {
        from_date: Some(api::time::format_millis(&from)),
        to_date: Some(api::time::format_millis(&to)),
        limit: Some(args.limit.to_string()),
        prefix: prefix.clone(),
        ..HashtagsQuery::default()
    };
    let answer: Answer<Hashtags> = client
        .get("/trend/hashtags", &query.to_query_string())
        .await?;
    let found = answer.data;
    let drawn = settings.output().map_or("table", |format| format.name);
    let format = args.form.format(args.output, args.common.json, drawn, ui);
    if args.form.is_document(format, None)? {
        return ui.print_json(&answer.document);
    }
    let rows = match format.name {
        "table" => rows(&client, found, range).await?,
        _ => found.hashtags.into_iter().map(TagRow::from).collect(),
    };
    let printed = Printed {
        listing: tags::listing(rows.len(), prefix.as_deref(), &period),
        format,
        clock,
        time_format: None,
        style: ChartStyle::default(),
    };
    let mut printer = args.form.printer(printed, &settings, ui)?;
    printer.rows(&rows)?;
    printer.finish(None)?;
    if format.is_drawn && rows.is_empty() {
        match prefix {
            None => point_to_data(&client, period, &[], ui).await,
            Some(_) if args.since.is_none() => {
                ui.remark("(these were the last 7 days: --since DATE looks further back)");
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The hashtags with their counts over the period, sixteen a call: a trend
/// has no more series.
async fn rows(client: &Client, found: Hashtags, range: Range) -> Result<Vec<TagRow>, CliError> {
    let interval = Interval::parting(range.seconds(), SPARKS);
    let buckets = TrendFilter::unlimited(range, interval)
        .map_err(|error| CliError::Usage(error.to_string()))?
        .buckets;
    let mut rows = Vec::with_capacity(found.hashtags.len());
    for some in found.hashtags.chunks(MAX_HASHTAGS) {
        let names: Vec<String> = some.iter().map(|tag| tag.hashtag.clone()).collect();
        let query = TrendQuery {
            from_date: Some(api::time::format_seconds(&range.from_date())),
            to_date: Some(api::time::format_seconds(&range.to_date())),
            aggregation: Some(interval.to_string()),
            hashtag: names.clone(),
            ..TrendQuery::default()
        };
        let answer: Answer<Trends> = client.get("/trend", &query.to_query_string()).await?;
        let trend = Trend::new(&answer.data.trends, &names, buckets.clone(), interval);
        rows.extend(some.iter().zip(trend.series).map(|(tag, series)| TagRow {
            hashtag: tag.hashtag.clone(),
            count: tag.count,
            counts: series.counts,
        }));
    }
    Ok(rows)
}
