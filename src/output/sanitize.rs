//! Text from other people, made harmless: nothing in it can move the cursor,
//! change colours, reorder what stands beside it, or hide.
//!
//! What a terminal would obey, or a reader could not see, is shown as
//! `\u{1b}`. Letters, marks and visible signs of every script pass, and so
//! does what cannot be seen itself but shows in what stands around it:
//! [`crate::output::invisible`] says what that is. Only what people read
//! passes through here.

use std::fmt::Write;

use crate::domain::is_invisible;
use crate::output::invisible::{self, Around, is_mark, is_unseen};

/// More marks on one letter than any script needs pile up over the lines
/// above it; further ones are shown as escapes.
const MAX_MARKS: usize = 8;

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
    let mut shown = Shown {
        text: String::with_capacity(text.len()),
        marks: None,
        letter: ' ',
    };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(flag) = invisible::flag(rest) {
            shown.letter(c);
            shown.text.push_str(&flag[c.len_utf8()..]);
            rest = &rest[flag.len()..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let next = rest.chars().next();
        match c {
            '\r' if next == Some('\n') => {}
            '\n' | '\t' if multiline => shown.literally(c.encode_utf8(&mut [0; 4])),
            '\n' => shown.literally("\\n"),
            '\t' => shown.literally("\\t"),
            _ if is_obeyed(c) => shown.escape(c),
            _ if is_unseen(c) => shown.unseen(c, next),
            _ if is_mark(c) => shown.mark(c),
            _ => shown.letter(c),
        }
    }
    shown.text
}

/// What was shown so far.
struct Shown {
    text: String,
    /// Marks on the last letter; none where there is no letter that a mark
    /// could stand on.
    marks: Option<usize>,
    /// The last letter.
    letter: char,
}

impl Shown {
    fn letter(&mut self, c: char) {
        self.text.push(c);
        self.letter = c;
        self.marks = if c.is_whitespace() { None } else { Some(0) };
    }

    fn mark(&mut self, c: char) {
        match self.marks {
            Some(marks) if marks < MAX_MARKS => {
                self.text.push(c);
                self.marks = Some(marks + 1);
            }
            Some(_) | None => self.write_escape(c),
        }
    }

    fn unseen(&mut self, c: char, next: Option<char>) {
        let around = Around {
            letter: self.marks.map(|_| self.letter),
            is_bare: self.marks == Some(0),
            before: self.text.chars().next_back(),
            after: next,
        };
        if !invisible::shows(c, around) {
            return self.escape(c);
        }
        self.text.push(c);
        // Two in a row would be invisible, but for the sign that makes a
        // picture of a letter: a joiner may follow it.
        let selects = invisible::is_selector(c);
        self.marks = self.marks.filter(|_| selects).map(|marks| marks + 1);
    }

    fn escape(&mut self, c: char) {
        self.write_escape(c);
        self.marks = None;
    }

    fn write_escape(&mut self, c: char) {
        let _ = write!(self.text, "\\u{{{:x}}}", c as u32);
    }

    fn literally(&mut self, text: &str) {
        self.text.push_str(text);
        self.marks = None;
    }
}

/// Whether a terminal does something with it other than show it, or takes it
/// as the end of a line.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
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

    /// Whether no terminal obeys any of it and a person sees what stands in
    /// it. Written out here on its own.
    fn is_harmless(text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        let at = |at: usize| chars.get(at).copied().unwrap_or(' ');
        chars.iter().enumerate().all(|(here, &c)| {
            let before = if here == 0 { ' ' } else { at(here - 1) };
            let is_latin = |c: char| c.is_ascii_alphanumeric();
            match c {
                '\n' | '\t' => true,
                // One, and beside something that is not Latin.
                '\u{200b}'..='\u{200f}' | '\u{61c}' | '\u{180e}' => {
                    let is_second = ('\u{200b}'..='\u{200f}').contains(&before);
                    let parts = is_latin(before) && is_latin(at(here + 1));
                    !is_second && !parts
                }
                '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180f}' | '\u{e0100}'..='\u{e01ef}' => {
                    !before.is_ascii_alphabetic() && !is_invisible(before)
                }
                // Part of a flag.
                '\u{e0061}'..='\u{e007f}' => text.contains('\u{1f3f4}'),
                // Numbers and verses of Arabic and Kaithi have a sign.
                '\u{600}'..='\u{605}'
                | '\u{6dd}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{110bd}'
                | '\u{110cd}' => true,
                _ => !is_obeyed(c) && !is_invisible(c),
            }
        })
    }

    #[test]
    fn escape_sequences_bidi_and_tags_become_visible() {
        assert_eq!(sanitize("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(sanitize("\u{9b}2J\u{7f}\r"), "\\u{9b}2J\\u{7f}\\u{d}");
        assert_eq!(sanitize("\u{202e}abc\u{2066}"), "\\u{202e}abc\\u{2066}");
        assert_eq!(sanitize("a\u{ad}b\u{2060}c"), "a\\u{ad}b\\u{2060}c");
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
            // A joiner at a word's end: Malayalam, Hijri years, Bengali.
            "അവന\u{d4d}\u{200d} വന്നു",
            "١٤٤٠ه\u{200d}",
            "ক\u{9cd}\u{200c}, খ",
            // Khmer, Thai and Lao where a line may break.
            "ភាសា\u{200b}ខ្មែរ",
            "ไทย\u{200b}ครับ",
            // England, Scotland, Wales.
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}!",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
            // Which way a sign reads.
            "C++\u{200e} هي لغة",
            "שלום!\u{200f} (hi)",
            "؟\u{61c} 5",
            // Variants of one letter.
            "葛\u{e0100}城",
            "ᠠ\u{180b}ᠨ\u{180e}ᠠ",
            // Signs that format and show.
            "\u{600}١٢ \u{6dd}٣",
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
        assert_eq!(sanitize("ن\u{200d}\u{200d}ن"), "ن\u{200d}\\u{200d}ن");
        assert_eq!(sanitize("pay\u{200e}pal"), "pay\\u{200e}pal");
        assert_eq!(sanitize("é\u{200f}é"), "é\\u{200f}é");
        assert_eq!(sanitize("!\u{200e}\u{200e}"), "!\u{200e}\\u{200e}");
        assert_eq!(sanitize("世\u{e0100}\u{e0101}"), "世\u{e0100}\\u{e0101}");
        assert_eq!(sanitize("a\u{e0100}"), "a\\u{e0100}");
        // A flag of nowhere is a black flag with something hidden behind it.
        assert_eq!(
            sanitize("🏴\u{e0068}\u{e0069}\u{e007f}"),
            "🏴\\u{e0068}\\u{e0069}\\u{e007f}"
        );
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
            Just('\u{200d}'),
            Just('a'),
            Just('世'),
            Just('👩'),
            Just('ខ'),
            Just('ن'),
            Just('\u{fe0f}'),
            Just('\u{e0100}'),
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
