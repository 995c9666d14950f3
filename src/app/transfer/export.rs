//! Every message as a line of JSON, oldest first, as `dunder import` reads it;
//! then what stays of those that were deleted. Keys stand in a fixed order and
//! times have milliseconds, so the same store always gives the same bytes.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::api::time::format_millis;
use crate::app::admin::{AdminError, written};
use crate::app::transfer::progress::Progress;
use crate::domain::{Record, Store, Tombstone};

/// Messages fetched at once.
const PAGE: usize = 1_000;

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
            created_at: format_millis(&message.created_at()),
            idempotency_key: record.idempotency_key.as_ref().map(|key| key.as_str()),
        }
    }
}

/// A message that was deleted.
#[derive(Serialize)]
struct DeletedLine<'a> {
    id: String,
    user_name: &'a str,
    deleted_at: String,
    position: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
}

impl<'a> From<&'a Tombstone> for DeletedLine<'a> {
    fn from(tombstone: &'a Tombstone) -> DeletedLine<'a> {
        DeletedLine {
            id: tombstone.id.to_string(),
            user_name: tombstone.user.as_str(),
            deleted_at: format_millis(&tombstone.deleted_at),
            position: tombstone.position.0.to_string(),
            idempotency_key: tombstone.idempotency_key.as_ref().map(|key| key.as_str()),
        }
    }
}

/// Writes every message, and then every tombstone, so that one deleted
/// meanwhile is not brought back by the import; how many messages there were.
/// Messages posted meanwhile may or may not be among them. A closed pipe ends
/// the export without an error.
///
/// # Errors
/// The store or the output.
pub async fn export(
    store: &dyn Store,
    out: &mut (dyn Write + Send),
    progress: &Progress,
) -> Result<u64, AdminError> {
    let mut out = Counted {
        out: BufWriter::with_capacity(64 * 1024, out),
        bytes: 0,
    };
    let mut after = None;
    let mut messages = 0;
    loop {
        let records = store.export(after, PAGE).await?;
        let before = out.bytes;
        if let Err(error) = lines(&mut out, records.iter().map(Line::from)) {
            progress.finish();
            return written(Err(error)).map(|()| messages);
        }
        messages += records.len() as u64;
        progress.advance(out.bytes - before, messages);
        match records.last() {
            Some(last) if records.len() == PAGE => after = Some(last.message.id),
            Some(_) | None => break,
        }
    }
    progress.finish();
    let mut after = None;
    loop {
        let tombstones = store.tombstones(after, PAGE).await?;
        if let Err(error) = lines(&mut out, tombstones.iter().map(DeletedLine::from)) {
            return written(Err(error)).map(|()| messages);
        }
        match tombstones.last() {
            Some(last) => after = Some(last.position),
            None => break,
        }
    }
    written(out.flush()).map(|()| messages)
}

/// Writes each on a line.
fn lines(out: &mut impl Write, lines: impl Iterator<Item = impl Serialize>) -> io::Result<()> {
    for line in lines {
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
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
