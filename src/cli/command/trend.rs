//! `dunder trend`: counts over time, as a chart or as lines.

mod follow;

use chrono::{DateTime, Utc};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::api::{self, TrendQuery, Trends};
use crate::cli::CliError;
use crate::cli::args::{Common, WrittenDate, date, hashtag};
use crate::cli::client::{Answer, Client};
use crate::cli::command::empty::point_to_data;
use crate::cli::command::feed::{TimeArgs, backward};
use crate::cli::command::form::{FormArgs, Printed, trend_format};
use crate::cli::session::Session;
use crate::cli::ui::Ui;
use crate::cli::zone;
use crate::domain::{Hashtag, Interval, TrendFilter, TrendRequest, Zone};
use crate::output::chart::{ChartStyle, TrendRange};
use crate::output::format::{Format, Listing};
use crate::output::records::buckets_of;
use crate::output::tags::Period;

/// Buckets of a range whose aggregation was not said: fewer than so many.
const MOST_BUCKETS: i64 = 120;

/// What `dunder trend` takes.
#[derive(Debug, Args)]
#[command(mut_arg("fields", |fields| {
    fields.help("Only these, in this order, such as from,count")
}))]
#[command(after_help = "\
Without dates: the last 60 buckets. With --since but no --aggregation: buckets
of a length that suits the range. Days, weeks (from Monday), months and years
are those of the calendar in your time zone, or of UTC with --utc. The first
and the last bucket end where the range does.

When the output is not a terminal each bucket is one line of fields separated
by TAB: from_date, to_date (RFC 3339, UTC), count, and the hashtag if any was
asked for.")]
pub struct TrendArgs {
    /// The same as --hashtag
    #[arg(value_name = "TAG", value_parser = hashtag)]
    tags: Vec<String>,

    /// Count messages with this hashtag; repeat it to compare several
    #[arg(short = 't', long, visible_alias = "tag", value_name = "TAG", value_parser = hashtag)]
    hashtag: Vec<String>,

    /// The length of a bucket: day, week, month, year, or such as 1m, 90m
    #[arg(short, long, value_name = "WIDTH")]
    aggregation: Option<Interval>,

    /// Start at this date
    #[arg(long, value_name = "DATE", value_parser = WrittenDate::read, allow_hyphen_values = true)]
    since: Option<WrittenDate>,

    /// End before this date
    #[arg(long, value_name = "DATE", value_parser = date, allow_hyphen_values = true)]
    until: Option<DateTime<Utc>>,

    /// Draw the chart in place, again when it changes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,

    /// How to draw
    #[arg(long, value_name = "STYLE", value_parser = style())]
    style: Option<ChartStyle>,

    /// How to print [default: chart on a terminal, else lines]
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        value_parser = trend_format(),
        conflicts_with = "json"
    )]
    output: Option<&'static Format>,

    /// Empty buckets too, in lines, CSV and JSON
    #[arg(long)]
    fill: bool,

    #[command(flatten)]
    times: TimeArgs,

    #[command(flatten)]
    form: FormArgs,

    #[command(flatten)]
    common: Common,
}

/// Listed for help and completions, read by the renderer.
fn style() -> impl TypedValueParser<Value = ChartStyle> {
    PossibleValuesParser::new(["bars", "line", "spark"]).try_map(|text| text.parse::<ChartStyle>())
}

/// Prints the trend.
///
/// # Errors
/// A range that cannot be meant, no answer, or a closed output.
pub(crate) async fn run(mut args: TrendArgs, ui: &mut Ui) -> Result<(), CliError> {
    let tags = std::mem::take(&mut args.tags);
    args.hashtag.splice(0..0, tags);
    if args.follow {
        return follow::run(&args, ui).await;
    }
    let clock = args.times.clock();
    let since = args.since.as_ref().map(WrittenDate::at);
    let (filter, warning) = filter(&args, since, &clock.zone, Utc::now())?;
    if let Some(warning) = warning {
        ui.warn(&warning);
    }
    let (from, to) = (filter.buckets.from_date(), filter.buckets.to_date());
    let Session { settings, client } = Session::open(&args.common, ui).await?;
    let answer = ask(&args, &filter, &client).await?;
    let asked = match args.output {
        None if args.style.is_some() && !args.common.json => Format::named("chart"),
        asked => asked,
    };
    let format = args.form.format(asked, args.common.json, "chart", ui);
    let time_format = args.times.time_format.as_ref();
    if args.form.is_document(format, time_format)? {
        return ui.print_json(&answer.document);
    }
    let hashtags: Vec<String> = filter.hashtags.iter().map(Hashtag::to_string).collect();
    let style = args.style.unwrap_or_default();
    let printed = Printed {
        listing: listing(filter),
        format,
        clock: clock.clone(),
        time_format,
        style,
    };
    let mut printer = args.form.printer(printed, &settings, ui)?;
    let buckets = &answer.data.trends;
    printer.rows(buckets)?;
    printer.finish(None)?;
    let is_empty = buckets.iter().all(|bucket| bucket.count == 0);
    if is_empty && format.is_drawn && style != ChartStyle::Spark {
        let period = Period { from, to, clock };
        point_to_data(&client, period, &hashtags, ui).await;
    }
    Ok(())
}

/// What the server counts.
async fn ask(
    args: &TrendArgs,
    filter: &TrendFilter,
    client: &Client,
) -> Result<Answer<Trends>, CliError> {
    let (from, to) = (filter.buckets.from_date(), filter.buckets.to_date());
    let query = TrendQuery {
        from_date: Some(api::time::format_seconds(&from)),
        to_date: Some(api::time::format_seconds(&to)),
        aggregation: Some(filter.interval.to_string()),
        // What servers take it for without being told.
        tz: Some(filter.zone.to_string()).filter(|_| !filter.zone.is_utc()),
        fill: args.fill.then(|| "true".to_owned()),
        hashtag: args.hashtag.clone(),
        ..TrendQuery::default()
    };
    client.get("/trend", &query.to_query_string()).await
}

/// The listing of what a filter asks for.
fn listing(filter: TrendFilter) -> Listing {
    buckets_of(TrendRange {
        buckets: filter.buckets,
        interval: filter.interval,
        zone: filter.zone,
        hashtags: filter.hashtags.iter().map(Hashtag::to_string).collect(),
    })
}

/// The range and the buckets asked for, and a warning about them; the edges
/// are settled here, so that the picture's are the answer's.
fn filter(
    args: &TrendArgs,
    since: Option<DateTime<Utc>>,
    zone: &Zone,
    now: DateTime<Utc>,
) -> Result<(TrendFilter, Option<String>), CliError> {
    let end = args.until.unwrap_or(now);
    if let Some(since) = since
        && since >= end
    {
        return Err(backward(since, end));
    }
    let interval = match (args.aggregation, since) {
        (Some(interval), _) => interval,
        (None, Some(since)) => Interval::suiting((end - since).num_seconds(), MOST_BUCKETS),
        (None, None) => Interval::MINUTE,
    };
    let hashtags = args
        .hashtag
        .iter()
        .filter_map(|tag| tag.parse::<Hashtag>().ok())
        .collect();
    let asked = TrendRequest {
        from: since,
        to: args.until,
        interval: Some(interval),
        zone: Some(zone.clone()),
        hashtags,
    };
    let of = |asked| TrendFilter::new(asked, now).map_err(|e| CliError::Usage(e.to_string()));
    let filter = of(asked.clone())?;
    if zone.name().is_some() {
        return Ok((filter, None));
    }
    // A server knows zones by their names.
    let in_utc = of(TrendRequest {
        zone: Some(Zone::UTC),
        ..asked
    })?;
    let warning = (in_utc.buckets != filter.buckets).then(|| {
        format!(
            "this machine's time zone has no name, so buckets are those of UTC: {}",
            zone::ADVICE
        )
    });
    Ok((in_utc, warning))
}
