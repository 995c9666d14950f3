//! `dunder import`: newline-delimited JSON into the store. One thread reads
//! and checks lines while the store commits the batch before; the same input
//! may be imported again, nothing is stored twice.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;
use clap::Args;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::app::admin::{AdminError, is_dash, written};
use crate::app::transfer::decode;
use crate::app::transfer::lines::{Line, Lines, MAX_LINE};
use crate::app::transfer::progress::Progress;
use crate::config::StoreArgs;
use crate::domain::{Imported, Record, Store};

/// A batch is full with so many records, or so many bytes of input.
const BATCH_RECORDS: usize = 2_000;
const BATCH_BYTES: u64 = 2 << 20;
/// Batches between reading and storing: one waits while one is stored.
const BATCHES_WAITING: usize = 1;
/// Refusals that are shown; all are counted.
const REFUSALS_SHOWN: usize = 20;

/// Arguments of `dunder import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Lines of {"user_name", "text", "hashtags", "created_at", "id"?, "idempotency_key"?}; - or nothing for standard input
    pub file: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Where messages are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// What is imported.
pub struct Input {
    /// The bytes.
    pub reader: Box<dyn BufRead + Send>,
    /// What messages call it.
    pub name: String,
    /// How many bytes there are, if that is known.
    pub bytes: Option<u64>,
}

/// A line that was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Counted from 1.
    pub line: u64,
    /// A sentence, safe on a terminal.
    pub reason: String,
}

/// What became of the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Lines that were not blank.
    pub read: u64,
    /// Messages that were new.
    pub stored: u64,
    /// Messages that were stored before.
    pub already_there: u64,
    /// Lines that could not be stored.
    pub refused: u64,
    /// The first of those.
    pub refusals: Vec<Refusal>,
}

/// Records with the lines they stand on, and lines that are none.
#[derive(Default)]
struct Batch {
    lines: Vec<u64>,
    records: Vec<Record>,
    refusals: Vec<Refusal>,
    bytes: u64,
}

impl ImportArgs {
    /// The file, or standard input.
    ///
    /// # Errors
    /// The file cannot be opened, or standard input is a person's terminal.
    pub fn input(&self) -> Result<Input, AdminError> {
        match self.file.as_ref().filter(|path| !is_dash(path)) {
            Some(path) => {
                let file = File::open(path).map_err(AdminError::file("open", path))?;
                let bytes = file
                    .metadata()
                    .ok()
                    .filter(|data| data.is_file())
                    .map(|data| data.len());
                Ok(Input {
                    reader: buffered(file),
                    name: path.display().to_string(),
                    bytes,
                })
            }
            None if self.file.is_none() && io::IsTerminal::is_terminal(&io::stdin()) => {
                Err(AdminError::Usage(
                    "there is nothing to import; name a file, or pipe one in: dunder import < FILE"
                        .to_owned(),
                ))
            }
            None => Ok(Input {
                reader: buffered(io::stdin()),
                name: "standard input".to_owned(),
                bytes: None,
            }),
        }
    }
}

fn buffered(input: impl Read + Send + 'static) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(64 * 1024, input))
}

/// Stores every line of the input. Refused lines are reported as they are
/// found, the first ones each.
///
/// # Errors
/// Reading or storing failed; what was stored before stays, and the input can
/// be imported again.
pub async fn import(
    store: Arc<dyn Store>,
    input: Input,
    report: &mut (dyn Write + Send),
    progress: &Progress,
) -> Result<Summary, AdminError> {
    let name = input.name.clone();
    let (sender, mut batches) = mpsc::channel(BATCHES_WAITING);
    // Not the runtime's thread: reading standard input may block for ever,
    // and must not keep the process from ending.
    let reader = std::thread::spawn(move || read(input, &sender));
    let mut summary = Summary::default();
    while let Some(batch) = batches.recv().await {
        let bytes = batch.bytes;
        let stored = summary.add(store.as_ref(), batch, report, progress).await;
        if stored.is_err() {
            progress.finish();
            let so_far = format!(
                "{} messages were stored before this; import the same again to go on",
                summary.stored
            );
            written(writeln!(report, "{so_far}"))?;
        }
        stored?;
        progress.advance(bytes, summary.read);
    }
    progress.finish();
    if summary.refused > REFUSALS_SHOWN as u64 {
        let more = summary.refused - REFUSALS_SHOWN as u64;
        written(writeln!(report, "and {more} more lines refused"))?;
    }
    match reader.join() {
        Ok(outcome) => outcome.map(|()| summary),
        Err(_) => Err(AdminError::Refused(format!(
            "reading {name} ended in a defect of dunder"
        ))),
    }
}

/// Reads lines into batches until the input ends or nobody takes them.
fn read(input: Input, batches: &mpsc::Sender<Batch>) -> Result<(), AdminError> {
    let Input {
        mut reader, name, ..
    } = input;
    let failed = || AdminError::io(format!("cannot read {name}"));
    if reader
        .fill_buf()
        .map_err(failed())?
        .starts_with(b"\x1f\x8b")
    {
        return Err(AdminError::Refused(format!(
            "{name} is compressed with gzip; unpack it on the way: gunzip -c FILE | dunder import -"
        )));
    }
    let mut lines = Lines::new(reader);
    let mut batch = Batch::default();
    let mut start = 0;
    loop {
        let Some(line) = lines.next().map_err(failed())? else {
            batch.bytes = lines.bytes - start;
            let _ = batches.blocking_send(batch);
            return Ok(());
        };
        let outcome = match line {
            Line::Bytes(bytes) if bytes.trim_ascii().is_empty() => continue,
            Line::Bytes(bytes) => decode::record(bytes, Utc::now()),
            Line::TooLong => Err(format!("the line is longer than {MAX_LINE} bytes")),
        };
        match outcome {
            Ok(record) => {
                batch.lines.push(lines.number);
                batch.records.push(record);
            }
            Err(reason) => batch.refusals.push(Refusal {
                line: lines.number,
                reason,
            }),
        }
        batch.bytes = lines.bytes - start;
        let len = batch.records.len() + batch.refusals.len();
        if len >= BATCH_RECORDS || batch.bytes >= BATCH_BYTES {
            start = lines.bytes;
            if batches.blocking_send(std::mem::take(&mut batch)).is_err() {
                return Ok(());
            }
        }
    }
}

impl Summary {
    async fn add(
        &mut self,
        store: &dyn Store,
        batch: Batch,
        report: &mut (dyn Write + Send),
        progress: &Progress,
    ) -> Result<(), AdminError> {
        let mut refusals = batch.refusals;
        let mut outcomes = Vec::new();
        if !batch.records.is_empty() {
            let ids: Vec<_> = batch
                .records
                .iter()
                .map(|record| record.message.id)
                .collect();
            let imported = store.import(batch.records).await?;
            outcomes.extend(batch.lines.into_iter().zip(ids).zip(imported));
        }
        self.read += (outcomes.len() + refusals.len()) as u64;
        for ((line, id), outcome) in outcomes {
            match outcome {
                Imported::Stored => self.stored += 1,
                Imported::AlreadyThere => self.already_there += 1,
                Imported::IdTaken => refusals.push(Refusal {
                    line,
                    reason: format!("the id {id} belongs to another message"),
                }),
                Imported::KeyTaken { first } => refusals.push(Refusal {
                    line,
                    reason: format!("the idempotency_key belongs to the user's message {first}"),
                }),
            }
        }
        refusals.sort_by_key(|refusal| refusal.line);
        for refusal in refusals {
            self.refused += 1;
            if self.refusals.len() < REFUSALS_SHOWN {
                let line = format!("line {}: {}", refusal.line, refusal.reason);
                written(progress.above(report, &line))?;
                self.refusals.push(refusal);
            }
        }
        Ok(())
    }

    /// Prints what was done; gives the exit code, 1 when lines were refused.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn print(&self, json: bool, out: &mut dyn Write) -> Result<u8, AdminError> {
        let line = if json {
            serde_json::to_string(self).unwrap_or_default()
        } else {
            let Summary {
                read,
                stored,
                already_there,
                refused,
                ..
            } = self;
            format!(
                "read {read}, stored {stored}, already there {already_there}, refused {refused}"
            )
        };
        crate::app::admin::say(out, &line)?;
        Ok(u8::from(self.refused > 0))
    }
}
