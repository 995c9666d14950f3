//! The promise of the whole module: whatever others wrote, nothing a terminal
//! obeys comes out, in whatever form.

use proptest::prelude::*;

use super::{clock, list, message, period, plain};
use crate::api::{TrendBucket, User};
use crate::domain::{Range, TrendFilter};
use crate::output::chart::{ChartStyle, TrendRange};
use crate::output::checks::{Check, State, check_line, checks_table};
use crate::output::format::{FORMATS, Format, Listing, Options};
use crate::output::queue::{QUEUE, QueueRow};
use crate::output::records::{MESSAGES, USERS, buckets_of};
use crate::output::tags::TagRow;
use crate::output::{Look, columns, tags};

/// Characters that a terminal obeys or that hide or reorder text. Written out
/// here on its own, so that a mistake in the sanitiser is not repeated.
fn obeyed(c: char) -> bool {
    (c < ' ' && c != '\n' && c != '\t')
        || ('\u{7f}'..='\u{9f}').contains(&c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
        || ['\u{2028}', '\u{2029}', '\u{feff}', '\u{2060}'].contains(&c)
        || ('\u{e0000}'..='\u{e007f}').contains(&c)
}

fn hostile() -> impl Strategy<Value = String> {
    let chars = prop_oneof![
        any::<char>(),
        (0u32..0xa0).prop_filter_map("char", char::from_u32),
        (0x2000u32..0x2070).prop_filter_map("char", char::from_u32),
        Just('世'),
        Just('a'),
        Just(' '),
    ];
    proptest::collection::vec(chars, 0..60).prop_map(|chars| chars.into_iter().collect())
}

/// A text for each form that was drawn from hostile values.
fn drawn(text: &str, name: &str, tag: &str, look: Look) -> Vec<(&'static Format, String)> {
    let mut message = message(name, text, &[tag, "b"]);
    message.id = text.to_owned();
    let bucket = TrendBucket {
        from_date: clock().now,
        to_date: clock().now + chrono::Duration::hours(1),
        count: 3,
        hashtag: Some(tag.into()),
    };
    let row = TagRow {
        hashtag: tag.to_owned(),
        count: 1,
        counts: vec![1],
    };
    let user = User { name: name.into() };
    let waiting = QueueRow {
        number: 1,
        server: tag.to_owned(),
        user: name.to_owned(),
        state: text.to_owned(),
        text: text.to_owned(),
        ..QueueRow::default()
    };
    let range = Range::new(bucket.from_date, bucket.to_date).unwrap();
    let hour = TrendFilter::unlimited(range, "1h".parse().unwrap()).unwrap();
    let range = TrendRange {
        buckets: hour.buckets,
        interval: hour.interval,
        zone: hour.zone,
        hashtags: vec![tag.to_owned(), name.to_owned()],
    };
    let mut drawn = Vec::new();
    for format in FORMATS {
        let options = || Options::new(look.with_lines(5), clock());
        let name = format.name;
        let buckets = std::slice::from_ref(&bucket);
        for style in [ChartStyle::Bars, ChartStyle::Line, ChartStyle::Spark] {
            let options = Options { style, ..options() };
            drawn.push((
                format,
                list(name, buckets_of(range.clone()), buckets, options),
            ));
        }
        if format.needs_range {
            continue;
        }
        let messages = Listing::of(&MESSAGES);
        drawn.push((
            format,
            list(name, messages, std::slice::from_ref(&message), options()),
        ));
        let tags = tags::listing(1, None, &period());
        drawn.push((
            format,
            list(name, tags, std::slice::from_ref(&row), options()),
        ));
        let users = Listing::of(&USERS);
        drawn.push((
            format,
            list(name, users, std::slice::from_ref(&user), options()),
        ));
        let queue = Listing::of(&QUEUE);
        drawn.push((
            format,
            list(name, queue, std::slice::from_ref(&waiting), options()),
        ));
    }
    drawn
}

proptest! {
    #[test]
    fn no_form_lets_hostile_text_through(
        text in hostile(), name in hostile(), tag in hostile(), width in 1usize..220,
    ) {
        let look = plain(width);
        for (format, drawn) in drawn(&text, &name, &tag, look) {
            if format.is_exact {
                let text = drawn.trim_end();
                prop_assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text:?}");
                continue;
            }
            prop_assert!(!drawn.contains(obeyed), "{}: {drawn:?}", format.name);
            if format.name == "lines" {
                prop_assert_eq!(drawn.matches('\n').count(), 1);
            }
            for line in drawn.lines().filter(|_| format.is_drawn) {
                prop_assert!(columns(line) <= look.width(), "{} > {}: {line:?}", columns(line), look.width());
            }
        }
        let check = Check { name: "server", state: State::Problem, found: text.clone(), advice: Some(name.clone()) };
        let line = check_line(&check);
        prop_assert!(!line.contains(obeyed) && line.matches('\n').count() == 1, "{line:?}");
        let drawn = checks_table(&[check], look);
        prop_assert!(!drawn.contains(obeyed), "{drawn:?}");
        prop_assert!(drawn.lines().all(|line| columns(line) <= look.width()), "{drawn}");
    }
}
