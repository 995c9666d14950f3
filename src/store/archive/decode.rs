//! Reading an archive's file: its footer, its Bloom filters, and a row group.
//! Only parts of the file are at hand, those that were fetched.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use parquet::basic::Type;
use parquet::bloom_filter::Sbbf;
use parquet::column::reader::{get_column_reader, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use super::schema::{self, HASHTAGS, ID, KEY, TEXT, USER};
use crate::domain::{
    ArchiveFile, Day, FollowFilter, Hashtag, IdempotencyKey, Message, MessageId, MessageText,
    Record, UserName,
};

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

/// The messages of a row group with ids from the first (inclusive) to the
/// second (exclusive) that a filter wants, oldest first.
pub(super) fn records(
    group: &RowGroupMetaData,
    part: Part,
    (low, high): (MessageId, MessageId),
    filter: &FollowFilter,
) -> Result<Vec<Record>, Damage> {
    let part = Arc::new(part);
    let rows = usize::try_from(group.num_rows()).unwrap_or_default();
    let ids = column(&part, group, ID)?.values;
    let ids = ids.iter().map(|value| id(value.data()));
    let ids: Vec<MessageId> = ids.collect::<Result<_, _>>()?;
    if ids.len() != rows || !ids.is_sorted() {
        return Err(Damage("its ids are not in order".to_owned()));
    }
    let wanted = ids.partition_point(|id| *id < low)..ids.partition_point(|id| *id < high);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let users = column(&part, group, USER)?.values;
    let hashtags = column(&part, group, HASHTAGS)?.lists()?;
    if users.len() != rows || hashtags.len() != rows {
        return Err(Damage("its columns are of different lengths".to_owned()));
    }
    let mut found = Vec::new();
    for row in wanted {
        let tags = hashtags[row].iter();
        let tags = tags.map(|tag| text(tag).map(Hashtag::from_stored));
        let message = Message {
            id: ids[row],
            user: UserName::from_stored(text(&users[row])?),
            text: MessageText::from_stored(""),
            hashtags: tags.collect::<Result<_, _>>()?,
        };
        if filter.matches(&message) {
            found.push((row, message));
        }
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let texts = column(&part, group, TEXT)?.values;
    let keys = column(&part, group, KEY)?.optional();
    if texts.len() != rows || keys.len() != rows {
        return Err(Damage("its columns are of different lengths".to_owned()));
    }
    let records = found.into_iter().map(|(row, mut message)| {
        message.text = MessageText::from_stored(text(&texts[row])?);
        let key = keys[row].as_ref().map(key).transpose()?;
        Ok(Record {
            message,
            idempotency_key: key,
        })
    });
    records.collect()
}

/// The ids of a row group.
pub(super) fn ids(group: &RowGroupMetaData, part: Part) -> Result<Vec<MessageId>, Damage> {
    let ids = column(&Arc::new(part), group, ID)?.values;
    ids.iter().map(|value| id(value.data())).collect()
}

/// A column as it is stored.
#[derive(Default)]
struct Column {
    values: Vec<ByteArray>,
    defined: Vec<i16>,
    repeated: Vec<i16>,
}

impl Column {
    /// A value, or none, for each row.
    fn optional(self) -> Vec<Option<ByteArray>> {
        let mut values = self.values.into_iter();
        let defined = self.defined.into_iter();
        defined
            .map(|level| if level > 0 { values.next() } else { None })
            .collect()
    }

    /// A list for each row.
    fn lists(self) -> Result<Vec<Vec<ByteArray>>, Damage> {
        let mut lists: Vec<Vec<ByteArray>> = Vec::new();
        let mut values = self.values.into_iter();
        for (defined, repeated) in self.defined.into_iter().zip(self.repeated) {
            if repeated == 0 {
                lists.push(Vec::new());
            }
            if defined > 0 {
                let last = lists.last_mut().zip(values.next());
                let (last, value) = last.ok_or_else(|| Damage("a list has no row".to_owned()))?;
                last.push(value);
            }
        }
        Ok(lists)
    }
}

fn column(part: &Arc<Part>, group: &RowGroupMetaData, column: usize) -> Result<Column, Damage> {
    let chunk = group.column(column);
    if chunk.column_type() != Type::BYTE_ARRAY {
        return Err(Damage("a column is not of strings".to_owned()));
    }
    let rows = usize::try_from(group.num_rows()).unwrap_or_default();
    let pages = SerializedPageReader::new(Arc::clone(part), chunk, rows, None)?;
    let reader = get_column_reader(chunk.column_descr_ptr(), Box::new(pages));
    let mut reader = get_typed_column_reader::<ByteArrayType>(reader);
    let mut read = Column::default();
    let (mut left, defined, repeated) = (rows, &mut read.defined, &mut read.repeated);
    while left > 0 {
        let (records, _, _) =
            reader.read_records(left, Some(defined), Some(repeated), &mut read.values)?;
        if records == 0 {
            return Err(Damage("a row group ends before its end".to_owned()));
        }
        left -= records.min(left);
    }
    Ok(read)
}

fn text(value: &ByteArray) -> Result<&str, Damage> {
    Ok(value.as_utf8()?)
}

fn key(value: &ByteArray) -> Result<IdempotencyKey, Damage> {
    let key = text(value)?.parse();
    key.map_err(|_| Damage("an idempotency key is none".to_owned()))
}

fn id(bytes: &[u8]) -> Result<MessageId, Damage> {
    let text = std::str::from_utf8(bytes).ok();
    let id = text.and_then(|text| text.parse().ok());
    id.ok_or_else(|| Damage("an id is none".to_owned()))
}
