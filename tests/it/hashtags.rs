//! The hashtag cases of the public conformance suite of twitter-text, as the
//! scanner of texts sees them.

use std::collections::BTreeMap;

use dunder::domain::{Hashtag, hashtags_in_text};
use serde::Deserialize;

/// Cases in which dunder means to differ, with the reason. None does today:
/// where its rules are its own (a `-` inside a hashtag belongs to it, `##x` is
/// none, what is not taken for its length or a lone sign is text) the suite
/// has no case.
const DIFFERENT: [(&str, &str); 0] = [];

#[derive(Deserialize)]
struct Suite {
    tests: BTreeMap<String, Vec<Case>>,
}

#[derive(Deserialize)]
struct Case {
    description: String,
    text: String,
    expected: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Expected {
    Name(String),
    Place { hashtag: String },
}

/// A hashtag is expected in the one form in which dunder keeps it.
fn folded(expected: &Expected) -> Hashtag {
    let (Expected::Name(name) | Expected::Place { hashtag: name }) = expected;
    name.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_hashtags_of_the_conformance_suite_are_found() {
    let file = include_str!("../data/twitter-text/extract.yml");
    let suite: Suite = serde_saphyr::from_str(file).unwrap();
    let cases: Vec<Case> = suite.tests.into_values().flatten().collect();
    assert_eq!(cases.len(), 76);
    let mut wrong = Vec::new();
    for case in &cases {
        let found = hashtags_in_text(&case.text);
        let expected: Vec<Hashtag> = case.expected.iter().map(folded).collect();
        let differs = DIFFERENT.iter().any(|(name, _)| *name == case.description);
        if (found == expected) == differs {
            wrong.push(format!("{}: {found:?}, not {expected:?}", case.description));
        }
    }
    assert_eq!(wrong, [""; 0]);
}
