//! `dunder retention`: evicts once what the settings say is too old, or says
//! what that would be.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::app::admin::AdminError;
use crate::app::admin::open::open_with;
use crate::app::admin::streams::say;
use crate::app::archive;
use crate::app::retention::{Count, Due};
use crate::config::{ArchiveConfig, RetentionArgs as Settings, RetentionConfig};
use crate::domain::{MessageId, Rule, Store, format_duration};
use crate::output::counted;

/// Arguments of `dunder retention`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
How long messages are kept is a setting, of all messages and of hashtags:

  retention:
    messages: 90d
    hashtags: {ci: 7d}

A server with these settings evicts by itself what is older, every minute. What
is evicted is gone; what it counted stays counted. The server may be running.

  dunder retention --dry-run --config_file config.yaml
  dunder retention --dry-run --retention.messages 90d")]
pub struct RetentionArgs {
    /// Evict nothing: say how much would go, and from when to when
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept, and for how long.
    #[command(flatten)]
    pub settings: Settings,
}

/// What became of a rule's messages, or would.
#[derive(Debug, Serialize)]
struct Line {
    /// None of the rule of all messages.
    hashtag: Option<String>,
    kept: String,
    before: String,
    messages: u64,
    from: Option<String>,
    to: Option<String>,
}

impl RetentionArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        let (store, retention, settings) = self.settings.load()?;
        if !retention.is_any() {
            return Err(AdminError::Usage(
                "nothing says how long messages are kept, so all are; write retention.messages: 90d or retention.hashtags: {ci: 7d} into the file that --config_file names, or as flags".to_owned(),
            ));
        }
        if ArchiveConfig::from_settings(&settings)?.is_some() {
            return Err(AdminError::Usage(
                "archive.url is set, so nothing is dropped: 'dunder archive' moves what is too old, and --dry-run there says what that is".to_owned(),
            ));
        }
        let opened = open_with(store, &settings, self.dry_run).await?;
        let store = opened.store.as_ref();
        archive::refuse_without(store).await?;
        let done = retain(store, &retention, self, Utc::now(), &mut io::stdout()).await;
        store.close().await;
        done.map(|()| 0)
    }
}

/// Evicts what is too old at a moment, or says what that is.
///
/// # Errors
/// The store, or the output. What was evicted before stays evicted.
pub async fn retain(
    store: &dyn Store,
    retention: &RetentionConfig,
    args: &RetentionArgs,
    now: DateTime<Utc>,
    out: &mut (dyn Write + Send),
) -> Result<(), AdminError> {
    let mut lines = Vec::new();
    let mut all_before = None;
    for due in Due::at(&retention.rules, now) {
        // What the rule of all messages takes is counted once.
        let after = all_before.map(MessageId::predecessor);
        let count = match args.dry_run {
            true => due.count(store, after).await?,
            false => {
                let (mut after, mut gone) = (None, Count::default());
                while due.step(store, &mut after, &mut gone).await? {}
                gone
            }
        };
        if due.rule == Rule::All {
            all_before = Some(due.before);
        }
        if !args.json {
            say(out, &sentence(&due, count, args.dry_run))?;
        }
        lines.push(Line::of(&due, count));
    }
    if args.json {
        let document = json!({ "dry_run": args.dry_run, "rules": lines });
        say(out, &json!({ "data": document }).to_string())?;
    }
    Ok(())
}

fn date(id: MessageId) -> String {
    id.created_at().to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn sentence(due: &Due, count: Count, is_dry: bool) -> String {
    let kept = format_duration(due.kept);
    let (rule, before) = (&due.rule, date(due.before));
    let done = if is_dry { "would go" } else { "went" };
    let messages = counted(count.messages, "message");
    let range = match count.range {
        Some((first, last)) => format!(", from {} to {}", date(first), date(last)),
        None => String::new(),
    };
    format!("{rule}, kept for {kept} (since {before}): {messages} {done}{range}")
}

impl Line {
    fn of(due: &Due, count: Count) -> Line {
        Line {
            hashtag: match &due.rule {
                Rule::All => None,
                Rule::Hashtag(hashtag) => Some(hashtag.to_string()),
            },
            kept: format_duration(due.kept),
            before: date(due.before),
            messages: count.messages,
            from: count.range.map(|(first, _)| date(first)),
            to: count.range.map(|(_, last)| date(last)),
        }
    }
}
