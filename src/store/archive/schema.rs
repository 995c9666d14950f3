//! What an archive's file looks like: Parquet, one message a row, sorted by
//! id. `docs/archive.md` documents it for those who read it with other tools.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaData, SortingColumn};
use parquet::file::properties::{BloomFilterPosition, EnabledStatistics, WriterProperties};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};

use crate::domain::Day;

/// The columns, by their place.
pub(super) const ID: usize = 0;
pub(super) const USER: usize = 2;
pub(super) const TEXT: usize = 3;
pub(super) const HASHTAGS: usize = 4;
pub(super) const KEY: usize = 5;

/// A list is three levels deep, as Parquet's rules have it, so that every
/// reader sees a list of strings:
/// <https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#lists>
const MESSAGE: &str = "
message dunder {
  required binary id (STRING);
  required int64 created_at (TIMESTAMP(MILLIS,true));
  required binary user (STRING);
  required binary text (STRING);
  required group hashtags (LIST) { repeated group list { required binary element (STRING); } }
  optional binary idempotency_key (STRING);
}";

/// Messages of a row group, which is read whole: about a megabyte, some
/// milliseconds to decode. Texts take 4 % less than in groups of half as many.
pub(super) const GROUP_ROWS: usize = 16 * 1024;
/// Bytes of texts after which a row group ends earlier.
pub(super) const GROUP_BYTES: usize = 4 * 1024 * 1024;

/// Who wrote the file, and in which form: names of the footer's metadata.
const VERSION_KEY: &str = "dunder.archive";
const VERSION: &str = "1";
const DAY_KEY: &str = "dunder.day";

/// Of the Bloom filters: of a hundred row groups without a name one is read
/// in vain.
const FALSE_POSITIVES: f64 = 0.01;
/// Of zstd: a file is written once and kept for years. Texts take 10 % less
/// than at the level 6, in about 10 µs a message; reading takes no longer.
const LEVEL: i32 = 19;
/// Of a file of no more messages Bloom filters, dictionaries and statistics
/// would be most; it is looked through in some microseconds.
const SMALL_ROWS: usize = 128;

/// The schema.
pub(super) fn schema() -> Result<TypePtr, ParquetError> {
    parse_message_type(MESSAGE).map(Arc::new)
}

/// How a day is written whose first row group has so many messages, and is the
/// only one or not.
pub(super) fn properties(
    day: Day,
    rows: usize,
    is_only: bool,
) -> Result<WriterProperties, ParquetError> {
    let is_small = is_only && rows <= SMALL_ROWS;
    let column =
        |path: &[&str]| ColumnPath::new(path.iter().map(|&part| part.to_owned()).collect());
    let pair = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("dunder ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
        .set_key_value_metadata(Some(vec![
            pair(VERSION_KEY, VERSION.to_owned()),
            pair(DAY_KEY, day.to_string()),
        ]))
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: ID as i32,
            descending: false,
            nulls_first: false,
        }]))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        // Beside the footer: one read brings both.
        .set_bloom_filter_position(BloomFilterPosition::End)
        .set_column_dictionary_enabled(column(&["created_at"]), false)
        .set_column_encoding(column(&["created_at"]), Encoding::DELTA_BINARY_PACKED);
    // Each differs from all others. What neighbours begin with alike zstd finds
    // by itself, in less than prefixes would take.
    for unlike in ["id", "text", "idempotency_key"] {
        properties = properties
            .set_column_dictionary_enabled(column(&[unlike]), false)
            .set_column_encoding(column(&[unlike]), Encoding::DELTA_LENGTH_BYTE_ARRAY);
    }
    for whole in ["text", "idempotency_key"] {
        // Nobody looks for the first text in the order of letters.
        let none = EnabledStatistics::None;
        properties = properties.set_column_statistics_enabled(column(&[whole]), none);
    }
    for name in [column(&["user"]), column(&["hashtags", "list", "element"])] {
        properties = match is_small {
            true => properties
                .set_column_dictionary_enabled(name.clone(), false)
                .set_column_encoding(name.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
                .set_column_statistics_enabled(name, EnabledStatistics::None),
            false => properties
                .set_column_bloom_filter_fpp(name.clone(), FALSE_POSITIVES)
                .set_column_bloom_filter_max_ndv(name, GROUP_ROWS as u64),
        };
    }
    Ok(properties.build())
}

/// Why a file is not this day's.
pub(super) fn foreign(metadata: &ParquetMetaData, day: Day) -> Option<String> {
    let file = metadata.file_metadata();
    let value = |key: &str| {
        let pairs = file.key_value_metadata().into_iter().flatten();
        let mut found = pairs.filter(|pair| pair.key == key);
        found.next().and_then(|pair| pair.value.clone())
    };
    match value(VERSION_KEY) {
        None => return Some("it was not written by dunder".to_owned()),
        Some(version) if version != VERSION => {
            return Some(format!(
                "it has the form {version}, this program knows {VERSION}"
            ));
        }
        Some(_) => {}
    }
    if value(DAY_KEY) != Some(day.to_string()) {
        let other = value(DAY_KEY).unwrap_or_default();
        return Some(format!(
            "it has the messages of {other}, not those of {day}"
        ));
    }
    let columns = file.schema_descr().columns().iter();
    let columns = columns.map(|column| (column.path().string(), column.physical_type()));
    let expected = [
        ("id", Type::BYTE_ARRAY),
        ("created_at", Type::INT64),
        ("user", Type::BYTE_ARRAY),
        ("text", Type::BYTE_ARRAY),
        ("hashtags.list.element", Type::BYTE_ARRAY),
        ("idempotency_key", Type::BYTE_ARRAY),
    ];
    let expected = expected.map(|(path, kind)| (path.to_owned(), kind));
    (!columns.eq(expected)).then(|| "its columns are others".to_owned())
}
