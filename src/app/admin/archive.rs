//! `dunder archive`: old messages are moved into the archive, once; beside a
//! server or without one.

use std::io;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use crate::app::admin::AdminError;
use crate::app::admin::open::{open_existing, with_archive};
use crate::app::admin::streams::say;
use crate::app::archive::{self, Turn};
use crate::config::{ArchiveConfig, StoreArgs};
use crate::domain::{Day, Rule, StoreError, Zone, parse_date};
use crate::output::counted;
use crate::store::archive::{Archived, Due, DueDay, Moved};

/// Arguments of `dunder archive`.
#[derive(Debug, Args)]
pub struct ArchiveArgs {
    /// Move messages of days that ended before this (UTC days); without it, what archive.after says
    #[arg(long, value_name = "DATE", value_parser = before)]
    pub before: Option<DateTime<Utc>>,
    /// Say which messages would be moved, and move none
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

fn before(text: &str) -> Result<DateTime<Utc>, String> {
    parse_date(text, Utc::now(), &Zone::UTC).map_err(|error| error.to_string())
}

/// What a run did.
struct Done {
    moved: Moved,
    removed: u64,
    failure: Option<StoreError>,
}

impl ArchiveArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        let Some(config) = self.store.archive()? else {
            return Err(AdminError::Usage(
                "there is no archive: name one with --archive.url file:///DIRECTORY or s3://BUCKET/PREFIX"
                    .to_owned(),
            ));
        };
        let due = self.due(&config)?;
        let hot = open_existing(&self.store).await?;
        let opened = with_archive(&hot.store, &self.store).await?;
        let done = match &opened.archive {
            Some(archived) => self.archive(archived, &due).await,
            None => Ok(0),
        };
        opened.store.close().await;
        done
    }

    fn due(&self, config: &ArchiveConfig) -> Result<Due, AdminError> {
        let now = Utc::now();
        match self.before {
            Some(before) => Ok(Due::by([(Rule::All, Day::at(before))], now)),
            None if config.rules.is_empty() => Err(AdminError::Usage(
                "archive.after is never: say what is old with --before DATE".to_owned(),
            )),
            None => Ok(archive::due(config, now)),
        }
    }

    async fn archive(&self, archived: &Archived, due: &Due) -> Result<u8, AdminError> {
        if self.dry_run {
            return self.show(&archived.due_days(due).await?);
        }
        let work = async {
            let mut moved = Moved::default();
            let finished = archived.finish().await;
            let all = archived.move_due(due, &mut moved).await;
            let swept = archived.sweep(Utc::now()).await;
            let removed = *swept.as_ref().unwrap_or(&0);
            let failure = finished.err().or(all.err()).or(swept.err());
            Done {
                moved,
                removed,
                failure,
            }
        };
        let done = match archive::in_turn(archived, &archive::owner(), work).await? {
            Turn::Done(done) => done,
            Turn::Another => {
                return Err(AdminError::Refused(
                    "another program is moving messages into the archive; wait for it, or try again in two minutes if it was killed".to_owned(),
                ));
            }
        };
        let Moved {
            messages,
            files,
            bytes,
        } = done.moved;
        let said = match self.json {
            true => {
                let removed = done.removed;
                let data = json!({ "messages": messages, "files": files, "bytes": bytes, "removed_files": removed });
                json!({ "data": data }).to_string()
            }
            false => {
                let files = counted(files, "file");
                let messages = counted(messages, "message");
                format!("moved {messages} into the archive: {files} written, {bytes} bytes")
            }
        };
        // What was done is said whatever then failed.
        say(&mut io::stdout(), &said)?;
        match done.failure {
            Some(error) => Err(error.into()),
            None => Ok(0),
        }
    }

    fn show(&self, days: &[DueDay]) -> Result<u8, AdminError> {
        let out = &mut io::stdout();
        let all: u64 = days.iter().map(|day| day.messages).sum();
        if self.json {
            let days = days
                .iter()
                .map(|day| json!({ "day": day.day.to_string(), "messages": day.messages }));
            let days: Vec<_> = days.collect();
            let data = json!({ "would_move": all, "days": days });
            return say(out, &json!({ "data": data }).to_string());
        }
        for DueDay { day, messages } in days {
            say(out, &format!("{day}  {messages}"))?;
        }
        let (all, days) = (counted(all, "message"), counted(days.len() as u64, "day"));
        say(out, &format!("{all} of {days} would be moved"))
    }
}
