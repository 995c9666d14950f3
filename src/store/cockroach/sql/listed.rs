//! Every statement there is, for the rules that all keep.

use super::*;

/// Every statement there is, under a name.
pub(super) fn statements() -> Vec<(String, String, usize)> {
    let fixed = [
        compaction::FIXED,
        counts::FIXED,
        follow::FIXED,
        inspection::FIXED,
        manifest::FIXED,
        read::FIXED,
        refold::FIXED,
        regions::FIXED,
        removal::FIXED,
        retention::FIXED,
        schema::FIXED,
        slots::FIXED,
        tokens::FIXED,
        write::FIXED,
    ];
    let fixed = fixed.into_iter().flatten().copied();
    let mut all: Vec<_> = fixed.map(|(name, sql)| entry(name, sql)).collect();
    for tags in 0..=16 {
        let mut lists = vec![vec![List::Hashtag]; tags];
        lists.insert(0, vec![List::User]);
        lists.push(vec![List::Hashtag; tags]);
        lists.retain(|group| !group.is_empty());
        all.push(entry(
            &format!("ends_of_parts({tags})"),
            &ends_of_parts(&lists),
        ));
        for stale in [false, true].into_iter().filter(|_| tags > 0) {
            let plain = trend(tags, stale);
            all.push(entry(&format!("trend({tags}, {stale})"), &plain));
            let as_they_are = counters(tags, stale);
            all.push(entry(&format!("counters({tags}, {stale})"), &as_they_are));
            let pieces = trend_in_pieces(tags, stale);
            all.push(entry(&format!("trend_in_pieces({tags}, {stale})"), &pieces));
        }
    }
    for list in [List::All, List::User, List::Hashtag] {
        all.push(entry(&format!("page({list:?})"), &page(list)));
    }
    for parts in parts_of_pages() {
        let name = format!("page_of_part({parts:?})");
        all.push(entry(&name, &page_of_part(&parts)));
    }
    for parts in 0..8 {
        let [fence, users, keys] = [1, 2, 4].map(|part| parts & part > 0);
        let name = format!("write_batch({fence}, {users}, {keys})");
        all.push(entry(&name, &write_batch(fence, users, keys)));
    }
    for list in [List::All, List::User, List::Hashtag] {
        all.push(entry(&format!("after({list:?})"), &after(list)));
    }
    for prefix in [false, true] {
        all.push(entry(&format!("hashtags({prefix})"), &hashtags(prefix)));
    }
    for series in [1, 64] {
        all.push(entry(&format!("shards({series})"), &shards(series)));
        let name = format!("drop_shards({series})");
        all.push(entry(&name, &drop_shards(series)));
    }
    for pairs in [8, 128] {
        all.push(entry(&format!("unlist({pairs})"), &unlist(pairs)));
        all.push(entry(&format!("forget_keys({pairs})"), &forget_keys(pairs)));
    }
    for names in [1, 64] {
        all.push(entry(&format!("counts_of({names})"), &counts_of(names)));
    }
    all
}

fn parts_of_pages() -> Vec<Parts> {
    let mut all = Vec::new();
    let names = [vec![], vec![(List::User, 2)], vec![(List::Hashtag, 16)]];
    for lead in [
        vec![List::All],
        vec![List::User],
        vec![List::Hashtag],
        vec![List::User; 16],
        vec![List::Hashtag; 2],
    ] {
        for (user, hashtags) in [(false, 0), (false, 15), (true, 0), (true, 1)] {
            for (any, without) in names.iter().cloned().zip([0, 1, 16]) {
                all.push(Parts {
                    lead: lead.clone(),
                    user,
                    hashtags,
                    any,
                    without,
                });
            }
        }
    }
    all
}

fn entry(name: &str, sql: &Sql) -> (String, String, usize) {
    (name.to_owned(), one_line(&sql.text), sql.types.len())
}

/// A text with single blanks, and none inside brackets.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("( ", "(").replace(" )", ")")
}
