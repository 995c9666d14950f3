//! `dunder admin check`: whether a store is whole. What is derived from
//! messages is compared with them, and messages with what was acknowledged.

use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat};
use clap::Args;
use serde_json::{Value, json};

use crate::app::admin::AdminError;
use crate::app::admin::acknowledged::{Verdict, judge, read_ids};
use crate::app::admin::open::{read_only, settled, with_archive};
use crate::app::admin::streams::{is_dash, written};
use crate::app::store::{blocking, is_there, options};
use crate::config::{StoreArgs, StoreConfig};
use crate::output::counted;
use crate::store::inspection::{Difference, Inspection};
use crate::store::{OpenError, cockroach, sqlite};

/// Differences that are shown.
const SHOWN: usize = 20;

/// Arguments of `dunder admin check`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Reads the whole store, in one snapshot, while servers use it: that each message
is in the lists of its user and hashtags, that nothing else is, and that every
counter says how many messages there are. Ends with 1 if something differs.

--repair mends lists and counters from the messages. Restart servers that have
an embedded file open: they keep sums in memory.

--acknowledged reads ids of messages, or answers to posts as the server gave
them, one a line, and says which of them are stored, deleted or missing, and
what is stored beside them. A message beside them that says what one of them
says counts as stored twice: try a store with texts that all differ.

  dunder admin check
  dunder admin check --repair
  dunder admin check --acknowledged answers.ndjson --cockroach.host db1,db2")]
pub struct CheckArgs {
    /// Mend lists and counters from the messages
    #[arg(long)]
    pub repair: bool,
    /// Compare with the ids, or the answers to posts, in this file; '-' for standard input
    #[arg(long, value_name = "FILE")]
    pub acknowledged: Option<PathBuf>,
    /// Print one JSON document, {"data": ...}
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl CheckArgs {
    pub(super) async fn run(&self) -> Result<u8, AdminError> {
        let ids = match &self.acknowledged {
            Some(path) => Some(read_ids(reader(path)?, path)?),
            None => None,
        };
        let config = settled(&self.store)?;
        let mut found = inspect(&config).await?;
        let mended = match self.repair && found.differences.iter().any(Difference::is_mendable) {
            true => Some(repair(&config, &mut found).await?),
            false => None,
        };
        let verdict = match ids {
            Some(ids) => {
                let opened = read_only(&config).await?;
                // What was moved to an archive is stored.
                let whole = with_archive(&opened.store, &self.store).await?;
                let verdict = judge(whole.store.as_ref(), ids).await;
                whole.store.close().await;
                Some(verdict?)
            }
            None => None,
        };
        let report = Report {
            free: free_space(&config),
            found,
            mended,
            verdict,
        };
        written(report.write(self.json, &mut io::stdout()))?;
        Ok(u8::from(!report.is_whole()))
    }
}

fn reader(path: &Path) -> Result<Box<dyn Read>, AdminError> {
    if is_dash(path) {
        return Ok(Box::new(io::stdin()));
    }
    let file = std::fs::File::open(path).map_err(AdminError::file("read", path))?;
    Ok(Box::new(BufReader::new(file)))
}

async fn inspect(config: &StoreConfig) -> Result<Inspection, OpenError> {
    match config {
        StoreConfig::Sqlite { path, .. } => {
            is_there(path)?;
            let path = path.clone();
            blocking(move || sqlite::inspect(&path)).await
        }
        StoreConfig::Cockroach(config) => Ok(cockroach::inspect(options(config)?).await?),
    }
}

/// Mends, until nothing more can be, and looks again; how much was mended.
async fn repair(config: &StoreConfig, found: &mut Inspection) -> Result<usize, OpenError> {
    let mut mended = 0;
    loop {
        let differences = std::mem::take(&mut found.differences);
        let more = match config {
            StoreConfig::Sqlite { path, .. } => {
                let path = path.clone();
                blocking(move || sqlite::mend(&path, &differences)).await?
            }
            StoreConfig::Cockroach(config) => {
                cockroach::mend(options(config)?, &differences).await?
            }
        };
        mended += more;
        let had_more = found.has_more;
        *found = inspect(config).await?;
        if more == 0 || !had_more {
            return Ok(mended);
        }
    }
}

/// Bytes that the disk of an embedded store has left, and those of its file.
fn free_space(config: &StoreConfig) -> Option<(u64, u64)> {
    let StoreConfig::Sqlite { path, .. } = config else {
        return None;
    };
    let disk = rustix::fs::statvfs(path).ok()?;
    let size = std::fs::metadata(path).ok()?.len();
    Some((disk.f_bavail * disk.f_frsize, size))
}

fn date(seconds: i64) -> String {
    let date = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    date.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// What there is to say.
struct Report {
    found: Inspection,
    mended: Option<usize>,
    verdict: Option<Verdict>,
    free: Option<(u64, u64)>,
}

impl Report {
    fn is_whole(&self) -> bool {
        let is_judged = self.verdict.as_ref().is_none_or(Verdict::is_good);
        self.found.differences.is_empty() && !self.found.has_more && is_judged
    }

    fn write(&self, json: bool, out: &mut dyn Write) -> io::Result<()> {
        match json {
            true => writeln!(out, "{}", self.document()),
            false => self.lines(out),
        }?;
        out.flush()
    }

    fn document(&self) -> Value {
        let found = &self.found;
        let shown = found.differences.iter().map(Difference::to_string);
        let shown: Vec<String> = shown.collect();
        let mut data = json!({
            "messages": found.messages,
            "places": found.places,
            "counters": found.counters,
            "differences": shown,
            "has_more": found.has_more,
        });
        if let Some(from) = found.counted_from {
            data["counted_from"] = json!(date(from));
        }
        if let Some(mended) = self.mended {
            data["mended"] = json!(mended);
        }
        if let Some((free, size)) = self.free {
            data["free_bytes"] = json!(free);
            data["file_bytes"] = json!(size);
        }
        if let Some(verdict) = &self.verdict {
            data["acknowledged"] = verdict.document();
        }
        json!({ "data": data })
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        let found = &self.found;
        let agree = match found.differences.is_empty() {
            true => "all agree",
            false => "not all agree",
        };
        writeln!(
            out,
            "{}, {} in lists, {}: {agree}",
            counted(found.messages, "message"),
            counted(found.places, "place"),
            counted(found.counters, "counter"),
        )?;
        for difference in found.differences.iter().take(SHOWN) {
            let line = difference.to_string();
            writeln!(out, "  {}", crate::output::sanitize::sanitize(&line))?;
        }
        let hidden = found.differences.len().saturating_sub(SHOWN);
        if hidden > 0 || found.has_more {
            let more = if found.has_more { "at least " } else { "" };
            writeln!(out, "  and {more}{hidden} more; --json has them")?;
        }
        if let Some(from) = found.counted_from {
            let from = date(from);
            writeln!(
                out,
                "counters before {from} were left out: they count messages that were evicted or archived"
            )?;
        }
        if let Some(mended) = self.mended {
            let mended = u64::try_from(mended).unwrap_or(u64::MAX);
            writeln!(out, "mended: {}", counted(mended, "difference"))?;
        } else if found.differences.iter().any(Difference::is_mendable) {
            writeln!(
                out,
                "'dunder admin check --repair' mends lists and counters"
            )?;
        }
        if let Some((free, size)) = self.free {
            let (free, size) = (free / 1_000_000, size / 1_000_000);
            writeln!(out, "the file has {size} MB, its disk {free} MB left")?;
        }
        if let Some(verdict) = &self.verdict {
            verdict.lines(out)?;
        }
        Ok(())
    }
}
