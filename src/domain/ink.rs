//! Which characters leave nothing on paper: a text of nothing else is blank,
//! and in a name they make two names look like one.

use unicode_normalization::char::canonical_combining_class;

/// Whether a character is a format control (general category Cf), a filler or
/// another one that takes no ink: it reorders, joins, tags or hides.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether nothing of a text can be seen.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_whitespace()
            || c.is_control()
            || is_invisible(c)
            || is_variation_selector(c)
            // A braille cell without dots.
            || c == '\u{2800}'
    })
}

/// The first character of a name that nobody could see there, if any.
///
/// A few invisible characters are part of how scripts are written and stay
/// where those need them: joiners after a virama (Devanagari and its
/// relatives), the non-joiner between letters that would otherwise join
/// (Persian), as RFC 5892 has it for names of hosts; a variation selector
/// after the character that it varies (Japanese and Mongolian names).
pub(super) fn hidden_in_name(name: &str) -> Option<char> {
    let mut before: Option<char> = None;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let after = chars.peek().copied();
        let is_needed = match c {
            '\u{200c}' => follows_virama(before) || (joins(before) && joins(after)),
            '\u{200d}' => follows_virama(before),
            _ if is_variation_selector(c) => {
                before.is_some_and(|before| !before.is_ascii() && !is_hidden(before))
            }
            _ => !is_hidden(c),
        };
        if !is_needed {
            return Some(c);
        }
        before = Some(c);
    }
    None
}

fn is_hidden(c: char) -> bool {
    is_invisible(c) || is_variation_selector(c)
}

fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0100}'..='\u{e01ef}')
}

fn follows_virama(before: Option<char>) -> bool {
    const VIRAMA: u8 = 9;
    before.is_some_and(|before| canonical_combining_class(before) == VIRAMA)
}

/// Whether it belongs to a script whose letters join their neighbours: Arabic,
/// Syriac, N'Ko, Mandaic, Mongolian, Adlam.
fn joins(c: Option<char>) -> bool {
    c.is_some_and(|c| {
        matches!(c,
            '\u{620}'..='\u{6d3}' | '\u{6ee}'..='\u{6ef}' | '\u{6fa}'..='\u{6ff}'
            | '\u{710}'..='\u{77f}' | '\u{7ca}'..='\u{7ea}' | '\u{840}'..='\u{858}'
            | '\u{860}'..='\u{86a}' | '\u{8a0}'..='\u{8c7}' | '\u{1820}'..='\u{18aa}'
            | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{1e900}'..='\u{1e943}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_nobody_can_see_is_blank() {
        for text in [
            "",
            " \n\t",
            "\u{200b}",
            "\u{200d}\u{feff}\u{2060}",
            "\u{3164}\u{a0}",
            "\u{1b}\u{0}",
            "\u{fe0f}",
            "\u{2800}",
            "\u{e0041}",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in [".", "\u{200b}a", "é", "\u{645}\u{200c}", "👩‍💻", "\u{301}"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn invisible_characters_stay_in_names_only_where_a_script_needs_them() {
        for name in [
            // Persian, Hindi, Sinhala, Malayalam.
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "क्\u{200c}ष",
            "ශ්\u{200d}රී",
            "അവന്\u{200d}",
            "葛\u{e0100}城",
            "\u{2764}\u{fe0f}",
        ] {
            assert_eq!(hidden_in_name(name), None, "{name:?}");
        }
        for name in [
            "jo\u{200c}hn",
            "jo\u{200d}hn",
            "\u{200c}می",
            "می\u{200c}",
            "a\u{fe0f}",
            "\u{fe0f}",
            "\u{e0100}\u{e0100}",
            "a\u{ad}b",
            "\u{3164}",
            "a\u{200b}b",
            "a\u{202e}b",
            "a\u{e0041}",
        ] {
            assert!(hidden_in_name(name).is_some(), "{name:?}");
        }
    }
}
