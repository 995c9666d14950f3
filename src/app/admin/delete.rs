//! `dunder admin delete`: the operator deletes whatever has to go, beside a
//! server or without one.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::api;
use crate::app::admin::AdminError;
use crate::app::admin::check::CheckArgs;
use crate::app::admin::open::open_existing;
use crate::app::admin::streams::{is_terminal, say, written};
use crate::app::admin::vacuum::VacuumArgs;
use crate::cli;
use crate::cli::zone;
use crate::config::StoreArgs;
use crate::domain::{
    Deleter, Deletion, FeedFilter, FeedLimit, Hashtag, MAX_HASHTAGS, Message, MessageId, Store,
    UserName, parse_date, shown,
};
use crate::output::format::{Format, Listing, Options, write_all};
use crate::output::records::MESSAGES;
use crate::output::{Clock, counted};

/// Messages deleted in one transaction: posts wait for it.
const AT_ONCE: u16 = 200;
/// Messages that a dry run shows.
const SHOWN: usize = 20;
/// Ids are looked up one by one.
const MOST_IDS: usize = 1_000;

/// What the operator does with messages.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Delete messages, whoever wrote them; a dry run without --yes
    Delete(DeleteArgs),
    /// Check that lists and counters agree with messages, and mend them
    Check(CheckArgs),
    /// Write the embedded store's file anew, with nothing in it but the store
    Vacuum(VacuumArgs),
}

impl OperatorCommand {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        match self {
            OperatorCommand::Delete(args) => args.run().await,
            OperatorCommand::Check(args) => args.run().await,
            OperatorCommand::Vacuum(args) => args.run().await,
        }
    }
}

/// Arguments of `dunder admin delete`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
What is deleted fits all that is said. Without --yes nothing is deleted: the
newest of the messages are shown, and how many there are. The server may be
running. Deleted messages leave a tombstone each, so that an import of an older
export does not bring them back.

  dunder admin delete 01M8741VA955XG9NXY6T855T8K --yes
  dunder admin delete --user ann --before 2019-01-01
  dunder admin delete --hashtag ci --before 90d --yes")]
pub struct DeleteArgs {
    /// Ids of messages, or starts of ids
    #[arg(value_name = "ULID")]
    pub ids: Vec<String>,
    /// Written by this user
    #[arg(long, value_name = "NAME")]
    pub user: Option<UserName>,
    /// Carrying this hashtag; repeated: all of them
    #[arg(short = 't', long = "hashtag", value_name = "TAG")]
    pub hashtags: Vec<Hashtag>,
    /// Older than this date, or than a duration such as 90d
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub before: Option<DateTime<Utc>>,
    /// Delete them, instead of a dry run
    #[arg(short, long)]
    pub yes: bool,
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// A date as the operator writes it, where they are.
fn date(text: &str) -> Result<DateTime<Utc>, String> {
    parse_date(text, Utc::now(), zone::here()).map_err(|error| error.to_string())
}

impl DeleteArgs {
    async fn run(&self) -> Result<u8, AdminError> {
        // Before a store is opened, and brought up to date, for nothing.
        self.filter()?;
        let opened = open_existing(&self.store).await?;
        let opened = opened.with_archive(&self.store).await?;
        let store = opened.store.as_ref();
        let done = delete(store, self, &mut io::stdout()).await;
        // Empties the log of an embedded store.
        store.close().await;
        done.map(|()| 0)
    }

    fn filter(&self) -> Result<FeedFilter, AdminError> {
        let is_any = self.user.is_some() || self.before.is_some() || !self.hashtags.is_empty();
        if self.ids.is_empty() && !is_any {
            return Err(AdminError::Usage(
                "say which messages: by their ids, --user, --hashtag or --before".to_owned(),
            ));
        }
        let mut hashtags: Vec<Hashtag> = Vec::new();
        for hashtag in &self.hashtags {
            if !hashtags.contains(hashtag) {
                hashtags.push(hashtag.clone());
            }
        }
        if hashtags.len() > MAX_HASHTAGS {
            return Err(AdminError::Usage(format!(
                "{} hashtags are named; a message has at most {MAX_HASHTAGS}",
                hashtags.len()
            )));
        }
        Ok(FeedFilter {
            users: self.user.iter().cloned().collect(),
            hashtags,
            // As it was said: a list's whole minute would be more.
            to: self.before,
            limit: limit(AT_ONCE),
            ..FeedFilter::default()
        })
    }
}

fn limit(count: u16) -> FeedLimit {
    FeedLimit::new(count).unwrap_or_default()
}

/// Deletes what fits the arguments, or says what that is.
///
/// # Errors
/// An id is none or no message's, the store, or the output. What was deleted
/// before stays deleted.
pub async fn delete(
    store: &dyn Store,
    args: &DeleteArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), AdminError> {
    let filter = args.filter()?;
    let named = named(store, &args.ids, &filter).await?;
    if !args.yes {
        let found = match &named {
            Some(named) => Found::of(named),
            None => Found::by(store, filter).await?,
        };
        return found.show(args, out);
    }
    let mut deleted = 0;
    let done = match named {
        Some(named) => {
            let ids: Vec<MessageId> = named.iter().map(|message| message.id).collect();
            delete_all(store, &ids, &mut deleted).await
        }
        None => delete_pages(store, filter, &mut deleted).await,
    };
    // How many are gone whatever then failed.
    match args.json {
        true => say(out, &json!({ "data": { "deleted": deleted } }).to_string())?,
        false => say(out, &format!("deleted {}", counted(deleted, "message")))?,
    };
    done
}

/// The messages of some ids that fit a filter, oldest ids first as named;
/// `None` where no id is named.
async fn named(
    store: &dyn Store,
    ids: &[String],
    filter: &FeedFilter,
) -> Result<Option<Vec<Message>>, AdminError> {
    if ids.is_empty() {
        return Ok(None);
    }
    if ids.len() > MOST_IDS {
        return Err(AdminError::Usage(format!(
            "{} ids are named; name at most {MOST_IDS} at once",
            ids.len()
        )));
    }
    let mut found: Vec<Message> = Vec::new();
    for text in ids {
        let Some(message) = one(store, text).await? else {
            continue;
        };
        let fits = filter.users.iter().all(|user| *user == message.user)
            && filter.to.is_none_or(|to| message.created_at() < to)
            && (filter.hashtags.iter()).all(|hashtag| message.hashtags.contains(hashtag));
        if fits && found.iter().all(|other| other.id != message.id) {
            found.push(message);
        }
    }
    Ok(Some(found))
}

/// The message that an id or the start of one names; `None` if it is deleted
/// already.
async fn one(store: &dyn Store, text: &str) -> Result<Option<Message>, AdminError> {
    let width = MessageId::CHARS;
    let fill = |with: char| {
        let missing = width.saturating_sub(text.len());
        let filled: String = text
            .chars()
            .chain(std::iter::repeat_n(with, missing))
            .collect();
        filled.parse::<MessageId>().ok()
    };
    let Some((first, last)) = fill('0').zip(fill('Z')).filter(|_| !text.is_empty()) else {
        return Err(AdminError::Usage(format!(
            "{} is not the id of a message, nor the start of one",
            shown(text)
        )));
    };
    if first == last
        && store.message(first).await?.is_none()
        && store.tombstone(first).await?.is_some()
    {
        return Ok(None);
    }
    let filter = FeedFilter {
        cursor: (last < MessageId::MAX).then(|| last.successor()),
        limit: limit(2),
        ..FeedFilter::default()
    };
    let mut messages = store.feed(&filter).await?.messages;
    messages.retain(|message| message.id >= first);
    match messages.len() {
        0 => Err(AdminError::Refused(format!(
            "there is no message whose id is or starts with {}",
            shown(text)
        ))),
        1 => Ok(messages.pop()),
        _ => Err(AdminError::Refused(format!(
            "{} is the start of several ids; write more of it",
            shown(text)
        ))),
    }
}

/// Deletes page by page, from the newest on: what is posted meanwhile stays.
async fn delete_pages(
    store: &dyn Store,
    mut filter: FeedFilter,
    deleted: &mut u64,
) -> Result<(), AdminError> {
    loop {
        let page = store.feed(&filter).await?;
        let ids: Vec<MessageId> = page.messages.iter().map(|message| message.id).collect();
        delete_all(store, &ids, deleted).await?;
        match page.next_cursor {
            Some(cursor) => filter.cursor = Some(cursor),
            None => return Ok(()),
        }
    }
}

async fn delete_all(
    store: &dyn Store,
    ids: &[MessageId],
    deleted: &mut u64,
) -> Result<(), AdminError> {
    for ids in ids.chunks(usize::from(AT_ONCE)) {
        let done = store.delete(ids.to_vec(), Deleter::Operator, Utc::now());
        let done = done.await?;
        let is_new = |one: &&Deletion| matches!(one, Deletion::Deleted(_));
        *deleted += done.iter().filter(is_new).count() as u64;
    }
    Ok(())
}

/// What a dry run found.
struct Found {
    /// The first of them.
    messages: Vec<api::Message>,
    count: u64,
}

impl Found {
    fn of(messages: &[Message]) -> Found {
        Found {
            messages: messages
                .iter()
                .take(SHOWN)
                .map(api::Message::from)
                .collect(),
            count: messages.len() as u64,
        }
    }

    async fn by(store: &dyn Store, mut filter: FeedFilter) -> Result<Found, AdminError> {
        let mut found = Found::of(&[]);
        filter.limit = limit(FeedLimit::MAX);
        loop {
            let page = store.feed(&filter).await?;
            let room = SHOWN.saturating_sub(found.messages.len());
            let first = page.messages.iter().take(room);
            found.messages.extend(first.map(api::Message::from));
            found.count += page.messages.len() as u64;
            match page.next_cursor {
                Some(cursor) => filter.cursor = Some(cursor),
                None => return Ok(found),
            }
        }
    }

    fn show(&self, args: &DeleteArgs, out: &mut (dyn Write + Send)) -> Result<(), AdminError> {
        if args.json {
            let document = json!({ "would_delete": self.count, "messages": self.messages });
            return say(out, &json!({ "data": document }).to_string()).map(drop);
        }
        if self.count > 0 {
            let name = if is_terminal() { "table" } else { "lines" };
            // Both are forms.
            let format = Format::named(name).unwrap_or(Format::JSON);
            let clock = Clock {
                now: Utc::now(),
                zone: zone::here().clone(),
            };
            let options = Options::new(cli::look(), clock);
            let text = write_all(format.open(Listing::of(&MESSAGES), options), &self.messages);
            written(out.write_all(&text).and_then(|()| out.flush()))?;
        }
        let left = self.count - self.messages.len() as u64;
        let more = match left {
            0 => String::new(),
            left => format!(" ({left} more than are shown)"),
        };
        let verb = if self.count == 1 { "fits" } else { "fit" };
        let count = counted(self.count, "message");
        // What to do next is for the person, not for a program that reads.
        let said = format!("{count} {verb}{more}; nothing was deleted, --yes deletes\n");
        written(io::stderr().write_all(said.as_bytes()))
    }
}
