//! Addresses in texts: they stay whole, so that they can be clicked and
//! copied.

use std::ops::Range;

/// What becomes of an address that is longer than a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Urls {
    /// It is broken as any word.
    Broken,
    /// It is wider than the line; the terminal breaks it where it ends, and
    /// knows that it is one.
    #[default]
    Whole,
    /// It is broken, and each part is a link to the whole (OSC 8).
    Linked,
}

/// Where an address of the web is in a word, if there is one.
pub(crate) fn find(word: &str) -> Option<Range<usize>> {
    let start = ["https://", "http://"].into_iter().find_map(|scheme| {
        let at = word.find(scheme)?;
        let before = word[..at].chars().next_back();
        let is_start = !before.is_some_and(char::is_alphanumeric);
        (is_start && word[at..].len() > scheme.len()).then_some(at)
    })?;
    let rest = &word[start..];
    let end = rest.find(|c| !is_of_address(c)).unwrap_or(rest.len());
    let address = rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '~']);
    // A bracket that was opened before it closes after it.
    let address = match address.strip_suffix(')') {
        Some(inner) if !inner.contains('(') => inner,
        Some(_) | None => address,
    };
    Some(start..start + address.len())
}

/// What RFC 3986 has in addresses.
fn is_of_address(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
}

/// What begins a part of a link to an address, which [`find`] found: it holds
/// nothing that could end the sequence.
pub(crate) fn open(address: &str) -> String {
    // Terminals underline the parts of one id together.
    let id = address.bytes().fold(0x811c_9dc5u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("\u{1b}]8;id={id:x};{address}\u{1b}\\")
}

/// What ends it.
pub(crate) const CLOSE: &str = "\u{1b}]8;;\u{1b}\\";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(word: &str) -> Option<&str> {
        find(word).map(|range| &word[range])
    }

    #[test]
    fn an_address_ends_before_the_punctuation_of_its_sentence() {
        for (word, address) in [
            ("https://a.example/x?y=1#z", "https://a.example/x?y=1#z"),
            ("(http://a.example/x).", "http://a.example/x"),
            ("see:https://a.example/x(y),", "https://a.example/x(y)"),
            ("<https://a.example/>", "https://a.example/"),
            ("https://a.example/\\u{202e}evil", "https://a.example/"),
        ] {
            assert_eq!(found(word), Some(address), "{word}");
        }
        for word in ["https://", "xhttp://a.example", "example.com", "ftp://a"] {
            assert_eq!(found(word), None, "{word}");
        }
    }
}
