//! Tables of hashtags at the widths people have.

use super::{plain, tags_table};
use crate::output::tags::TagRow;
use crate::output::{Charset, Look};

fn tag(hashtag: &str, count: u64, counts: &[u64]) -> TagRow {
    TagRow {
        hashtag: hashtag.to_owned(),
        count,
        counts: counts.to_vec(),
    }
}

#[test]
fn the_busiest_hashtags() {
    let tags = [
        tag("storage", 1234, &[0, 3, 9, 27, 81, 100, 2, 0]),
        tag("世界", 1, &[0, 0, 0, 0, 0, 0, 0, 1]),
        tag("quiet", 0, &[0; 8]),
    ];
    insta::assert_snapshot!(tags_table(&tags, plain(60)), @"
    the 3 busiest hashtags, 2026-11-17 to 2026-11-24 12:00 (UTC)

    HASHTAG   MESSAGES  WHEN
    ────────────────────────────
    #storage     1,234  ·▁▁▂▆█▁·
    #世界            1  ·······█
    #quiet           0  ········
    ");
    assert_eq!(
        tags_table(&[], plain(60)),
        "no hashtags from 2026-11-17 to 2026-11-24 12:00 (UTC)\n"
    );
}

#[test]
fn hashtags_of_any_length_and_count_stay_within_40_columns() {
    let tags = [
        tag(&"x".repeat(64), u64::MAX, &[u64::MAX; 40]),
        tag("one-point", 1, &[1]),
    ];
    insta::assert_snapshot!(tags_table(&tags, plain(40)), @"
    the 2 busiest hashtags, 2026-11-17 to
    2026-11-24 12:00 (UTC)

    ────────────────────────────────────────
    #xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    xxxxxxxxxxxxxxxxxxxxxxxxx
    18,446,744,073,709,551,615
    ████████████████████████████████████████
    ────────────────────────────────────────
    #one-point  1
    █
    ");
}

#[test]
fn hashtags_at_80_and_200_columns_take_what_they_need() {
    let counts: Vec<u64> = (0..40).map(|day| day * day % 17).collect();
    let tags = [tag("שלום", 12_345, &counts), tag("all-zeros", 0, &[0; 40])];
    let at = |width| tags_table(&tags, plain(width));
    insta::assert_snapshot!(at(80), @"
    the 2 busiest hashtags, 2026-11-17 to 2026-11-24 12:00 (UTC)

    HASHTAG     MESSAGES  WHEN
    ──────────────────────────────────────────────────────────────
    #שלום         12,345  ·▁▂▅█▄▁█▇▇█▁▄█▅▂▁·▁▂▅█▄▁█▇▇█▁▄█▅▂▁·▁▂▅█▄
    #all-zeros         0  ········································
    ");
    assert_eq!(at(200), at(80));
    let ascii = tags_table(&tags, Look::new(80, false, Charset::AsciiOnly));
    assert!(ascii.is_ascii(), "{ascii}");
}
