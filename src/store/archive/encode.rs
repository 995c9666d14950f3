//! Writing the file of a day.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use sha2::{Digest, Sha256};

use super::schema::{self, GROUP_BYTES, GROUP_ROWS};
use crate::domain::{ArchiveFile, Day, MessageId, Record};

/// Writes messages in the order of their ids, a row group at a time.
pub(super) struct DayWriter {
    day: Day,
    spool: File,
    /// Begun with the first row group, whose size says how it is written.
    file: Option<SerializedFileWriter<Hashed>>,
    group: Vec<Record>,
    /// Of the texts of the group.
    bytes: usize,
    rows: u64,
    range: Option<(MessageId, MessageId)>,
}

/// Counts and hashes what goes through.
struct Hashed {
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.file.write(bytes)?;
        self.hash.update(&bytes[..taken]);
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DayWriter {
    /// Will write the file of a day.
    pub(super) fn new(file: File, day: Day) -> DayWriter {
        DayWriter {
            day,
            spool: file,
            file: None,
            group: Vec::new(),
            bytes: 0,
            rows: 0,
            range: None,
        }
    }

    fn begin(&self, is_only: bool) -> Result<SerializedFileWriter<Hashed>, ParquetError> {
        let file = Hashed {
            file: BufWriter::new(self.spool.try_clone()?),
            hash: Sha256::new(),
            bytes: 0,
        };
        let properties = schema::properties(self.day, self.group.len(), is_only)?;
        SerializedFileWriter::new(file, schema::schema()?, Arc::new(properties))
    }

    /// The next message, with a larger id than those before.
    pub(super) fn push(&mut self, record: Record) -> Result<(), ParquetError> {
        let id = record.message.id;
        let range = self.range.get_or_insert((id, id));
        range.1 = id;
        self.rows += 1;
        self.bytes += record.message.text.as_str().len();
        self.group.push(record);
        match self.group.len() >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            true => self.end_group(false),
            false => Ok(()),
        }
    }

    /// Writes the row group that is gathered, the last one or not.
    fn end_group(&mut self, is_last: bool) -> Result<(), ParquetError> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.begin(is_last)?,
        };
        let mut group = file.next_row_group()?;
        columns(&mut group, &self.group)?;
        group.close()?;
        self.file = Some(file);
        self.group.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Ends the file, and says what is in it, under this name; nothing where
    /// there was no message.
    pub(super) fn finish(mut self, name: String) -> Result<Option<ArchiveFile>, ParquetError> {
        if !self.group.is_empty() {
            self.end_group(true)?;
        }
        let (Some((first, last)), Some(file)) = (self.range, self.file) else {
            return Ok(None);
        };
        let mut written = file.into_inner()?;
        written.flush()?;
        Ok(Some(ArchiveFile {
            name,
            rows: self.rows,
            bytes: written.bytes,
            first,
            last,
            checksum: written.hash.finalize().into(),
        }))
    }
}

/// Writes the columns of a row group, in the order of the schema.
fn columns(
    group: &mut SerializedRowGroupWriter<'_, Hashed>,
    records: &[Record],
) -> Result<(), ParquetError> {
    let ids = records
        .iter()
        .map(|record| bytes(&record.message.id.to_string()));
    strings(group, &ids.collect::<Vec<_>>(), None, None)?;
    let times = records.iter().map(|record| whole_second(record.message.id));
    let times: Vec<i64> = times.collect();
    if let Some(mut column) = group.next_column()? {
        column
            .typed::<Int64Type>()
            .write_batch(&times, None, None)?;
        column.close()?;
    }
    let users = records
        .iter()
        .map(|record| bytes(record.message.user.as_str()));
    strings(group, &users.collect::<Vec<_>>(), None, None)?;
    let texts = records
        .iter()
        .map(|record| bytes(record.message.text.as_str()));
    strings(group, &texts.collect::<Vec<_>>(), None, None)?;
    // A list of none is one entry that is not defined; the first of a list
    // begins a row, the others go on with it.
    let (mut tags, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        if record.message.hashtags.is_empty() {
            defined.push(0);
            repeated.push(0);
        }
        for (at, tag) in record.message.hashtags.iter().enumerate() {
            tags.push(bytes(tag.as_str()));
            defined.push(1);
            repeated.push(i16::from(at > 0));
        }
    }
    strings(group, &tags, Some(&defined), Some(&repeated))?;
    let keys = records
        .iter()
        .filter_map(|record| record.idempotency_key.as_ref());
    let keys: Vec<ByteArray> = keys.map(|key| bytes(key.as_str())).collect();
    let defined = records
        .iter()
        .map(|record| i16::from(record.idempotency_key.is_some()));
    strings(group, &keys, Some(&defined.collect::<Vec<_>>()), None)
}

/// When a message was posted, in milliseconds. Its id says that to the
/// millisecond; twice would be 3 % of a file.
fn whole_second(id: MessageId) -> i64 {
    let millis = id.millis();
    millis - millis.rem_euclid(1000)
}

fn bytes(text: &str) -> ByteArray {
    ByteArray::from(text)
}

fn strings(
    group: &mut SerializedRowGroupWriter<'_, Hashed>,
    values: &[ByteArray],
    defined: Option<&[i16]>,
    repeated: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Ok(());
    };
    let typed = column.typed::<ByteArrayType>();
    typed.write_batch(values, defined, repeated)?;
    column.close()
}
