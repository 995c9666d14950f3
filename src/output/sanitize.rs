//! Text from other people, made harmless: nothing in it can move the cursor,
//! change colours, reorder what stands beside it, or hide.
//!
//! What a terminal would obey, or a reader could not see, is shown as
//! `\u{1b}`. Letters and marks of every script pass. Joiners pass where they
//! show: between two emoji, and between letters of scripts that join; between
//! others (`pay\u{200d}pal`) they would hide. Only what people read passes
//! through here.

use std::fmt::Write;

use crate::domain::is_invisible;

/// More marks on one letter than any script needs pile up over the lines
/// above it; further ones are shown as escapes.
const MAX_MARKS: usize = 8;

const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';

/// A text of several lines: newlines and tabs stay, a CR before a newline
/// goes, everything else that is not plain text is made visible.
pub fn sanitize(text: &str) -> String {
    escaped(text, true)
}

/// A text for one line: newlines and tabs are shown as `\n` and `\t` too.
pub fn sanitize_line(text: &str) -> String {
    escaped(text, false)
}

fn escaped(text: &str, multiline: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    // What stands before: marks and joiners need something to stand on.
    let mut base = Base::None;
    let mut ink = ' ';
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match c {
            '\r' if next == Some('\n') => continue,
            '\n' | '\t' if multiline => {
                shown.push(c);
                base = Base::None;
            }
            '\n' => escape_into(&mut shown, "\\n", &mut base),
            '\t' => escape_into(&mut shown, "\\t", &mut base),
            ZWNJ | ZWJ if base != Base::None && next.is_some_and(|next| joins(c, ink, next)) => {
                shown.push(c);
                // Two joiners in a row would be invisible.
                base = Base::None;
            }
            _ if is_obeyed(c) || is_invisible(c) => {
                let _ = write!(shown, "\\u{{{:x}}}", c as u32);
                base = Base::None;
            }
            _ if is_mark(c) => match base {
                Base::Marked(marks) if marks < MAX_MARKS && may_follow(c, ink) => {
                    shown.push(c);
                    base = Base::Marked(marks + 1);
                }
                Base::Marked(_) | Base::None => {
                    let _ = write!(shown, "\\u{{{:x}}}", c as u32);
                }
            },
            _ => {
                shown.push(c);
                ink = c;
                base = if c.is_whitespace() {
                    Base::None
                } else {
                    Base::Marked(0)
                };
            }
        }
    }
    shown
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    None,
    Marked(usize),
}

fn escape_into(shown: &mut String, escape: &str, base: &mut Base) {
    shown.push_str(escape);
    *base = Base::None;
}

/// Whether a terminal does something with it other than show it, or takes it
/// as the end of a line.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Takes no column of its own: a combining mark, a variation selector, a
/// vowel or consonant that merges with what stands before it.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
        || unicode_width::UnicodeWidthChar::width(c) == Some(0)
}

/// Whether a joiner between two characters changes how they look: emoji
/// become one, letters of some scripts join or part.
fn joins(joiner: char, before: char, after: char) -> bool {
    (joiner == ZWJ && is_pictograph(before) && is_pictograph(after))
        || (is_of_joining_script(before) && is_of_joining_script(after))
}

/// Emoji, and the signs that stand in emoji sequences.
fn is_pictograph(c: char) -> bool {
    matches!(c,
        '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}'
        | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// Letters of Arabic, Syriac, N'Ko, the scripts of India and the countries
/// around it, and Mongolian.
fn is_of_joining_script(c: char) -> bool {
    !is_invisible(c)
        && matches!(c,
            '\u{600}'..='\u{7ff}' | '\u{840}'..='\u{dff}' | '\u{f00}'..='\u{109f}'
            | '\u{1780}'..='\u{18af}' | '\u{1b00}'..='\u{1c4f}' | '\u{a840}'..='\u{abff}'
            | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{11000}'..='\u{1193f}')
}

/// Variation selectors choose between two pictures of one character; a Latin
/// letter has one.
fn may_follow(mark: char, ink: char) -> bool {
    !matches!(mark, '\u{fe00}'..='\u{fe0f}') || !ink.is_ascii_alphabetic()
}

/// Every character that is not ASCII as `\u{e9}`.
pub(crate) fn ascii_only(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            shown.push(c);
        } else {
            let _ = write!(shown, "\\u{{{:x}}}", c as u32);
        }
    }
    shown
}

/// A JSON document with what a terminal obeys, or a reader could not see,
/// written as `\u202e`: the same document, safe to look at.
pub fn sanitize_json(document: &str) -> String {
    let mut shown = String::with_capacity(document.len());
    for c in document.chars() {
        let plain = matches!(c, '\n' | '\t' | ' ');
        if !plain && (is_obeyed(c) || is_invisible(c)) && !c.is_ascii_control() || c == '\u{7f}' {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else if plain || !c.is_control() {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether a person sees every character of it and no terminal obeys any.
    fn is_harmless(text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        // Written out here on its own: never beside ASCII, never at an end.
        let joined = |at: usize| {
            let visible = |c: char| !c.is_ascii() && !is_obeyed(c) && !is_invisible(c);
            at > 0 && visible(chars[at - 1]) && chars.get(at + 1).copied().is_some_and(visible)
        };
        chars.iter().enumerate().all(|(at, &c)| match c {
            '\n' | '\t' => true,
            ZWJ | ZWNJ => joined(at),
            _ => !is_obeyed(c) && !is_invisible(c),
        })
    }

    #[test]
    fn escape_sequences_bidi_and_tags_become_visible() {
        assert_eq!(sanitize("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(sanitize("\u{9b}2J\u{7f}\r"), "\\u{9b}2J\\u{7f}\\u{d}");
        assert_eq!(sanitize("\u{202e}abc\u{2066}"), "\\u{202e}abc\\u{2066}");
        assert_eq!(sanitize("a\u{e0041}\u{2028}"), "a\\u{e0041}\\u{2028}");
        assert_eq!(sanitize("a\u{200b}b\u{feff}"), "a\\u{200b}b\\u{feff}");
    }

    #[test]
    fn newlines_and_tabs_stay_in_texts_and_show_in_lines() {
        assert_eq!(sanitize("a\r\nb\tc\n"), "a\nb\tc\n");
        assert_eq!(sanitize_line("a\r\nb\tc\n"), "a\\nb\\tc\\n");
    }

    #[test]
    fn every_script_and_joined_emoji_pass_unchanged() {
        for text in [
            "grüße, 世界, שלום, مرحبا, สวัสดี, नमस्ते",
            "👩\u{200d}💻 👍🏽 ❤\u{fe0f} 🇪🇺 1\u{fe0f}\u{20e3}",
            "🏳\u{fe0f}\u{200d}🌈 👩🏽\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👩🏿 🐈\u{200d}⬛",
            "می\u{200c}خواهم",
            "क\u{94d}\u{200d}ष",
            "e\u{301}",
        ] {
            assert_eq!(sanitize(text), text);
        }
    }

    #[test]
    fn joiners_that_join_nothing_and_marks_on_nothing_are_shown() {
        assert_eq!(sanitize("pay\u{200d}pal"), "pay\\u{200d}pal");
        assert_eq!(sanitize("世\u{200c}界"), "世\\u{200c}界");
        assert_eq!(sanitize("a\u{fe0f}b"), "a\\u{fe0f}b");
        assert_eq!(sanitize("\u{200d}a"), "\\u{200d}a");
        assert_eq!(sanitize("a\u{200d}"), "a\\u{200d}");
        assert_eq!(sanitize("a\u{200d}\u{200d}b"), "a\\u{200d}\\u{200d}b");
        assert_eq!(sanitize("\u{301}a"), "\\u{301}a");
        assert_eq!(sanitize("x\n\u{301}"), "x\n\\u{301}");
    }

    #[test]
    fn a_pile_of_marks_ends_after_eight() {
        let pile = format!("a{}", "\u{301}".repeat(10));
        let shown = sanitize(&pile);
        assert_eq!(
            shown,
            format!("a{}\\u{{301}}\\u{{301}}", "\u{301}".repeat(8))
        );
    }

    #[test]
    fn json_for_a_terminal_is_the_same_document() {
        let text = "a\u{9b}\u{202e}\u{e0041}\u{7f}\n\u{1b}é";
        let document = serde_json::to_string(text).unwrap();
        let shown = sanitize_json(&document);
        assert!(is_harmless(&shown), "{shown:?}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }

    /// Texts made of what matters here, more than of plain letters.
    fn hostile() -> impl Strategy<Value = String> {
        let nasty = prop_oneof![
            any::<char>(),
            (0u32..0xa0).prop_filter_map("char", char::from_u32),
            (0x2000u32..0x2070).prop_filter_map("char", char::from_u32),
            (0xe0000u32..0xe0fff).prop_filter_map("char", char::from_u32),
            Just('\u{301}'),
            Just(ZWJ),
            Just('a'),
            Just('世'),
            Just('👩'),
        ];
        proptest::collection::vec(nasty, 0..40).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn nothing_a_terminal_obeys_gets_through(text in hostile()) {
            prop_assert!(is_harmless(&sanitize(&text)), "{:?}", sanitize(&text));
            let line = sanitize_line(&text);
            prop_assert!(is_harmless(&line) && !line.contains(['\n', '\t']), "{line:?}");
            prop_assert!(ascii_only(&line).bytes().all(|b| (b' '..=b'~').contains(&b)));
        }

        #[test]
        fn sanitising_twice_changes_nothing_more(text in hostile()) {
            let once = sanitize(&text);
            prop_assert_eq!(sanitize(&once), once);
        }

        #[test]
        fn plain_text_passes(text in "[ -~äöüß世界\\n\\t]{0,60}") {
            prop_assert_eq!(sanitize(&text), text);
        }

        #[test]
        fn any_json_string_survives_being_shown(text in hostile()) {
            let shown = sanitize_json(&serde_json::to_string(&text).unwrap());
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
