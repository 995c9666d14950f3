//! Lines never wider than asked, nothing lost, and no more steps than there
//! is text.

use super::*;
use crate::output::sanitize;
use proptest::prelude::*;

#[test]
fn lines_break_at_blanks_and_keep_their_own_breaks() {
    assert_eq!(
        wrap("one two three\n\n  four five", 9),
        ["one two", "three", "", "  four", "five"]
    );
}

#[test]
fn wide_characters_are_never_cut() {
    assert_eq!(wrap("世界世界世", 5), ["世界", "世界", "世"]);
    assert_eq!(wrap("ab世界", 3), ["ab", "世", "界"]);
    assert_eq!(
        wrap("👩\u{200d}💻👩\u{200d}💻", 3),
        ["👩\u{200d}💻", "👩\u{200d}💻"]
    );
}

#[test]
fn a_word_longer_than_a_line_is_broken_and_nothing_is_lost() {
    let word = "x".repeat(8192);
    let lines = wrap(&word, 37);
    assert_eq!(lines.len(), 8192usize.div_ceil(37));
    assert_eq!(lines.concat(), word);
}

#[test]
fn letters_that_join_without_end_still_fit() {
    let jamo = "\u{1100}".repeat(50);
    let lines = wrap(&jamo, 10);
    assert!(lines.iter().all(|line| columns(line) <= 10), "{lines:?}");
    assert_eq!(lines.concat(), jamo);
}

#[test]
fn tabs_reach_to_the_next_stop() {
    assert_eq!(wrap("a\tb", 40), ["a       b"]);
}

#[test]
fn lines_that_are_not_wanted_are_counted() {
    let text = format!("{}\n{}", "x".repeat(25), "\n".repeat(10) + "end");
    let Wrapped { lines, more } = wrap_first(&text, 10, 2, Urls::Whole);
    assert_eq!(lines, ["x".repeat(10), "x".repeat(10)]);
    assert_eq!(lines.len() + more, wrap(&text, 10).len());
    assert_eq!(wrap_first("a\nb\n\n", 10, 2, Urls::Whole).more, 0);
}

#[test]
fn each_grapheme_of_a_text_costs_at_most_two_steps() {
    for text in [
        "\t".repeat(8_189) + "x",
        " ".repeat(8_190) + "x",
        "x\n".repeat(4_095),
        "x".repeat(8_192),
        "世".repeat(2_730),
        "\u{1100}".repeat(2_730),
        "a\u{301}".repeat(2_730),
    ] {
        let each = [2, 40, 400].map(|width| [Urls::Whole, Urls::Linked].map(|urls| (width, urls)));
        for (width, urls) in each.into_iter().flatten() {
            STEPS.set(0);
            let kept = wrap_first(&text, width, 10, urls).lines;
            assert!(STEPS.get() <= 2 * text.chars().count(), "{}", STEPS.get());
            let bytes: usize = kept.iter().map(String::len).sum();
            assert!(kept.len() <= 10 && bytes <= 10 * 4 * width, "{bytes}");
        }
    }
}

#[test]
fn an_address_is_whole_or_each_part_of_it_leads_to_the_whole() {
    let text = "see (https://a.example/long/path) now";
    let broken = |urls| wrap_first(text, 12, 9, urls).lines;
    assert_eq!(
        broken(Urls::Whole),
        ["see", "(https://a.example/long/path)", "now"]
    );
    let linked = broken(Urls::Linked);
    let open = links::open("https://a.example/long/path");
    let part = |text: &str| format!("{open}{text}{}", links::CLOSE);
    assert_eq!(
        linked,
        [
            "see".to_owned(),
            format!("({}", part("https://a.e")),
            part("xample/long/"),
            format!("{}) now", part("path")),
        ]
    );
}

#[test]
fn what_is_shortened_fits_and_says_so() {
    assert_eq!(shortened("世界世界", 5, "…"), "世界…");
    assert_eq!(shortened("世界", 4, "…"), "世界");
}

proptest! {
    #[test]
    fn no_line_is_wider_than_asked(text: String, width in 2usize..100) {
        for line in wrap(&sanitize(&text), width) {
            prop_assert!(columns(&line) <= width, "{line:?}");
        }
    }

    #[test]
    fn the_first_lines_are_those_of_the_whole(text: String, width in 2usize..50, most in 0usize..9) {
        let all = wrap(&text, width);
        let first = wrap_first(&text, width, most, Urls::Broken);
        prop_assert_eq!(first.lines.as_slice(), &all[..most.min(all.len())]);
        prop_assert_eq!(first.more, all.len() - first.lines.len());
    }

    #[test]
    fn the_longest_line_is_the_widest_of_the_unbroken_ones(text in "[a世é \t\n]{0,60}") {
        let widest = wrap(&text, usize::MAX).iter().map(|line| columns(line)).max();
        prop_assert_eq!(longest_line(&text, usize::MAX), widest.unwrap_or(0));
    }

    #[test]
    fn nothing_but_blanks_is_lost(text in "[a-z世é👍🏽\u{301} \n]{0,200}", width in 2usize..30) {
        let clean = sanitize(&text);
        let inked = |text: &str| text.replace([' ', '\n'], "");
        prop_assert_eq!(inked(&wrap(&clean, width).concat()), inked(&clean));
    }
}
