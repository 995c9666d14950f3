//! What is written is read back, by every way in; and what was not written so
//! is refused.

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::decode::{self, Damage, Parsed, Part};
use super::encode::DayWriter;
use super::schema::GROUP_ROWS;
use crate::domain::{ArchiveFile, Day, Draft, FollowFilter, MessageId, Record};

const DAY: Day = Day(20_000);

/// A message of the day, the `n`th.
fn record(n: u64, user: &str, text: String, tags: &[&str], key: Option<&str>) -> Record {
    let millis = DAY.start().timestamp_millis() + (n / 4) as i64;
    let draft = Draft::new(user.parse().unwrap(), text, tags).unwrap();
    Record {
        message: draft.into_message(MessageId::from_parts(millis, u128::from(n) << 40)),
        idempotency_key: key.map(|key| key.parse().unwrap()),
    }
}

fn file_of(records: &[Record]) -> (ArchiveFile, Bytes) {
    let file = NamedTempFile::new().unwrap();
    let mut writer = DayWriter::new(file.reopen().unwrap(), DAY).unwrap();
    for record in records {
        writer.push(record.clone()).unwrap();
    }
    let written = writer.finish("a".to_owned()).unwrap().unwrap();
    (written, std::fs::read(file.path()).unwrap().into())
}

fn footer(file: &ArchiveFile, bytes: &Bytes, day: Day) -> Result<Parsed, Damage> {
    let whole = Part {
        start: 0,
        bytes: bytes.clone(),
    };
    decode::footer(&whole, file, day)
}

/// All that a filter wants, by the Bloom filters first.
fn read(file: &ArchiveFile, bytes: &Bytes, filter: &FollowFilter) -> Vec<Record> {
    let Parsed::Whole(metadata) = footer(file, bytes, DAY).unwrap() else {
        panic!("the whole file is there");
    };
    let part = |range: std::ops::Range<u64>| Part {
        start: range.start,
        bytes: bytes.slice(range.start as usize..range.end as usize),
    };
    let blooms = part(decode::bloom_range(metadata.row_groups().iter()).unwrap());
    let mut found = Vec::new();
    for group in metadata.row_groups() {
        if !decode::may_have(group, &blooms, filter).unwrap() {
            continue;
        }
        let range = (MessageId::MIN, MessageId::MAX);
        let own = part(decode::group_range(group));
        found.extend(decode::records(group, own, range, filter).unwrap());
    }
    found
}

fn wanting(users: &[&str], hashtags: &[&str], any: bool) -> FollowFilter {
    FollowFilter {
        users: users.iter().map(|user| user.parse().unwrap()).collect(),
        hashtags: hashtags.iter().map(|tag| tag.parse().unwrap()).collect(),
        any,
        ..FollowFilter::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_is_read(
        rows in prop::collection::vec(
            ("[a-d]", "\\PC{1,40}", prop::collection::vec("[a-e]{1,2}", 0..5), prop::option::of("[!-~]{1,20}")),
            1..80,
        ),
        users in prop::collection::vec("[a-e]", 0..3),
        tags in prop::collection::vec("[a-f]", 0..3),
        any: bool,
    ) {
        let rows = rows.iter().enumerate();
        let records: Vec<Record> = rows.map(|(n, (user, text, tags, key))| {
            let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
            record(n as u64, user, format!("x{text}"), &tags, key.as_deref())
        }).collect();
        let (file, bytes) = file_of(&records);
        prop_assert_eq!(file.rows as usize, records.len());
        prop_assert_eq!(file.bytes as usize, bytes.len());
        prop_assert_eq!(file.first, records[0].message.id);
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        for filter in [FollowFilter::default(), wanting(&users, &tags, any)] {
            let wanted = records.iter().filter(|record| filter.matches(&record.message));
            let wanted: Vec<Record> = wanted.cloned().collect();
            prop_assert_eq!(read(&file, &bytes, &filter), wanted);
        }
    }

    #[test]
    fn bytes_of_any_other_kind_are_refused(garbage: Vec<u8>, at: prop::sample::Index, flip in 1u8..) {
        let (file, bytes) = file_of(&[record(1, "ann", "text".to_owned(), &["a"], None)]);
        let mut other = garbage.clone();
        other.extend_from_slice(&bytes[bytes.len().saturating_sub(8)..]);
        let other = Bytes::from(other);
        for wrong in [Bytes::from(garbage), other] {
            prop_assert!(!matches!(footer(&file, &wrong, DAY), Ok(Parsed::Whole(_))));
        }
        // Whatever one wrong byte does, it does not make it panic here.
        let mut wrong = bytes.to_vec();
        let at = at.index(wrong.len());
        wrong[at] ^= flip;
        let _ = footer(&file, &Bytes::from(wrong), DAY);
    }
}

#[test]
fn a_large_day_has_row_groups_that_names_are_not_looked_for_in() {
    let rows = GROUP_ROWS as u64 * 2 + 10;
    let records: Vec<Record> = (0..rows)
        .map(|n| {
            let user = if n == 3 { "rare" } else { "often" };
            let tag = format!("t{}", n % 700);
            record(n, user, format!("text {n}"), &[&tag, "all"], None)
        })
        .collect();
    let (file, bytes) = file_of(&records);
    let Ok(Parsed::Whole(metadata)) = footer(&file, &bytes, DAY) else {
        panic!("it is whole");
    };
    assert_eq!(metadata.num_row_groups(), 3);
    let blooms = decode::bloom_range(metadata.row_groups().iter()).unwrap();
    let blooms = Part {
        start: blooms.start,
        bytes: bytes.slice(blooms.start as usize..blooms.end as usize),
    };
    let may = |filter: &FollowFilter| {
        let groups = metadata.row_groups().iter();
        let may = groups.map(|group| decode::may_have(group, &blooms, filter).unwrap());
        may.collect::<Vec<_>>()
    };
    assert_eq!(may(&wanting(&["rare"], &[], false)), [true, false, false]);
    assert_eq!(may(&wanting(&[], &["all", "nowhere"], false)), [false; 3]);
    assert_eq!(may(&wanting(&[], &["all", "nowhere"], true)), [true; 3]);
    let rare = read(&file, &bytes, &wanting(&["rare"], &["t3"], false));
    assert_eq!(rare, [records[3].clone()]);
    let last = decode::group_ids(metadata.row_group(2)).unwrap().1;
    assert_eq!(last, file.last);
}

#[test]
fn a_file_of_another_day_or_of_another_length_says_so() {
    let (file, bytes) = file_of(&[record(1, "ann", "text".to_owned(), &[], None)]);
    let why = |file: &ArchiveFile, day| footer(file, &bytes, day).err().unwrap().to_string();
    let other = why(&file, Day(DAY.0 + 1));
    assert!(other.contains(&DAY.to_string()), "{other}");
    let more = ArchiveFile { rows: 2, ..file };
    assert!(why(&more, DAY).contains("1 messages, not 2"));
}
