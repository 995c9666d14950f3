//! What was acknowledged, held against what is stored: nothing of it may be
//! missing, and nothing may be stored twice.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::app::admin::AdminError;
use crate::app::transfer::lines::{Line, Lines, MAX_LINE};
use crate::domain::{Message, MessageId, Store, StoreError};
use crate::output::counted;

/// Records read at once.
const PAGE: usize = 1_000;
/// Ids that are shown.
const SHOWN: usize = 20;

/// What became of acknowledged messages. Ids in their order.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Ids that were acknowledged, each counted once.
    acknowledged: u64,
    /// Lines that named an id for the second time, as retries do.
    again: u64,
    stored: u64,
    deleted: u64,
    /// Not there, and no newer than what retention has evicted.
    evicted: u64,
    missing: Vec<MessageId>,
    /// Messages between the first and the last acknowledged that nobody
    /// acknowledged: of posts whose answer got lost, or of others.
    beside: u64,
    /// Messages that say what an acknowledged one says, whether they were
    /// acknowledged themselves or not.
    twice: Vec<MessageId>,
}

/// Reads ids, one a line: as they are, or in the answer to a post.
///
/// # Errors
/// The input, or a line that has none.
pub(super) fn read_ids(
    input: impl Read,
    name: &Path,
) -> Result<(HashSet<MessageId>, u64), AdminError> {
    let mut lines = Lines::new(io::BufReader::new(input));
    let (mut ids, mut again) = (HashSet::new(), 0);
    while let Some(line) = lines.next().map_err(AdminError::file("read", name))? {
        let text = match line {
            Line::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Line::TooLong => format!("more than {MAX_LINE} bytes"),
        };
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let Some(id) = id_in(text) else {
            let number = lines.number;
            let shown = crate::domain::shown(text);
            return Err(AdminError::Refused(format!(
                "{}, line {number}: {shown} is neither the id of a message nor the answer to a post",
                name.display()
            )));
        };
        again += u64::from(!ids.insert(id));
    }
    Ok((ids, again))
}

fn id_in(text: &str) -> Option<MessageId> {
    if let Ok(id) = text.parse() {
        return Some(id);
    }
    let document: Value = serde_json::from_str(text).ok()?;
    let places = ["/data/id", "/data/message/id", "/id"];
    let mut ids = places
        .iter()
        .filter_map(|at| document.pointer(at)?.as_str());
    ids.next()?.parse().ok()
}

/// Looks for acknowledged messages in a store.
///
/// # Errors
/// The store.
pub(super) async fn judge(
    store: &dyn Store,
    (ids, again): (HashSet<MessageId>, u64),
) -> Result<Verdict, StoreError> {
    let mut verdict = Verdict {
        acknowledged: ids.len() as u64,
        again,
        ..Verdict::default()
    };
    let (Some(&first), Some(&last)) = (ids.iter().min(), ids.iter().max()) else {
        return Ok(verdict);
    };
    let hasher = RandomState::new();
    let content = |message: &Message| {
        let hashtags: Vec<&str> = message.hashtags.iter().map(|tag| tag.as_str()).collect();
        hasher.hash_one((message.user.as_str(), message.text.as_str(), hashtags))
    };
    let (mut missing, mut said, mut beside) = (ids, HashSet::new(), Vec::new());
    let mut after = Some(first.predecessor());
    loop {
        let records = store.export(after, PAGE).await?;
        for record in &records {
            let (id, content) = (record.message.id, content(&record.message));
            if !missing.remove(&id) {
                beside.push((id, content));
            } else if !said.insert(content) {
                verdict.twice.push(id);
            }
        }
        match records.last() {
            Some(record) => after = Some(record.message.id),
            None => break,
        }
    }
    verdict.stored = verdict.acknowledged - missing.len() as u64;
    let boundaries = store.boundaries().await?;
    let evicted = boundaries.iter().map(|boundary| boundary.last).max();
    for id in missing {
        match store.tombstone(id).await? {
            Some(_) => verdict.deleted += 1,
            None if Some(id) <= evicted => verdict.evicted += 1,
            None => verdict.missing.push(id),
        }
    }
    verdict.missing.sort_unstable();
    let up_to_last = beside.iter().filter(|(id, _)| *id <= last);
    verdict.beside = up_to_last.count() as u64;
    let twice = beside.iter().filter(|(_, content)| said.contains(content));
    verdict.twice.extend(twice.map(|(id, _)| *id));
    verdict.twice.sort_unstable();
    Ok(verdict)
}

impl Verdict {
    /// Whether nothing is missing and nothing twice.
    pub(super) fn is_good(&self) -> bool {
        self.missing.is_empty() && self.twice.is_empty()
    }

    pub(super) fn document(&self) -> Value {
        let ids =
            |ids: &[MessageId]| -> Vec<String> { ids.iter().map(MessageId::to_string).collect() };
        json!({
            "acknowledged": self.acknowledged,
            "again": self.again,
            "stored": self.stored,
            "deleted": self.deleted,
            "evicted": self.evicted,
            "missing": ids(&self.missing),
            "beside": self.beside,
            "twice": ids(&self.twice),
        })
    }

    pub(super) fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(
            out,
            "{} acknowledged: {} stored, {} deleted, {} evicted, {} missing",
            counted(self.acknowledged, "message"),
            self.stored,
            self.deleted,
            self.evicted,
            self.missing.len()
        )?;
        writeln!(
            out,
            "; {} stored beside them, {} stored twice",
            self.beside,
            self.twice.len()
        )?;
        for (what, ids) in [("missing", &self.missing), ("twice", &self.twice)] {
            for id in ids.iter().take(SHOWN) {
                writeln!(out, "  {what}: {id}")?;
            }
            if ids.len() > SHOWN {
                writeln!(out, "  and {} more; --json has them", ids.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}
