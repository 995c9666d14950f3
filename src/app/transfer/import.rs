//! `dunder import`: newline-delimited JSON into the store. One thread reads
//! and checks lines while the store commits the batch before; the same input
//! may be imported again, nothing is stored twice.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::app::admin::{AdminError, written};
use crate::app::transfer::decode::{self, Decoded};
use crate::app::transfer::lines::{Line, Lines, MAX_LINE};
use crate::app::transfer::progress::Progress;
use crate::app::transfer::refusals::{Refusal, Refusals};
use crate::domain::{Imported, Message, MessageId, Record, Store, StoreError, Tombstone};

/// A batch is full with so many records, or so many bytes of input.
const BATCH_RECORDS: usize = 2_000;
const BATCH_BYTES: u64 = 2 << 20;
/// Batches between reading and storing: one waits while one is stored.
const BATCHES_WAITING: usize = 1;

/// What is imported.
pub struct Input {
    /// The bytes.
    pub reader: Box<dyn BufRead + Send>,
    /// What messages call it.
    pub name: String,
    /// How many bytes there are, if that is known.
    pub bytes: Option<u64>,
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
    /// Messages that were deleted here, and are not brought back.
    pub deleted: u64,
    /// Messages as old as those that were evicted here, and not stored.
    pub evicted: u64,
    /// Deletions that were new, with the messages that they took.
    pub deletions: u64,
    /// Lines that could not be stored.
    pub refused: u64,
    /// The first of those.
    pub refusals: Vec<Refusal>,
    /// Where all of those are, if they were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_file: Option<PathBuf>,
}

/// Records with the lines they stand on, and lines that are none.
#[derive(Default)]
struct Batch {
    lines: Vec<u64>,
    records: Vec<Record>,
    /// Messages that came with a key and without an id, by their line.
    keyed: HashMap<u64, Message>,
    tombstones: Vec<Tombstone>,
    refusals: Vec<Refusal>,
    bytes: u64,
}

impl Batch {
    fn add(&mut self, line: u64, decoded: Decoded) {
        match decoded {
            Decoded::Message { record, has_id } => {
                if !has_id && record.idempotency_key.is_some() {
                    self.keyed.insert(line, record.message.clone());
                }
                self.lines.push(line);
                self.records.push(record);
            }
            Decoded::Deleted(tombstone) => self.tombstones.push(tombstone),
        }
    }

    fn len(&self) -> usize {
        self.records.len() + self.tombstones.len() + self.refusals.len()
    }
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
    mut refusals: Refusals,
    report: &mut (dyn Write + Send),
    progress: &Progress,
) -> Result<Summary, AdminError> {
    let name = input.name.clone();
    let (sender, mut batches) = mpsc::channel(BATCHES_WAITING);
    // Not the runtime's thread: reading standard input may block for ever,
    // and must not keep the process from ending.
    let reader = std::thread::spawn(move || read(input, &sender));
    let mut summary = Summary::default();
    let mut done = Ok(());
    while let Some(batch) = batches.recv().await {
        let bytes = batch.bytes;
        let refused = match summary.add(store.as_ref(), batch).await {
            Ok(refused) => refused,
            Err(error) => {
                done = Err(error);
                break;
            }
        };
        for refusal in refused {
            refusals.add(refusal, report, progress)?;
        }
        progress.advance(bytes, summary.read);
    }
    progress.finish();
    summary.refused = refusals.count();
    (summary.refusals, summary.refused_file) = refusals.finish(report, progress)?;
    if let Err(error) = done {
        let so_far = format!(
            "{} messages were stored before this; import the same again to go on",
            summary.stored
        );
        written(writeln!(report, "{so_far}"))?;
        return Err(error.into());
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
            Line::Bytes(bytes) => decode::line(bytes, Utc::now()),
            Line::TooLong => Err(format!("the line is longer than {MAX_LINE} bytes")),
        };
        match outcome {
            Ok(decoded) => batch.add(lines.number, decoded),
            Err(reason) => batch.refusals.push(Refusal {
                line: lines.number,
                reason,
            }),
        }
        batch.bytes = lines.bytes - start;
        if batch.len() >= BATCH_RECORDS || batch.bytes >= BATCH_BYTES {
            start = lines.bytes;
            if batches.blocking_send(std::mem::take(&mut batch)).is_err() {
                return Ok(());
            }
        }
    }
}

impl Summary {
    /// Stores a batch; gives the lines that were refused, in order.
    async fn add(&mut self, store: &dyn Store, batch: Batch) -> Result<Vec<Refusal>, StoreError> {
        let mut refusals = batch.refusals;
        let mut outcomes = Vec::new();
        if !batch.records.is_empty() {
            let ids = batch.records.iter().map(|record| record.message.id);
            let ids: Vec<MessageId> = ids.collect();
            let imported = store.import(batch.records).await?;
            outcomes.extend(batch.lines.into_iter().zip(ids).zip(imported));
        }
        self.read += (outcomes.len() + batch.tombstones.len() + refusals.len()) as u64;
        // After the messages: one that is deleted further on in the input is
        // stored, and then deleted.
        if !batch.tombstones.is_empty() {
            for outcome in store.import_tombstones(batch.tombstones).await? {
                match outcome {
                    Imported::Stored => self.deletions += 1,
                    _ => self.already_there += 1,
                }
            }
        }
        for ((line, id), outcome) in outcomes {
            let reason = match outcome {
                Imported::Stored => {
                    self.stored += 1;
                    continue;
                }
                Imported::AlreadyThere => {
                    self.already_there += 1;
                    continue;
                }
                Imported::Deleted => {
                    self.deleted += 1;
                    continue;
                }
                Imported::Evicted => {
                    self.evicted += 1;
                    continue;
                }
                Imported::IdTaken => format!("the id {id} belongs to another message"),
                Imported::KeyTaken { first } => {
                    match under_key(store, batch.keyed.get(&line), first).await? {
                        UnderKey::Same => {
                            self.already_there += 1;
                            continue;
                        }
                        UnderKey::Deleted => {
                            self.deleted += 1;
                            continue;
                        }
                        UnderKey::Another => {}
                    }
                    format!("the idempotency_key belongs to the user's message {first}")
                }
            };
            refusals.push(Refusal { line, reason });
        }
        refusals.sort_by_key(|refusal| refusal.line);
        Ok(refusals)
    }

    /// What was done, in a line or as JSON.
    pub fn shown(&self, json: bool) -> String {
        let Summary {
            read,
            stored,
            already_there,
            deleted,
            evicted,
            deletions,
            refused,
            ..
        } = self;
        // Seldom any: said where there are some.
        let said = |what: &str, count: &u64| match count {
            0 => String::new(),
            count => format!(", {what} {count}"),
        };
        let deleted = said("deleted before", deleted)
            + &said("older than this store keeps", evicted)
            + &said("deletions", deletions);
        if json {
            return serde_json::json!({ "data": self }).to_string();
        }
        format!(
            "read {read}, stored {stored}, already there {already_there}{deleted}, refused {refused}"
        )
    }
}

/// What is stored under the key of a line that has no id.
enum UnderKey {
    /// The line's message.
    Same,
    /// That was deleted.
    Deleted,
    /// Another one.
    Another,
}

/// Whether a line without an id is the message that is stored under the line's
/// key, with an id that was found in another way: when it was posted, or by an
/// import that did not take the key into account.
async fn under_key(
    store: &dyn Store,
    line: Option<&Message>,
    first: MessageId,
) -> Result<UnderKey, StoreError> {
    let Some(line) = line.filter(|line| first.millis() == line.id.millis()) else {
        return Ok(UnderKey::Another);
    };
    let Some(stored) = store.message(first).await? else {
        return Ok(match store.tombstone(first).await? {
            Some(_) => UnderKey::Deleted,
            None => UnderKey::Another,
        });
    };
    let stored = Message {
        id: line.id,
        ..stored
    };
    Ok(match stored == *line {
        true => UnderKey::Same,
        false => UnderKey::Another,
    })
}
