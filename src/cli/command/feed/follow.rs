//! `dunder feed --follow`: messages as they are posted, each once and in
//! order, printed or handed to a command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use tokio::time::{Instant, sleep_until};

use super::FeedArgs;
use super::exec::{Runner, text_of};
use super::live::Live;
use super::position::PositionFile;
use crate::api::{self, Message, StreamEvent, StreamQuery};
use crate::cli::CliError;
use crate::cli::args::{Common, count};
use crate::cli::follow::{Follower, Step};
use crate::cli::reference::Reference;
use crate::cli::session::Session;
use crate::cli::settings::Settings;
use crate::cli::stop::Stop;
use crate::cli::ui::{Ui, reader_left};
use crate::domain::{FeedLimit, MessageId, format_duration};
use crate::output::counted;
use crate::output::format::Format;

/// The most messages that servers count back from the present.
const MOST_BEFORE: u64 = FeedLimit::MAX as u64;
/// How long a Ctrl-C that has ended a command may take to be heard of here.
const ALSO_TOLD: Duration = Duration::from_millis(100);

/// How to follow, and for how long.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Following",
    group = ArgGroup::new("following").multiple(true)
)]
pub(crate) struct FollowArgs {
    /// Show messages as they are posted, the oldest first, until Ctrl-C;
    /// -n 50 shows the last 50 before, --since and --all more
    #[arg(short, long, group = "following")]
    follow: bool,

    /// Go on behind this message (its id, the start of it, or -1 for the one
    /// you posted last), the oldest first; without --follow up to the last
    /// there is
    #[arg(
        long,
        value_name = "ID",
        allow_hyphen_values = true,
        group = "following"
    )]
    after: Option<Reference>,

    /// Go on where the last command with this FILE ended, and keep there
    /// where this one ends. The first time, -n, --since or --all says where
    /// to begin, else with what is posted from then on
    #[arg(
        long,
        value_name = "FILE",
        group = "following",
        value_hint = clap::ValueHint::FilePath,
        conflicts_with = "after"
    )]
    position: Option<PathBuf>,

    /// End after so many messages
    #[arg(long, value_name = "N", value_parser = count, requires = "following")]
    count: Option<u64>,

    /// Run a command for each message instead of printing it. All that
    /// follows, up to a ';', is the command and its arguments
    #[arg(
        long,
        value_name = "COMMAND",
        num_args = 1..,
        allow_hyphen_values = true,
        value_terminator = ";",
        value_hint = clap::ValueHint::CommandName,
        requires = "following"
    )]
    exec: Vec<OsString>,

    /// End with code 1 when a command fails, before its message counts as
    /// done
    #[arg(long, requires = "exec")]
    fail_fast: bool,
}

impl FollowArgs {
    /// Whether messages are read forward.
    pub fn is_wanted(&self) -> bool {
        self.follow || self.after.is_some() || self.position.is_some()
    }
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Ctrl-C or SIGTERM.
    Told,
    /// Nobody reads the output.
    Left,
    /// `--timeout`.
    Time,
    /// `--count`.
    Count,
    /// All there is has been shown.
    CaughtUp,
}

/// Follows until something ends it.
///
/// # Errors
/// Flags that do not go together, a server that refuses or cannot be reached
/// at first, a command that failed, or an output that is closed.
pub(crate) async fn run(args: &FeedArgs, ui: &mut Ui) -> Result<(), CliError> {
    check(args)?;
    let mut stop = Stop::listen()?;
    // With --follow, --timeout is for the whole; a call has its own.
    let common = Common {
        timeout: None,
        ..args.common.clone()
    };
    let deadline = args.common.timeout.map(|wait| Instant::now() + wait);
    let session = tokio::select! {
        biased;
        () = stop.told() => return Ok(()),
        session = Session::open(&common, ui) => session?,
    };
    let after = match &args.follow.after {
        Some(reference) => Some(reference.id(&session.client).await?),
        None => None,
    };
    let position = args.follow.position.as_deref().map(PositionFile::open);
    let position = position.transpose()?;
    let format = format(args, &session.settings, ui);
    let mut following = Following {
        args,
        runner: match args.follow.exec.as_slice() {
            [] => None,
            words => Some(Runner::new(words)?),
        },
        live: Live::new(args, &session.settings, format, ui)?,
        stop,
        deadline,
        position,
        last: None,
        done: 0,
        failed: 0,
        was_connected: false,
    };
    let mut follower = Follower::new(&session.client, following.query(after));
    let end = following.run(&mut follower, &session, ui).await;
    // Whatever ended it, what is done is done.
    let settled = following.settle(ui);
    let end = end?;
    settled?;
    following.close(end, ui)
}

/// What cannot be meant together.
fn check(args: &FeedArgs) -> Result<(), CliError> {
    let follow = &args.follow;
    let refused = |why: &str| Err(CliError::Usage(why.to_owned()));
    let how = match follow.follow {
        true => "--follow",
        false if follow.after.is_some() => "--after",
        false => "--position",
    };
    if args.until.is_some() || args.cursor.is_some() {
        let flag = if args.until.is_some() {
            "--until"
        } else {
            "--cursor"
        };
        return refused(&format!(
            "{how} reads on to the newest message; leave {flag} out"
        ));
    }
    if args.reverse {
        return refused(&format!(
            "{how} shows the oldest first already; leave --reverse out"
        ));
    }
    if args.common.json || args.output.is_some_and(|format| format.name == "json") {
        return refused(&format!(
            "one JSON document has an end, which {how} has not; use -o ndjson, one object a line"
        ));
    }
    if args.limit.is_some_and(|limit| limit > MOST_BEFORE) {
        return refused(&format!(
            "-n with {how} is at most {MOST_BEFORE}; --since and --all begin further back"
        ));
    }
    let begins = [
        (follow.after.is_some(), "--after"),
        (args.since.is_some(), "--since"),
        (args.limit.is_some(), "-n"),
        (args.all, "--all"),
    ];
    let mut begins = begins.iter().filter(|(is_given, _)| *is_given);
    if let (Some((_, one)), Some((_, other))) = (begins.next(), begins.next()) {
        return refused(&format!(
            "{one} and {other} both say where to begin; leave one out (--count N ends after so many)"
        ));
    }
    Ok(())
}

/// The form to print in, or to hand to a command. A document of one piece,
/// which settings may name, is none of these.
fn format(args: &FeedArgs, settings: &Settings, ui: &Ui) -> &'static Format {
    let drawn = settings.output().map_or("table", |format| format.name);
    let drawn = if drawn == "json" { "ndjson" } else { drawn };
    args.form.format(args.output, false, drawn, ui)
}

struct Following<'a> {
    args: &'a FeedArgs,
    runner: Option<Runner>,
    live: Live<'a>,
    stop: Stop,
    deadline: Option<Instant>,
    position: Option<PositionFile>,
    /// Behind what has been dealt with.
    last: Option<MessageId>,
    done: u64,
    failed: u64,
    was_connected: bool,
}

impl Following<'_> {
    /// What is followed, and where it begins.
    fn query(&self, after: Option<String>) -> StreamQuery {
        let wanted = self.args.wanted();
        let query = StreamQuery {
            user_name: wanted.user_name,
            hashtag: wanted.hashtag,
            any: wanted.any,
            not_hashtag: wanted.not_hashtag,
            ..StreamQuery::default()
        };
        let kept = self.position.as_ref().and_then(PositionFile::kept);
        let after = kept.map(|position| position.to_string()).or(after);
        match (after, self.args.since) {
            (None, _) if self.args.all => StreamQuery {
                after: Some(MessageId::MIN.to_string()),
                ..query
            },
            (None, Some(since)) => StreamQuery {
                from_date: Some(api::time::format_millis(&since)),
                ..query
            },
            (None, None) => StreamQuery {
                last: Some(self.args.limit.unwrap_or(0).to_string()),
                ..query
            },
            (after, _) => StreamQuery { after, ..query },
        }
    }

    async fn run(
        &mut self,
        follower: &mut Follower<'_>,
        session: &Session,
        ui: &mut Ui,
    ) -> Result<End, CliError> {
        let left = reader_left();
        tokio::pin!(left);
        loop {
            // A command has done its work: it is not to do it again.
            if self.runner.is_some() || !follower.is_ready() {
                self.settle(ui)?;
            }
            let deadline = self.deadline;
            let time_is_up = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let step = tokio::select! {
                biased;
                () = self.stop.told() => return Ok(End::Told),
                () = &mut left => return Ok(End::Left),
                () = time_is_up => return Ok(End::Time),
                step = follower.next() => step?,
            };
            match step {
                Step::Event(event, position) => {
                    if let Some(end) = self.take(event, position, ui).await? {
                        return Ok(end);
                    }
                }
                Step::Connected(after) => self.connected(after, session, ui),
                Step::Lost(reason) => {
                    self.settle(ui)?;
                    let server = &session.client.access().server;
                    ui.say(&format!(
                        "dunder: {server}: {reason}; trying again until it is back"
                    ));
                }
            }
        }
    }

    /// Says that the server is there; on a terminal, that it can be waited
    /// for.
    fn connected(&mut self, after: Option<Duration>, session: &Session, ui: &mut Ui) {
        self.was_connected = true;
        let server = &session.client.access().server;
        let Some(after) = after else {
            if self.args.follow.follow {
                ui.remark(&format!("(following {server}; Ctrl-C ends)"));
            }
            return;
        };
        let after = match after.as_secs() {
            0 => String::new(),
            seconds => format!(" after {}", format_duration(Duration::from_secs(seconds))),
        };
        ui.say(&format!(
            "dunder: {server} is back{after}; it goes on where it was"
        ));
    }

    /// What was printed is on its way to the reader, and then its position
    /// is kept.
    fn settle(&mut self, ui: &mut Ui) -> Result<(), CliError> {
        ui.finish()?;
        match (&mut self.position, self.last) {
            (Some(file), Some(last)) => file.keep(last),
            _ => Ok(()),
        }
    }

    /// Deals with an event.
    async fn take(
        &mut self,
        event: StreamEvent,
        position: MessageId,
        ui: &mut Ui,
    ) -> Result<Option<End>, CliError> {
        let mut end = None;
        match event {
            StreamEvent::Message { message, .. } => {
                if self.runner.is_some() {
                    if let Some(told) = self.exec(message, ui).await? {
                        return Ok(Some(told));
                    }
                } else {
                    self.live.message(&message, ui)?;
                }
                self.done += 1;
                if self.args.follow.count == Some(self.done) {
                    end = Some(End::Count);
                }
            }
            StreamEvent::Deleted { id, .. } if self.runner.is_none() => self.live.deleted(&id, ui)?,
            StreamEvent::Gap { from, to, .. } => ui.warn(&format!(
                "messages after {from} and up to {to} are not kept by the server any more and were not shown"
            )),
            StreamEvent::CaughtUp { .. } if !self.args.follow.follow => {
                end = Some(End::CaughtUp);
            }
            StreamEvent::Deleted { .. }
            | StreamEvent::CaughtUp { .. }
            | StreamEvent::Heartbeat { .. }
            | StreamEvent::Bye { .. } => {}
        }
        self.last = Some(position);
        Ok(end)
    }

    /// Runs the command for a message. `Some` if it is over and the message
    /// does not count as done.
    async fn exec(&mut self, message: Message, ui: &mut Ui) -> Result<Option<End>, CliError> {
        let Some(runner) = self.runner.clone() else {
            return Ok(None);
        };
        let input = match self.args.output {
            None if !self.args.form.is_templated() => text_of(&message),
            _ => self.live.alone(&message, ui)?,
        };
        let mut running = tokio::task::spawn_blocking(move || runner.run(&message, &input));
        let mut is_told = false;
        let failure = tokio::select! {
            done = &mut running => done,
            () = self.stop.told() => {
                is_told = true;
                running.await
            }
        };
        let failure = failure.unwrap_or_else(|error| Some(error.to_string()));
        let Some(why) = failure else {
            return Ok(None);
        };
        // Ctrl-C is for the command as well, and may have reached it first.
        let told = self.stop.told();
        is_told = is_told || tokio::time::timeout(ALSO_TOLD, told).await.is_ok();
        if is_told {
            return Ok(Some(End::Told));
        }
        if self.args.follow.fail_fast {
            return Err(CliError::Failed(format!("--exec: {why}")));
        }
        self.failed += 1;
        ui.warn(&format!("--exec: {why}"));
        Ok(None)
    }

    /// What there is to say at the end.
    fn close(&self, end: End, ui: &mut Ui) -> Result<(), CliError> {
        if let Some(last) = self
            .last
            .filter(|_| self.position.is_none() && end != End::Left)
        {
            // The terminal has written ^C.
            let line = if end == End::Told { "\n" } else { "" };
            ui.remark(&format!("{line}(--after {last} goes on from here)"));
        }
        let wanted = self.args.follow.count;
        match (end, wanted) {
            (End::Told | End::Left, _) => return Ok(()),
            (End::Time, _) if !self.was_connected => {
                return Err(CliError::Unreachable(
                    "the server was not heard within --timeout".to_owned(),
                ));
            }
            (End::Time, Some(wanted)) => {
                return Err(CliError::Failed(format!(
                    "{} of {wanted} came within --timeout",
                    counted(self.done, "message")
                )));
            }
            (End::Time | End::Count | End::CaughtUp, _) => {}
        }
        match self.failed {
            0 => Ok(()),
            failed => Err(CliError::Failed(format!(
                "--exec: {} of {} failed",
                counted(failed, "command"),
                self.done
            ))),
        }
    }
}
