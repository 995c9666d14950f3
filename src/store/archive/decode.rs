//! Reading an archive's file: its footer and its Bloom filters. Only parts of the file are at hand, those that were fetched.

use std::ops::Range;

use bytes::{Buf, Bytes};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};

use super::schema::{self, HASHTAGS, ID, USER};
use crate::domain::{ArchiveFile, Day, FollowFilter, MessageId};

/// Why a file does not say what it should, in words for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Damage(pub(super) String);

impl From<ParquetError> for Damage {
    fn from(error: ParquetError) -> Damage {
        Damage(error.to_string())
    }
}

/// A piece of a file.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Where it begins.
    pub(super) start: u64,
    pub(super) bytes: Bytes,
}

impl Part {
    /// Up to where it goes.
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The same, of nothing larger.
    pub(super) fn copied(&self) -> Part {
        Part {
            start: self.start,
            bytes: Bytes::copy_from_slice(&self.bytes),
        }
    }

    /// A piece of the piece.
    pub(super) fn slice(&self, range: &Range<u64>) -> Option<Part> {
        let is_within = self.start <= range.start && range.end <= self.end();
        let from = |at: u64| usize::try_from(at - self.start).ok();
        let (low, high) = (is_within.then(|| from(range.start))??, from(range.end)?);
        (low <= high).then(|| Part {
            start: range.start,
            bytes: self.bytes.slice(low..high),
        })
    }
}

impl Length for Part {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// By places in the whole file.
impl ChunkReader for Part {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let rest = self.slice(&(start..self.end()));
        let rest = rest.ok_or_else(|| ParquetError::EOF(format!("{start} was not read")))?;
        Ok(rest.bytes.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let part = self.slice(&(start..start.saturating_add(length as u64)));
        let part = part.ok_or_else(|| ParquetError::EOF(format!("{start} was not read")))?;
        Ok(part.bytes)
    }
}

/// What came of reading a footer out of the end of a file.
pub(super) enum Parsed {
    /// It is whole.
    Whole(Box<ParquetMetaData>),
    /// So many bytes of the end are needed.
    Needs(u64),
}

/// Reads the footer out of the end of a file, and checks that the file is
/// what the manifest says.
pub(super) fn footer(tail: &Part, file: &ArchiveFile, day: Day) -> Result<Parsed, Damage> {
    let mut reader = ParquetMetaDataReader::new();
    match reader.try_parse_sized(&tail.bytes, file.bytes) {
        Ok(()) => {}
        Err(ParquetError::NeedMoreData(needed)) => return Ok(Parsed::Needs(needed as u64)),
        Err(error) => return Err(error.into()),
    }
    let metadata = reader.finish()?;
    if let Some(why) = schema::foreign(&metadata, day) {
        return Err(Damage(why));
    }
    let rows = metadata.file_metadata().num_rows();
    if u64::try_from(rows) != Ok(file.rows) {
        return Err(Damage(format!("it has {rows} messages, not {}", file.rows)));
    }
    // Each is trusted with how much it has.
    let groups = metadata.row_groups().iter().map(|group| group.num_rows());
    let sum = groups.map(u64::try_from).try_fold(0_u64, |sum, rows| {
        rows.ok().and_then(|rows| sum.checked_add(rows))
    });
    if sum != Some(file.rows) {
        return Err(Damage("its row groups have other lengths".to_owned()));
    }
    Ok(Parsed::Whole(Box::new(metadata)))
}

/// Where a row group is.
pub(super) fn group_range(group: &RowGroupMetaData) -> Range<u64> {
    let ranges = group.columns().iter().map(|column| column.byte_range());
    let start = ranges.clone().map(|(start, _)| start).min();
    let end = ranges
        .map(|(start, length)| start.saturating_add(length))
        .max();
    start.unwrap_or_default()..end.unwrap_or_default()
}

/// Where the Bloom filters of some row groups are, which stand side by side.
pub(super) fn bloom_range<'a>(
    groups: impl Iterator<Item = &'a RowGroupMetaData>,
) -> Option<Range<u64>> {
    let filters = groups.flat_map(|group| [group.column(USER), group.column(HASHTAGS)]);
    let ranges = filters.filter_map(|column| {
        let start = u64::try_from(column.bloom_filter_offset()?).ok()?;
        let length = u64::try_from(column.bloom_filter_length()?).ok()?;
        Some(start..start.saturating_add(length))
    });
    ranges.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end))
}

/// The first and the last id of a row group.
pub(super) fn group_ids(group: &RowGroupMetaData) -> Result<(MessageId, MessageId), Damage> {
    let bounds = group.column(ID).statistics();
    let bounds = bounds.and_then(|bounds| bounds.min_bytes_opt().zip(bounds.max_bytes_opt()));
    let (first, last) = bounds.ok_or_else(|| Damage("a row group has no bounds".to_owned()))?;
    Ok((id(first)?, id(last)?))
}

/// Whether a row group may have what a filter wants, by its Bloom filters.
pub(super) fn may_have(
    group: &RowGroupMetaData,
    blooms: &Part,
    filter: &FollowFilter,
) -> Result<bool, Damage> {
    let read = |column: usize| Sbbf::read_from_column_chunk(group.column(column), blooms);
    if !filter.users.is_empty()
        && let Some(users) = read(USER)?
        && !filter.users.iter().any(|user| users.check(user.as_str()))
    {
        return Ok(false);
    }
    if filter.hashtags.is_empty() {
        return Ok(true);
    }
    let Some(hashtags) = read(HASHTAGS)? else {
        return Ok(true);
    };
    let mut has = filter
        .hashtags
        .iter()
        .map(|tag| hashtags.check(tag.as_str()));
    Ok(match filter.any {
        true => has.any(|has| has),
        false => has.all(|has| has),
    })
}

pub(super) fn id(bytes: &[u8]) -> Result<MessageId, Damage> {
    let text = std::str::from_utf8(bytes).ok();
    let id = text.and_then(|text| text.parse().ok());
    id.ok_or_else(|| Damage("an id is none".to_owned()))
}
