//! Reading the messages of a row group: the columns that a search is about
//! first, and the others only where something is found. Nothing is made of a
//! row that is not wanted.

use std::ops::Range;
use std::sync::Arc;

use parquet::basic::Type;
use parquet::column::reader::{get_column_reader, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use super::decode::{Damage, Part, id};
use super::schema::{HASHTAGS, ID, KEY, TEXT, USER};
use crate::domain::{
    FollowFilter, Hashtag, IdempotencyKey, Message, MessageId, MessageText, Record, UserName,
};

/// Which messages are wanted.
#[derive(Clone)]
pub(super) struct Wanted {
    /// From the first (inclusive) to the second (exclusive).
    pub(super) range: (MessageId, MessageId),
    pub(super) filter: Arc<FollowFilter>,
    /// Only these, in order.
    pub(super) ids: Option<Arc<[MessageId]>>,
    /// At most so many, and of which end.
    pub(super) most: usize,
    pub(super) is_back: bool,
    /// Somebody is likely to go on with the same row group.
    pub(super) is_kept: bool,
}

impl Wanted {
    /// In the order in which they are looked at.
    fn in_turn(&self, range: Range<usize>) -> impl Iterator<Item = usize> {
        let (low, high, is_back) = (range.start, range.end, self.is_back);
        (low..high).map(move |at| if is_back { high - 1 - (at - low) } else { at })
    }
}

/// The messages of a row group that are wanted, oldest first.
pub(super) fn records(
    group: &RowGroupMetaData,
    part: Part,
    wanted: &Wanted,
) -> Result<Vec<Record>, Damage> {
    let columns = Columns::new(group, part);
    let rows = candidates(&columns, wanted)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let runs = runs(rows.iter().map(|(row, _)| *row));
    let (users, hashtags) = (
        columns.strings(USER, &runs)?,
        columns.lists(HASHTAGS, &runs)?,
    );
    let mut found = Vec::new();
    for at in wanted.in_turn(0..rows.len()) {
        let (row, id) = rows[at];
        let tags = hashtags.of(at).iter();
        let tags = tags.map(|tag| text(tag).map(Hashtag::from_stored));
        let message = Message {
            id,
            user: UserName::from_stored(text(&users[at])?),
            text: MessageText::from_stored(""),
            hashtags: tags.collect::<Result<_, _>>()?,
        };
        if wanted.filter.matches(&message) {
            found.push((row, message));
        }
        if found.len() >= wanted.most {
            break;
        }
    }
    if wanted.is_back {
        found.reverse();
    }
    whole(&columns, found)
}

/// Rows, with their ids, that may be wanted.
fn candidates(columns: &Columns<'_>, wanted: &Wanted) -> Result<Vec<(usize, MessageId)>, Damage> {
    let filter = &wanted.filter;
    let rows = named(columns, filter)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = columns.in_order(ID, &runs(rows.iter().copied()))?;
    // All that is left is wanted, unless something else is asked as well.
    let most = match filter.without.is_empty() {
        true => wanted.most,
        false => usize::MAX,
    };
    let mut found = Vec::new();
    for at in wanted.in_turn(within(&ids, wanted.range)) {
        let id = id(ids[at].data())?;
        let only = wanted.ids.as_ref();
        if only.is_none_or(|only| only.binary_search(&id).is_ok()) {
            found.push((rows[at], id));
        }
        if found.len() >= most {
            break;
        }
    }
    if wanted.is_back {
        found.reverse();
    }
    Ok(found)
}

/// Messages with what they lack yet.
fn whole(columns: &Columns<'_>, found: Vec<(usize, Message)>) -> Result<Vec<Record>, Damage> {
    let runs = runs(found.iter().map(|(row, _)| *row));
    let (texts, keys) = (columns.strings(TEXT, &runs)?, columns.optional(KEY, &runs)?);
    let beside = texts.into_iter().zip(keys);
    let records = found.into_iter().zip(beside);
    let records = records.map(|((_, mut message), (words, key))| {
        message.text = MessageText::from_stored(text(&words)?);
        let key = key.as_ref().map(key_of).transpose()?;
        Ok(Record {
            message,
            idempotency_key: key,
        })
    });
    records.collect()
}

/// The ids of a row group.
pub(super) fn ids(group: &RowGroupMetaData, part: Part) -> Result<Vec<MessageId>, Damage> {
    let columns = Columns::new(group, part);
    let ids = columns.in_order(ID, &columns.all())?;
    ids.iter().map(|value| id(value.data())).collect()
}

/// Where ids, in order, are from the first (inclusive) to the second
/// (exclusive): as texts they are in the same order.
fn within(ids: &[ByteArray], (low, high): (MessageId, MessageId)) -> Range<usize> {
    let below = |end: MessageId| {
        let end = end.to_string();
        ids.partition_point(|id| id.data() < end.as_bytes())
    };
    below(low)..below(high)
}

/// Rows that have the names of a filter; all where it has none.
fn named(columns: &Columns<'_>, filter: &FollowFilter) -> Result<Vec<usize>, Damage> {
    let mut rows: Vec<usize> = (0..columns.rows).collect();
    if !filter.users.is_empty() {
        let users = columns.strings(USER, &columns.all())?;
        rows.retain(|row| {
            let mut wanted = filter.users.iter();
            wanted.any(|user| users[*row].data() == user.as_str().as_bytes())
        });
    }
    if !filter.hashtags.is_empty() && !rows.is_empty() {
        let hashtags = columns.lists(HASHTAGS, &columns.all())?;
        rows.retain(|row| {
            let there = hashtags.of(*row);
            let has = |tag: &Hashtag| {
                let mut there = there.iter();
                there.any(|value| value.data() == tag.as_str().as_bytes())
            };
            match filter.any {
                true => filter.hashtags.iter().any(has),
                false => filter.hashtags.iter().all(has),
            }
        });
    }
    Ok(rows)
}

/// Rows that rise, as runs of neighbours.
fn runs(rows: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for row in rows {
        match runs.last_mut().filter(|last| last.end == row) {
            Some(last) => last.end = row + 1,
            None => runs.push(row..row + 1),
        }
    }
    runs
}

/// Lists of strings.
struct Lists {
    values: Vec<ByteArray>,
    /// Where each begins, and where the last one ends.
    starts: Vec<usize>,
}

impl Lists {
    fn of(&self, at: usize) -> &[ByteArray] {
        &self.values[self.starts[at]..self.starts[at + 1]]
    }
}

/// The columns of a row group. What is read of them is read by runs of rows,
/// and counted from the first row that was read.
struct Columns<'g> {
    group: &'g RowGroupMetaData,
    part: Arc<Part>,
    rows: usize,
}

/// A column as it is stored.
#[derive(Default)]
struct Column {
    values: Vec<ByteArray>,
    defined: Vec<i16>,
    repeated: Vec<i16>,
    /// Rows that were asked for.
    rows: usize,
}

impl Columns<'_> {
    fn new(group: &RowGroupMetaData, part: Part) -> Columns<'_> {
        Columns {
            group,
            part: Arc::new(part),
            rows: usize::try_from(group.num_rows()).unwrap_or_default(),
        }
    }

    /// Every row.
    fn all(&self) -> Vec<Range<usize>> {
        std::iter::once(0..self.rows).collect()
    }

    fn read(&self, column: usize, runs: &[Range<usize>]) -> Result<Column, Damage> {
        let chunk = self.group.column(column);
        if chunk.column_type() != Type::BYTE_ARRAY {
            return Err(Damage("a column is not of strings".to_owned()));
        }
        let pages = SerializedPageReader::new(Arc::clone(&self.part), chunk, self.rows, None)?;
        let reader = get_column_reader(chunk.column_descr_ptr(), Box::new(pages));
        let mut reader = get_typed_column_reader::<ByteArrayType>(reader);
        let short = || Damage("a row group ends before its end".to_owned());
        let (mut read, mut at) = (Column::default(), 0);
        for run in runs {
            let skipped = run.start - at;
            if skipped > 0 && reader.skip_records(skipped)? != skipped {
                return Err(short());
            }
            let (mut left, defined, repeated) = (run.len(), &mut read.defined, &mut read.repeated);
            while left > 0 {
                let (records, _, _) =
                    reader.read_records(left, Some(defined), Some(repeated), &mut read.values)?;
                if records == 0 {
                    return Err(short());
                }
                left -= records.min(left);
            }
            read.rows += run.len();
            at = run.end;
        }
        Ok(read)
    }

    /// A value for each row.
    fn strings(&self, column: usize, runs: &[Range<usize>]) -> Result<Vec<ByteArray>, Damage> {
        let read = self.read(column, runs)?;
        read.has(read.values.len()).map(|()| read.values)
    }

    /// The same, rising.
    fn in_order(&self, column: usize, runs: &[Range<usize>]) -> Result<Vec<ByteArray>, Damage> {
        let values = self.strings(column, runs)?;
        match values.is_sorted_by(|one, other| one.data() <= other.data()) {
            true => Ok(values),
            false => Err(Damage("its ids are not in order".to_owned())),
        }
    }

    /// A value, or none, for each row.
    fn optional(
        &self,
        column: usize,
        runs: &[Range<usize>],
    ) -> Result<Vec<Option<ByteArray>>, Damage> {
        let read = self.read(column, runs)?;
        read.has(read.defined.len())?;
        let mut values = read.values.into_iter();
        let defined = read.defined.into_iter();
        let rows = defined.map(|level| if level > 0 { values.next() } else { None });
        Ok(rows.collect())
    }

    /// A list for each row.
    fn lists(&self, column: usize, runs: &[Range<usize>]) -> Result<Lists, Damage> {
        let read = self.read(column, runs)?;
        let (mut starts, mut at) = (Vec::with_capacity(read.rows + 1), 0);
        for (defined, repeated) in read.defined.iter().zip(&read.repeated) {
            if *repeated == 0 {
                starts.push(at);
            }
            at += usize::from(*defined > 0);
        }
        read.has(starts.len())?;
        if at > read.values.len() {
            return Err(Damage("a list lacks values".to_owned()));
        }
        starts.push(at);
        Ok(Lists {
            values: read.values,
            starts,
        })
    }
}

impl Column {
    /// Whether there is one for each row that was asked for.
    fn has(&self, count: usize) -> Result<(), Damage> {
        let differs = || Damage("its columns are of different lengths".to_owned());
        (count == self.rows).then_some(()).ok_or_else(differs)
    }
}

fn text(value: &ByteArray) -> Result<&str, Damage> {
    Ok(value.as_utf8()?)
}

fn key_of(value: &ByteArray) -> Result<IdempotencyKey, Damage> {
    let key = text(value)?.parse();
    key.map_err(|_| Damage("an idempotency key is none".to_owned()))
}
