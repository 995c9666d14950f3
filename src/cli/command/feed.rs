//! `dunder feed`: messages, page by page, in constant memory unless they are
//! to be turned around.

use chrono::{DateTime, Utc};
use clap::Args;

use crate::api::{self, FeedPage, FeedQuery, Message};
use crate::cli::CliError;
use crate::cli::account::credentials::Access;
use crate::cli::args::{Common, ListFormat, count, date, hashtag, ulid, user, width};
use crate::cli::client::{Answer, Client};
use crate::cli::ui::terminal;
use crate::cli::ui::terminal::{Output, Progress};
use crate::domain::FeedLimit;
use crate::output::feed::{FeedTable, Times, feed_table};
use crate::output::lines::{MESSAGE_CSV_HEADER, message_csv, message_line};
use crate::output::{Clock, Look, TimeFormat, Zone, counted};

/// Messages shown when nobody says how many: about a screen.
const DEFAULT_LIMIT: usize = 20;

/// What `dunder feed` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Dates: 2019-09-23, '2019-09-23 10:00', yesterday, 3d (three days ago), in your
own time zone, or RFC 3339 with an offset.

When the output is not a terminal each message is one line of fields separated
by TAB: time (RFC 3339, UTC), id, user, hashtags, text; a newline in the text
is \\n, a tab \\t, a backslash \\\\.")]
pub struct FeedArgs {
    /// Only messages with this hashtag; repeat it for messages with all
    #[arg(short = 't', long, visible_alias = "tag", value_name = "TAG", value_parser = hashtag)]
    hashtag: Vec<String>,

    /// Only messages of this user
    #[arg(short, long, value_name = "NAME", value_parser = user)]
    user: Option<String>,

    /// Only messages at or after this date
    #[arg(long, value_name = "DATE", value_parser = date)]
    since: Option<DateTime<Utc>>,

    /// Only messages before this date
    #[arg(long, value_name = "DATE", value_parser = date)]
    until: Option<DateTime<Utc>>,

    /// At most so many, the newest ones [default: 20]
    #[arg(short = 'n', long, value_name = "N", value_parser = count)]
    limit: Option<u64>,

    /// All there are
    #[arg(long, conflicts_with = "limit")]
    all: bool,

    /// Only messages older than the one with this id
    #[arg(long, value_name = "ULID", value_parser = ulid)]
    cursor: Option<String>,

    /// The oldest first
    #[arg(long)]
    reverse: bool,

    /// How to print [default: table on a terminal, else lines]
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        conflicts_with = "json"
    )]
    output: Option<ListFormat>,

    #[command(flatten)]
    times: TimeArgs,

    /// Draw so wide [default: the terminal's width]
    #[arg(long, value_name = "COLUMNS", value_parser = width)]
    width: Option<u16>,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// Where times are shown.
#[derive(Debug, Args)]
pub(crate) struct TimeZoneArgs {
    /// Show times in UTC instead of your zone
    #[arg(long)]
    pub utc: bool,
}

impl TimeZoneArgs {
    pub fn clock(&self) -> Clock {
        Clock {
            now: Utc::now(),
            zone: if self.utc { Zone::Utc } else { Zone::Local },
        }
    }
}

/// How times are shown.
#[derive(Debug, Args)]
pub(crate) struct TimeArgs {
    #[command(flatten)]
    zone: TimeZoneArgs,

    /// auto, relative, absolute, iso, unix or a strftime pattern
    #[arg(long, value_name = "FORMAT")]
    pub time_format: Option<TimeFormat>,
}

impl TimeArgs {
    pub fn clock(&self) -> Clock {
        self.zone.clock()
    }

    /// Times of a table.
    pub fn for_people(&self) -> Times {
        Times {
            clock: self.clock(),
            format: self.time_format.clone().unwrap_or(TimeFormat::Auto),
        }
    }

    /// Times of lines: UTC unless a format was asked for.
    pub fn for_programs(&self) -> Times {
        match &self.time_format {
            Some(_) => self.for_people(),
            None => Times {
                clock: Clock {
                    now: Utc::now(),
                    zone: Zone::Utc,
                },
                format: TimeFormat::Iso,
            },
        }
    }
}

/// Prints the messages.
///
/// # Errors
/// The server did not answer, or the output is closed.
pub(crate) async fn run(args: FeedArgs) -> Result<(), CliError> {
    if let (Some(since), Some(until)) = (args.since, args.until)
        && since >= until
    {
        return Err(backward(since, until));
    }
    let client = Client::new(Access::of(&args.common)?, args.common.timeout)?;
    let mut pages = Pages::new(&client, &args);
    let format = ListFormat::of(args.output, args.common.json);
    if format == ListFormat::Json && pages.wanted <= usize::from(FeedLimit::MAX) && !args.reverse {
        // One page: the server's document as it is.
        let answer = pages.fetch().await?;
        return terminal::print_json(&answer.document);
    }
    let mut printer = Printer::new(format, &args);
    let progress = Progress::new();
    if args.reverse {
        let mut all = Vec::new();
        while let Some(page) = pages.next().await? {
            all.extend(page);
        }
        all.reverse();
        printer.page(&all)?;
    } else {
        while let Some(page) = pages.next().await? {
            printer.page(&page)?;
            if args.all && pages.more {
                let seen = counted(pages.seen as u64, "message");
                progress.show(&format!("{seen} so far"));
            }
        }
    }
    printer.finish()?;
    if pages.more && !args.all && format == ListFormat::Table {
        terminal::remark("(there are older ones: -n N shows more, --all shows all)");
    }
    Ok(())
}

/// The error of a range that ends before it starts.
pub(crate) fn backward(since: DateTime<Utc>, until: DateTime<Utc>) -> CliError {
    let shown = |date: &DateTime<Utc>| api::time::format_seconds(date);
    CliError::Usage(format!(
        "--since {} is not before --until {}; swap them or leave one out",
        shown(&since),
        shown(&until)
    ))
}

/// The pages of an answer, one after another.
struct Pages<'a> {
    client: &'a Client,
    query: FeedQuery,
    wanted: usize,
    seen: usize,
    more: bool,
}

impl Pages<'_> {
    fn new<'a>(client: &'a Client, args: &FeedArgs) -> Pages<'a> {
        let wanted = match args.limit {
            _ if args.all => usize::MAX,
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
            None => DEFAULT_LIMIT,
        };
        Pages {
            client,
            query: FeedQuery {
                from_date: args.since.map(|date| api::time::format_millis(&date)),
                to_date: args.until.map(|date| api::time::format_millis(&date)),
                user_name: args.user.clone(),
                cursor: args.cursor.clone(),
                hashtag: args.hashtag.clone(),
                ..FeedQuery::default()
            },
            wanted,
            seen: 0,
            more: true,
        }
    }

    /// The next page as it comes.
    async fn fetch(&mut self) -> Result<Answer<FeedPage>, CliError> {
        let limit = (self.wanted - self.seen).min(usize::from(FeedLimit::MAX));
        self.query.limit = Some(limit.to_string());
        let answer: Answer<FeedPage> = self
            .client
            .get("/message", &self.query.to_query_string())
            .await?;
        self.seen += answer.data.messages.len();
        self.more = answer.data.next_cursor.is_some();
        // A cursor that does not move would page for ever.
        if self.more
            && (answer.data.messages.is_empty() || answer.data.next_cursor == self.query.cursor)
        {
            return Err(CliError::Failed(
                "the server's pages do not end; is it really a dunder server?".to_owned(),
            ));
        }
        self.query.cursor.clone_from(&answer.data.next_cursor);
        Ok(answer)
    }

    /// The messages of the next page, while there is one.
    async fn next(&mut self) -> Result<Option<Vec<Message>>, CliError> {
        if !self.more || self.seen >= self.wanted {
            return Ok(None);
        }
        Ok(Some(self.fetch().await?.data.messages))
    }
}

/// Prints pages as they come.
struct Printer {
    format: ListFormat,
    output: Output,
    look: Look,
    for_people: Times,
    for_programs: Times,
    /// The table, once its first page is known.
    table: Option<FeedTable>,
    printed: usize,
}

impl Printer {
    fn new(format: ListFormat, args: &FeedArgs) -> Printer {
        Printer {
            format,
            output: Output::new(),
            look: terminal::look(&args.common, args.width),
            for_people: args.times.for_people(),
            for_programs: args.times.for_programs(),
            table: None,
            printed: 0,
        }
    }

    fn page(&mut self, messages: &[Message]) -> Result<(), CliError> {
        match self.format {
            ListFormat::Table => self.table_page(messages)?,
            ListFormat::Lines => {
                let Times { clock, format } = &self.for_programs;
                for message in messages {
                    self.output.write(&message_line(message, *clock, format))?;
                }
            }
            ListFormat::Csv => {
                if self.printed == 0 && !messages.is_empty() {
                    self.output.write(MESSAGE_CSV_HEADER)?;
                }
                for message in messages {
                    self.output.write(&message_csv(message))?;
                }
            }
            ListFormat::Json | ListFormat::Ndjson => self.json_page(messages)?,
        }
        self.printed += messages.len();
        Ok(())
    }

    fn table_page(&mut self, messages: &[Message]) -> Result<(), CliError> {
        if messages.is_empty() {
            return Ok(());
        }
        let table = match &self.table {
            Some(table) => table,
            None => {
                let table = FeedTable::fit(messages, &self.for_people, self.look);
                self.output.write(&table.header())?;
                self.table.insert(table)
            }
        };
        self.output.write(&table.rows(messages))
    }

    /// Several pages as one document, or a line each.
    fn json_page(&mut self, messages: &[Message]) -> Result<(), CliError> {
        for (at, message) in messages.iter().enumerate() {
            let object = serde_json::to_string(message)
                .map_err(|error| CliError::Failed(format!("cannot write JSON: {error}")))?;
            if self.format == ListFormat::Json {
                let first = self.printed + at == 0;
                self.output.write(if first { JSON_START } else { "," })?;
            }
            self.output.write(&terminal::json(&object))?;
            if self.format == ListFormat::Ndjson {
                self.output.write("\n")?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), CliError> {
        match self.format {
            ListFormat::Table if self.printed == 0 => {
                self.output
                    .write(&feed_table(&[], &self.for_people, self.look))?;
            }
            ListFormat::Csv if self.printed == 0 => self.output.write(MESSAGE_CSV_HEADER)?,
            ListFormat::Json => {
                if self.printed == 0 {
                    self.output.write(JSON_START)?;
                }
                self.output.write("]}}\n")?;
            }
            ListFormat::Table | ListFormat::Csv | ListFormat::Lines | ListFormat::Ndjson => {}
        }
        self.output.finish()
    }
}

const JSON_START: &str = "{\"data\":{\"messages\":[";
