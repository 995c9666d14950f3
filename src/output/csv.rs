//! CSV (RFC 4180) with a head of stable names.
//!
//! What a terminal would obey, and what hides, is `\u{1b}` as everywhere but
//! in JSON. A cell that a spreadsheet would take for a formula has a `'` in
//! front, and so has one that begins with `'`: who reads a cell back takes
//! one `'` away from its start, if there is one.

use std::borrow::Cow;

use crate::output::format::{Format, Listing, Options, Writer};
use crate::output::row::{Kind, Record};
use crate::output::sanitize::sanitize;
use crate::output::{Clock, TimeFormat};

pub(super) const FORMAT: Format = Format {
    name: "csv",
    about: "With a header, newlines in quotes",
    content_type: "text/csv; charset=utf-8",
    is_drawn: false,
    has_columns: true,
    is_exact: false,
    needs_range: false,
    open,
};

fn open(listing: Listing, options: Options) -> Box<dyn Writer> {
    let columns = options.fields.map(|fields| fields.0);
    Box::new(Csv {
        columns: columns.unwrap_or_else(|| listing.kind.fields()),
        kind: listing.kind,
        times: options.time_format.map(|format| (options.clock, format)),
    })
}

struct Csv {
    kind: &'static Kind,
    columns: Vec<usize>,
    /// How moments are written, where not as on the wire.
    times: Option<(Clock, TimeFormat)>,
}

impl Writer for Csv {
    fn begin(&mut self, _: &[&dyn Record], out: &mut Vec<u8>) {
        let names = self.columns.iter().map(|&at| self.kind.columns[at].name);
        write(out, |csv| csv.write_record(names));
    }

    fn rows(&mut self, rows: &[&dyn Record], out: &mut Vec<u8>) {
        let times = self.times.as_ref().map(|(clock, format)| (clock, format));
        write(out, |csv| {
            for row in rows {
                let values = row.values();
                let cells = self
                    .columns
                    .iter()
                    .map(|&at| values[at].field(times, false));
                csv.write_record(cells.map(|cell| defused(sanitize(&cell)).into_owned()))?;
            }
            Ok(())
        });
    }

    fn end(&mut self, _: Option<&str>, _: &mut Vec<u8>) {}
}

type Memory<'a> = ::csv::Writer<&'a mut Vec<u8>>;

fn write(out: &mut Vec<u8>, rows: impl FnOnce(&mut Memory<'_>) -> ::csv::Result<()>) {
    let mut csv = ::csv::WriterBuilder::new().flexible(true).from_writer(out);
    let done = rows(&mut csv).and_then(|()| Ok(csv.flush()?));
    // Memory takes every byte, and records of any length are allowed.
    debug_assert!(done.is_ok());
}

/// The characters that begin a formula, in whatever width; the OWASP page on
/// CSV injection lists them.
const FORMULA: [char; 12] = [
    '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\'',
];

fn defused(cell: String) -> Cow<'static, str> {
    if cell.starts_with(FORMULA) {
        format!("'{cell}").into()
    } else {
        cell.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::output::tests::{listed, message};

    #[test]
    fn quotes_and_newlines_are_as_rfc_4180_has_them() {
        let message = message("ann", "say \"hi\",\nplease", &["a", "b"]);
        assert_eq!(
            listed("csv", &[message]),
            "created_at,id,user_name,hashtags,text\n\
             2026-11-24T11:00:00.000Z,01JDEN0W00000000000000000A,ann,a b,\"say \"\"hi\"\",\nplease\"\n"
        );
    }

    #[test]
    fn cells_that_a_spreadsheet_would_run_are_defused() {
        for text in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\nx", "＝1", "＋1", "－1", "＠x", "'=1",
        ] {
            let csv = listed("csv", &[message("@ann", text, &[])]);
            let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
            let row = reader.records().next().unwrap().unwrap();
            assert_eq!(row[2], *"'@ann");
            assert_eq!(row[4], format!("'{text}"));
        }
    }

    proptest! {
        #[test]
        fn what_is_harmless_reads_back_exactly(text: String) {
            let text = sanitize(&text);
            let csv = listed("csv", &[message("ann", &text, &[])]);
            let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
            let row = reader.records().next().unwrap().unwrap();
            prop_assert!(!row[4].starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert_eq!(row[4].strip_prefix('\'').unwrap_or(&row[4]), text);
        }
    }
}
