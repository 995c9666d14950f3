//! Lines of any input, in constant memory: a line longer than the limit is
//! reported and skipped, not held.

use std::io::{self, BufRead};

/// The longest line of an import, in bytes. A message with the longest text,
/// every character escaped, takes a fifth of it.
pub(crate) const MAX_LINE: usize = 256 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What stands on a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Its bytes, without the line's end.
    Bytes(&'a [u8]),
    /// More than the limit.
    TooLong,
}

/// Reads line by line.
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    /// Lines given so far.
    pub(crate) number: u64,
    /// Bytes taken from the input so far.
    pub(crate) bytes: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Lines<R> {
        Lines {
            input,
            line: Vec::new(),
            number: 0,
            bytes: 0,
        }
    }

    /// The next line, `None` at the end. `\n` and `\r\n` end a line; a byte
    /// order mark at the very start is dropped.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut too_long = false;
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                if self.line.is_empty() && !too_long {
                    return Ok(None);
                }
                break;
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            too_long |= self.line.len() + part.len() > MAX_LINE;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            let taken = part.len() + usize::from(end.is_some());
            self.input.consume(taken);
            self.bytes += taken as u64;
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        if too_long {
            return Ok(Some(Line::TooLong));
        }
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        let marked = line
            .strip_prefix(BYTE_ORDER_MARK)
            .filter(|_| self.number == 1);
        Ok(Some(Line::Bytes(marked.unwrap_or(line))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    fn lines(bytes: &[u8], capacity: usize) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::new(BufReader::with_capacity(capacity, bytes));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(match line {
                Line::Bytes(bytes) => Some(bytes.to_vec()),
                Line::TooLong => None,
            });
        }
        assert_eq!(lines.bytes, bytes.len() as u64);
        assert_eq!(lines.number, found.len() as u64);
        found
    }

    fn some(text: &str) -> Option<Vec<u8>> {
        Some(text.as_bytes().to_vec())
    }

    #[test]
    fn either_line_end_a_missing_last_one_and_a_byte_order_mark_are_read() {
        assert_eq!(
            lines(b"\xef\xbb\xbfa\r\nb\n\nc", 2),
            [some("a"), some("b"), some(""), some("c")]
        );
        assert_eq!(lines(b"", 2), []);
        assert_eq!(
            lines(b"a\n\xef\xbb\xbfb\n", 9),
            [some("a"), some("\u{feff}b")]
        );
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_and_the_next_one_read() {
        let longest = "x".repeat(MAX_LINE);
        let input = format!("{longest}x\nafter\n{longest}\n{longest}x");
        assert_eq!(
            lines(input.as_bytes(), 1000),
            [None, some("after"), some(&longest), None]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_the_lines_that_splitting_gives(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200), capacity in 1usize..50) {
            prop_assume!(!bytes.starts_with(BYTE_ORDER_MARK) && !bytes.contains(&b'\r'));
            let mut expected: Vec<_> = bytes.split(|b| *b == b'\n').map(|l| Some(l.to_vec())).collect();
            if expected.last().is_some_and(|last| last.as_ref().is_some_and(Vec::is_empty)) {
                expected.pop();
            }
            prop_assert_eq!(lines(&bytes, capacity), expected);
        }
    }
}
