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

/// The messages of a row group that are wanted, oldest first.
pub(super) fn records(
    group: &RowGroupMetaData,
    part: Part,
    wanted: &Wanted,
) -> Result<Vec<Record>, Damage> {
    let columns = Columns::new(group, part);
    let named = Named::find(&columns, &wanted.filter)?;
    if named.rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = columns.in_order(ID)?;
    let range = within(&ids, wanted.range);
    let mut rows = named.rows;
    rows.retain(|row| range.contains(row));
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let users = named.users.map_or_else(|| columns.strings(USER), Ok)?;
    let hashtags = named.hashtags.map_or_else(|| columns.lists(HASHTAGS), Ok)?;
    if wanted.is_back {
        rows.reverse();
    }
    let mut found = Vec::new();
    for row in rows {
        let id = id(ids[row].data())?;
        let only = wanted.ids.as_ref();
        if only.is_some_and(|only| only.binary_search(&id).is_err()) {
            continue;
        }
        let tags = hashtags.of(row).iter();
        let tags = tags.map(|tag| text(tag).map(Hashtag::from_stored));
        let message = Message {
            id,
            user: UserName::from_stored(text(&users[row])?),
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

/// Messages with what they lack yet.
fn whole(columns: &Columns<'_>, found: Vec<(usize, Message)>) -> Result<Vec<Record>, Damage> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let (texts, keys) = (columns.strings(TEXT)?, columns.optional(KEY)?);
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
    let ids = Columns::new(group, part).in_order(ID)?;
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

/// Rows with the names of a filter, and the columns that were read for them.
struct Named {
    rows: Vec<usize>,
    users: Option<Vec<ByteArray>>,
    hashtags: Option<Lists>,
}

impl Named {
    fn find(columns: &Columns<'_>, filter: &FollowFilter) -> Result<Named, Damage> {
        let mut named = Named {
            rows: (0..columns.rows).collect(),
            users: None,
            hashtags: None,
        };
        if !filter.users.is_empty() {
            let users = columns.strings(USER)?;
            named.rows.retain(|row| {
                let mut wanted = filter.users.iter();
                wanted.any(|user| users[*row].data() == user.as_str().as_bytes())
            });
            named.users = Some(users);
        }
        if !filter.hashtags.is_empty() && !named.rows.is_empty() {
            let hashtags = columns.lists(HASHTAGS)?;
            named.rows.retain(|row| {
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
            named.hashtags = Some(hashtags);
        }
        Ok(named)
    }
}

/// Lists of strings, one for each row.
struct Lists {
    values: Vec<ByteArray>,
    /// Where each row's begins, and where the last one's ends.
    starts: Vec<usize>,
}

impl Lists {
    fn of(&self, row: usize) -> &[ByteArray] {
        &self.values[self.starts[row]..self.starts[row + 1]]
    }
}

/// The columns of a row group.
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
}

impl Columns<'_> {
    fn new(group: &RowGroupMetaData, part: Part) -> Columns<'_> {
        Columns {
            group,
            part: Arc::new(part),
            rows: usize::try_from(group.num_rows()).unwrap_or_default(),
        }
    }

    fn read(&self, column: usize) -> Result<Column, Damage> {
        let chunk = self.group.column(column);
        if chunk.column_type() != Type::BYTE_ARRAY {
            return Err(Damage("a column is not of strings".to_owned()));
        }
        let pages = SerializedPageReader::new(Arc::clone(&self.part), chunk, self.rows, None)?;
        let reader = get_column_reader(chunk.column_descr_ptr(), Box::new(pages));
        let mut reader = get_typed_column_reader::<ByteArrayType>(reader);
        let mut read = Column::default();
        let (mut left, defined, repeated) = (self.rows, &mut read.defined, &mut read.repeated);
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

    fn is_whole(&self, rows: usize) -> Result<(), Damage> {
        let differs = || Damage("its columns are of different lengths".to_owned());
        (rows == self.rows).then_some(()).ok_or_else(differs)
    }

    /// A value for each row.
    fn strings(&self, column: usize) -> Result<Vec<ByteArray>, Damage> {
        let values = self.read(column)?.values;
        self.is_whole(values.len()).map(|()| values)
    }

    /// The same, rising.
    fn in_order(&self, column: usize) -> Result<Vec<ByteArray>, Damage> {
        let values = self.strings(column)?;
        match values.is_sorted_by(|one, other| one.data() <= other.data()) {
            true => Ok(values),
            false => Err(Damage("its ids are not in order".to_owned())),
        }
    }

    /// A value, or none, for each row.
    fn optional(&self, column: usize) -> Result<Vec<Option<ByteArray>>, Damage> {
        let read = self.read(column)?;
        self.is_whole(read.defined.len())?;
        let mut values = read.values.into_iter();
        let defined = read.defined.into_iter();
        let rows = defined.map(|level| if level > 0 { values.next() } else { None });
        Ok(rows.collect())
    }

    /// A list for each row.
    fn lists(&self, column: usize) -> Result<Lists, Damage> {
        let read = self.read(column)?;
        let (mut starts, mut at) = (Vec::with_capacity(self.rows + 1), 0);
        for (defined, repeated) in read.defined.into_iter().zip(read.repeated) {
            if repeated == 0 {
                starts.push(at);
            }
            at += usize::from(defined > 0);
        }
        self.is_whole(starts.len())?;
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

fn text(value: &ByteArray) -> Result<&str, Damage> {
    Ok(value.as_utf8()?)
}

fn key(value: &ByteArray) -> Result<IdempotencyKey, Damage> {
    let key = text(value)?.parse();
    key.map_err(|_| Damage("an idempotency key is none".to_owned()))
}
