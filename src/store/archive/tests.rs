//! What is written is read back, by every way in; and what was not written so
//! is refused.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::decode::{self, Damage, Parsed, Part};
use super::encode::DayWriter;
use super::group::{self, Wanted};
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
    let mut writer = DayWriter::new(file.reopen().unwrap(), DAY);
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
    read_of(DAY, file, bytes, filter)
}

fn read_of(day: Day, file: &ArchiveFile, bytes: &Bytes, filter: &FollowFilter) -> Vec<Record> {
    let Parsed::Whole(metadata) = footer(file, bytes, day).unwrap() else {
        panic!("the whole file is there");
    };
    let part = |range: std::ops::Range<u64>| Part {
        start: range.start,
        bytes: bytes.slice(range.start as usize..range.end as usize),
    };
    let blooms = decode::bloom_range(metadata.row_groups().iter()).map(part);
    let mut found = Vec::new();
    for group in metadata.row_groups() {
        let may_have = |blooms| decode::may_have(group, blooms, filter).unwrap();
        if !blooms.as_ref().is_none_or(may_have) {
            continue;
        }
        let own = part(decode::group_range(group));
        found.extend(group::records(group, own, &all_of(filter)).unwrap());
    }
    found
}

/// All that a filter wants.
fn all_of(filter: &FollowFilter) -> Wanted {
    Wanted {
        range: (MessageId::MIN, MessageId::MAX),
        filter: Arc::new(filter.clone()),
        ids: None,
        most: usize::MAX,
        is_back: false,
        is_kept: false,
    }
}

/// Of the only row group what is wanted.
fn read_group(file: &ArchiveFile, bytes: &Bytes, wanted: &Wanted) -> Vec<Record> {
    let Parsed::Whole(metadata) = footer(file, bytes, DAY).unwrap() else {
        panic!("the whole file is there");
    };
    let part = Part {
        start: 0,
        bytes: bytes.clone(),
    };
    group::records(metadata.row_group(0), part, wanted).unwrap()
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
    fn a_part_of_what_is_there_is_read(
        count in 1..60_u64,
        (low, high) in (0..60_u64, 0..60_u64),
        ids in prop::option::of(prop::collection::btree_set(0..60_u64, 0..20)),
        most in 1..10_usize,
        is_back: bool,
        tag in prop::option::of("[a-c]"),
    ) {
        let tag_of = |n: u64| ["a", "b", "c"][n as usize % 3];
        let of = |n| record(n, "ann", format!("text {n}"), &[tag_of(n)], None);
        let id = |n| of(n).message.id;
        let records: Vec<Record> = (0..count).map(of).collect();
        let (file, bytes) = file_of(&records);
        let tags: Vec<&str> = tag.iter().map(String::as_str).collect();
        let wanted = Wanted {
            range: (id(low), id(high)),
            ids: ids.as_ref().map(|ids| ids.iter().map(|n| id(*n)).collect()),
            most,
            is_back,
            ..all_of(&wanting(&[], &tags, false))
        };
        let is_wanted = |n: &u64| {
            (low..high).contains(n)
                && ids.as_ref().is_none_or(|ids| ids.contains(n))
                && tag.as_ref().is_none_or(|tag| tag == tag_of(*n))
        };
        let mut expected: Vec<u64> = (0..count).filter(is_wanted).collect();
        let surplus = expected.len().saturating_sub(most);
        if is_back {
            expected.drain(..surplus);
        } else {
            expected.truncate(most);
        }
        let expected: Vec<Record> = expected.into_iter().map(of).collect();
        prop_assert_eq!(read_group(&file, &bytes, &wanted), expected);
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

/// As the first program with an archive wrote it.
const FIRST: &[u8] = include_bytes!("../../../tests/data/archive-2024-03-05.parquet");

#[test]
fn a_file_of_an_earlier_program_is_read() {
    let file = ArchiveFile {
        name: "a".to_owned(),
        rows: 3,
        bytes: FIRST.len() as u64,
        first: MessageId::MIN,
        last: MessageId::MAX,
        checksum: [0; 32],
    };
    let (bytes, day) = (Bytes::from_static(FIRST), Day(19_787));
    let told = |filter: &FollowFilter| {
        let records = read_of(day, &file, &bytes, filter).into_iter();
        let told = records.map(
            |Record {
                 message,
                 idempotency_key,
             }| {
                let tags: Vec<&str> = message.hashtags.iter().map(|tag| tag.as_str()).collect();
                let key = idempotency_key.as_ref().map_or("", |key| key.as_str());
                let (id, user, text) = (message.id, message.user.as_str(), message.text.as_str());
                format!("{id} {user} {text:?} {} {key}", tags.join("+"))
            },
        );
        told.collect::<Vec<_>>()
    };
    let all = [
        r#"01HR77R8KV3QVZ492PHB9NSFST john "deploy of #prod done" ops+prod "#,
        r#"01HR77R9F8JM7JWMHJMKF4FBYN Żółw "日本\n\"quoted\"" 日本 key-1"#,
        r#"01HR8GYKZZNQ3G0BGYDAPQ7KMH john "no hashtag"  "#,
    ];
    assert_eq!(told(&FollowFilter::default()), all);
    assert_eq!(told(&wanting(&["john"], &["ops"], false)), all[..1]);
    assert_eq!(told(&wanting(&["nobody"], &[], false)), [""; 0]);
}

/// Bytes a message of a file of so many.
fn bytes_of_each(rows: u64) -> u64 {
    let records: Vec<Record> = (0..rows)
        .map(|n| record(n, "ann", format!("text {n}"), &["all"], None))
        .collect();
    file_of(&records).0.bytes / rows
}

#[test]
fn a_file_takes_little_more_than_what_is_in_it() {
    // Ten random bytes of an id, whatever is done; a footer of 800.
    let sizes = [1, 10, 1_000, 20_000].map(bytes_of_each);
    assert!(
        sizes[0] <= 1_000 && sizes[1] <= 120 && sizes[2] <= 16 && sizes[3] <= 14,
        "{sizes:?}"
    );
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
