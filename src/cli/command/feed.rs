//! `dunder feed`: messages, page by page, in constant memory unless they are
//! to be turned around; with `--follow`, as they are posted ([`follow`]).

mod exec;
mod follow;
mod live;
mod position;

use chrono::{DateTime, Utc};
use clap::Args;

use crate::api::{self, FeedPage, FeedQuery, Message, Missing};
use crate::cli::CliError;
use crate::cli::args::{Common, count, date, hashtag, start, user};
use crate::cli::client::{Answer, Client};
use crate::cli::command::form::{FormArgs, Printed, list_format};
use crate::cli::reference::Reference;
use crate::cli::session::Session;
use crate::cli::settings::Settings;
use crate::cli::ui::Ui;
use crate::cli::zone;
use crate::domain::{FeedLimit, Zone};
use crate::output::chart::ChartStyle;
use crate::output::format::{Format, Listing};
use crate::output::records::MESSAGES;
use crate::output::{Clock, TimeFormat, counted};

/// Messages shown when nobody says how many: about a screen.
const DEFAULT_LIMIT: usize = 20;

/// What `dunder feed` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Dates: 2019-09-23, '2019-09-23 10:00', yesterday, 3d (three days ago), in your
own time zone, or RFC 3339 with an offset. The start moves back and the end
forward to a whole minute, as for trend and tags: the three count the same.

When the output is not a terminal each message is one line of fields separated
by TAB: time (RFC 3339, UTC), id, user, hashtags, text; a newline in the text
is \\n, a tab \\t, a backslash \\\\.

With --follow, messages come as they are posted, the oldest first, each once:
a connection that is lost is made again and goes on where it was. A command
of --exec reads the text on its standard input; the rest is in its environment,
DUNDER_ID, DUNDER_USER, DUNDER_TEXT, DUNDER_HASHTAGS, DUNDER_CREATED_AT.
--timeout is then for the whole. 'dunder help following' says more.

  dunder feed -f -n 50 -t ops
  dunder feed -f -o ndjson | jq -r .text
  dunder feed -f -t deploy --count 1 --timeout 10m > /dev/null && echo deployed
  dunder feed -f -t alert --exec mail -s alert ann@example.com
  dunder feed --position ~/.ops.position -t ops --exec ./handle")]
pub struct FeedArgs {
    /// The same as --hashtag
    #[arg(value_name = "TAG", value_parser = hashtag)]
    tags: Vec<String>,

    /// Only messages with this hashtag; repeat it for messages with all
    #[arg(short = 't', long, visible_alias = "tag", value_name = "TAG", value_parser = hashtag)]
    hashtag: Vec<String>,

    /// Any of the hashtags is enough
    #[arg(long)]
    any: bool,

    /// No messages with this hashtag; repeat it for more
    #[arg(long, value_name = "TAG", value_parser = hashtag)]
    not: Vec<String>,

    /// Only messages of this user; repeat it for those of any of them
    #[arg(short, long, value_name = "NAME", value_parser = user)]
    user: Vec<String>,

    /// Only messages at or after this date
    #[arg(long, value_name = "DATE", value_parser = start, allow_hyphen_values = true)]
    since: Option<DateTime<Utc>>,

    /// Only messages before this date
    #[arg(long, value_name = "DATE", value_parser = date, allow_hyphen_values = true)]
    until: Option<DateTime<Utc>>,

    /// At most so many, the newest ones [default: 20]
    #[arg(short = 'n', long, value_name = "N", value_parser = count)]
    limit: Option<u64>,

    /// All there are
    #[arg(long, conflicts_with = "limit")]
    all: bool,

    /// Only messages older than this one: its id, the start of it, or -1 for
    /// the one you posted last
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    cursor: Option<Reference>,

    /// The oldest first
    #[arg(long)]
    reverse: bool,

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
    times: TimeArgs,

    #[command(flatten)]
    form: FormArgs,

    #[command(flatten)]
    follow: follow::FollowArgs,

    #[command(flatten)]
    common: Common,
}

impl FeedArgs {
    /// Which messages, whenever they were posted.
    fn wanted(&self) -> FeedQuery {
        FeedQuery {
            user_name: self.user.clone(),
            hashtag: self.tags.iter().chain(&self.hashtag).cloned().collect(),
            any: self.any.then(|| "true".to_owned()),
            not_hashtag: self.not.clone(),
            ..FeedQuery::default()
        }
    }
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
            zone: match self.utc {
                true => Zone::UTC,
                false => zone::here().clone(),
            },
        }
    }
}

/// How times are shown.
#[derive(Debug, Args)]
pub(crate) struct TimeArgs {
    #[command(flatten)]
    zone: TimeZoneArgs,

    /// auto, relative, clock, absolute, iso, unix or a strftime pattern
    #[arg(long, value_name = "FORMAT")]
    pub time_format: Option<TimeFormat>,
}

impl TimeArgs {
    pub fn clock(&self) -> Clock {
        self.zone.clock()
    }

    /// A listing with its times as asked for.
    pub fn printed<'a>(
        &'a self,
        listing: Listing,
        format: &'static Format,
        settings: &'a Settings,
    ) -> Printed<'a> {
        // The person's own setting is for their eyes: programs read what they
        // always read.
        let own = settings.time_format().filter(|_| format.is_drawn);
        Printed {
            listing,
            format,
            clock: self.clock(),
            time_format: self.time_format.as_ref().or(own),
            style: ChartStyle::default(),
        }
    }
}

/// Prints the messages.
///
/// # Errors
/// The server did not answer, or the output is closed.
pub(crate) async fn run(args: FeedArgs, ui: &mut Ui) -> Result<(), CliError> {
    if let (Some(since), Some(until)) = (args.since, args.until)
        && since >= until
    {
        return Err(backward(since, until));
    }
    if args.any && args.tags.is_empty() && args.hashtag.is_empty() {
        return Err(CliError::Usage(
            "--any says that one of several hashtags is enough: name them, as in \
             'dunder feed ops prod --any'"
                .to_owned(),
        ));
    }
    if args.follow.is_wanted() {
        return follow::run(&args, ui).await;
    }
    let Session { settings, client } = Session::open(&args.common, ui).await?;
    let cursor = match &args.cursor {
        Some(reference) => Some(reference.id(&client).await?),
        None => None,
    };
    let mut pages = Pages::new(&client, &args, cursor, &settings);
    let drawn = settings.output().map_or("table", |format| format.name);
    let format = args.form.format(args.output, args.common.json, drawn, ui);
    let is_document = args
        .form
        .is_document(format, args.times.time_format.as_ref())?;
    if is_document && pages.wanted <= usize::from(FeedLimit::MAX) && !args.reverse {
        // One page: the server's document as it is.
        let answer = pages.fetch().await?;
        ui.print_json(&answer.document)?;
        warn_of(&pages.missing, ui);
        return Ok(());
    }
    let printed = args
        .times
        .printed(Listing::of(&MESSAGES), format, &settings);
    let mut printer = args.form.printer(printed, &settings, ui)?;
    if args.reverse {
        let mut all = Vec::new();
        while let Some(page) = pages.next().await? {
            all.extend(page);
        }
        all.reverse();
        printer.rows(&all)?;
    } else {
        while let Some(page) = pages.next().await? {
            printer.rows(&page)?;
            if args.all && pages.more {
                let seen = counted(pages.seen as u64, "message");
                printer.ui.progress(&format!("{seen} so far"));
            }
        }
    }
    // Turned around, the last is not where the next page begins.
    let next = pages.query.cursor.clone().filter(|_| !args.reverse);
    printer.finish(next.as_deref())?;
    warn_of(&pages.missing, ui);
    if pages.more && !args.all && format.is_drawn {
        let on = pages
            .query
            .cursor
            .map(|last| format!("--cursor {last}, or "));
        let on = on.unwrap_or_default();
        ui.remark(&format!("(there are older ones: {on}-n N, or --all)"));
    }
    Ok(())
}

/// Says what is not among the messages.
fn warn_of(missing: &[Missing], ui: &mut Ui) {
    for Missing { from_date, to_date } in missing {
        ui.warn(&format!(
            "messages from {from_date} to {to_date} are missing: the server cannot read its archive there"
        ));
    }
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
    /// What the server could not read.
    missing: Vec<Missing>,
}

impl Pages<'_> {
    fn new<'a>(
        client: &'a Client,
        args: &FeedArgs,
        cursor: Option<String>,
        settings: &Settings,
    ) -> Pages<'a> {
        let wanted = match args.limit.or(settings.limit()) {
            _ if args.all => usize::MAX,
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
            None => DEFAULT_LIMIT,
        };
        Pages {
            client,
            query: FeedQuery {
                from_date: args.since.map(|date| api::time::format_millis(&date)),
                to_date: args.until.map(|date| api::time::format_millis(&date)),
                cursor,
                ..args.wanted()
            },
            wanted,
            seen: 0,
            more: true,
            missing: Vec::new(),
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
        // A cursor that does not move would page for ever. A page may be empty
        // all the same: what is looked for was not in so much of an archive.
        let is_stuck = answer.data.next_cursor >= self.query.cursor;
        if self.more && self.query.cursor.is_some() && is_stuck {
            return Err(CliError::Failed(
                "the server's pages do not end; is it really a dunder server?".to_owned(),
            ));
        }
        self.query.cursor.clone_from(&answer.data.next_cursor);
        for span in &answer.data.missing {
            if !self.missing.contains(span) {
                self.missing.push(span.clone());
            }
        }
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
