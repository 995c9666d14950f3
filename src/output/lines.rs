//! Output for other programs: one line a row, stable, the same on every
//! terminal.
//!
//! Lines are fields separated by TAB; in a field a backslash is `\\`, a
//! newline `\n`, a tab `\t` and what a terminal would obey `\u{1b}`, so every
//! line reads back in one way.

use crate::output::format::{Format, Listing, Options, Writer};
use crate::output::row::Record;
use crate::output::sanitize_line;

pub(super) const FORMAT: Format = Format {
    name: "lines",
    about: "One item a line, fields separated by TAB",
    content_type: "text/tab-separated-values; charset=utf-8",
    is_drawn: false,
    has_columns: true,
    is_exact: false,
    needs_range: false,
    open,
};

fn open(listing: Listing, options: Options) -> Box<dyn Writer> {
    let columns = options.fields.clone().map(|fields| fields.0);
    Box::new(Lines {
        columns: columns.unwrap_or_else(|| listing.kind.fields()),
        options,
    })
}

struct Lines {
    columns: Vec<usize>,
    options: Options,
}

impl Writer for Lines {
    fn begin(&mut self, _: &[&dyn Record], _: &mut Vec<u8>) {}

    fn rows(&mut self, rows: &[&dyn Record], out: &mut Vec<u8>) {
        let format = self.options.time_format.as_ref();
        let times = format.map(|format| (&self.options.clock, format));
        for row in rows {
            let values = row.values();
            let fields = self.columns.iter();
            let fields = fields.map(|&at| escaped(&values[at].field(times, true)));
            let fields: Vec<String> = fields.collect();
            out.extend_from_slice(fields.join("\t").as_bytes());
            out.push(b'\n');
        }
    }

    fn end(&mut self, _: Option<&str>, _: &mut Vec<u8>) {}
}

/// A field of a line.
pub(crate) fn escaped(field: &str) -> String {
    if field.contains('\\') {
        sanitize_line(&field.replace('\\', "\\\\"))
    } else {
        sanitize_line(field)
    }
}

#[cfg(test)]
mod tests {
    use crate::output::tests::{listed, message};

    #[test]
    fn a_line_has_one_message_whatever_its_text() {
        let message = message("ann", "one\ntwo\tthree \\n \u{1b}[2J", &["a", "b"]);
        assert_eq!(
            listed("lines", &[message]),
            "2026-11-24T11:00:00.000Z\t01JDEN0W00000000000000000A\tann\t#a #b\tone\\ntwo\\tthree \\\\n \\u{1b}[2J\n"
        );
    }
}
