//! `dunder export`: every message as a line of JSON, oldest first, as
//! `dunder import` reads it. Keys stand in a fixed order and times have
//! milliseconds, so the same store always gives the same bytes.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::SecondsFormat;
use clap::Args;
use serde::Serialize;

use crate::app::admin::{AdminError, is_dash, is_terminal, written};
use crate::app::transfer::progress::Progress;
use crate::config::StoreArgs;
use crate::domain::{Record, Store};

/// Messages fetched at once.
const PAGE: usize = 1_000;

/// Arguments of `dunder export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Write to this file instead of standard output; it appears when it is complete
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    id: String,
    user_name: &'a str,
    text: &'a str,
    hashtags: Vec<&'a str>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
}

impl<'a> From<&'a Record> for Line<'a> {
    fn from(record: &'a Record) -> Line<'a> {
        let message = &record.message;
        Line {
            id: message.id.to_string(),
            user_name: message.user.as_str(),
            text: message.text.as_str(),
            hashtags: message.hashtags.iter().map(|tag| tag.as_str()).collect(),
            created_at: message
                .created_at()
                .to_rfc3339_opts(SecondsFormat::Millis, true),
            idempotency_key: record.idempotency_key.as_ref().map(|key| key.as_str()),
        }
    }
}

impl ExportArgs {
    /// Exports to the file or to standard output.
    ///
    /// # Errors
    /// The store or the output.
    pub async fn write(&self, store: &dyn Store) -> Result<(), AdminError> {
        let path = match self.output.as_ref().filter(|path| !is_dash(path)) {
            Some(path) => path,
            None => {
                let progress = if is_terminal() {
                    Progress::hidden()
                } else {
                    Progress::on_terminal(None)
                };
                return export(store, &mut io::stdout(), &progress).await;
            }
        };
        let progress = Progress::on_terminal(None);
        let failed = || AdminError::file("write", path);
        if std::fs::metadata(path).is_ok_and(|data| !data.is_file()) {
            let mut pipe = File::options().write(true).open(path).map_err(failed())?;
            return export(store, &mut pipe, &progress).await;
        }
        // An export that breaks off must not have replaced a complete one.
        let partial = partial(path);
        let mut file = File::create(&partial).map_err(failed())?;
        let done = export(store, &mut file, &progress).await;
        let done = done.and_then(|()| file.sync_all().map_err(failed()));
        let done = done.and_then(|()| std::fs::rename(&partial, path).map_err(failed()));
        if done.is_err() {
            let _ = std::fs::remove_file(&partial);
        }
        done
    }
}

fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(".partial");
    name.into()
}

/// Writes every message. Messages posted meanwhile may or may not be among
/// them. A closed pipe ends the export without an error.
///
/// # Errors
/// The store or the output.
pub async fn export(
    store: &dyn Store,
    out: &mut (dyn Write + Send),
    progress: &Progress,
) -> Result<(), AdminError> {
    let mut out = Counted {
        out: BufWriter::with_capacity(64 * 1024, out),
        bytes: 0,
    };
    let mut after = None;
    let mut messages = 0;
    loop {
        let records = store.export(after, PAGE).await?;
        let before = out.bytes;
        for record in &records {
            let line =
                serde_json::to_writer(&mut out, &Line::from(record)).map_err(io::Error::from);
            if let Err(error) = line.and_then(|()| out.write_all(b"\n")) {
                progress.finish();
                return written(Err(error));
            }
        }
        messages += records.len() as u64;
        progress.advance(out.bytes - before, messages);
        match records.last() {
            Some(last) if records.len() == PAGE => after = Some(last.message.id),
            Some(_) | None => break,
        }
    }
    progress.finish();
    written(out.flush())
}

/// Counts what goes through.
struct Counted<W: Write> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
