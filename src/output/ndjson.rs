//! One JSON object a line, exact.

use crate::output::format::{Format, Listing, Options, Writer};
use crate::output::row::Record;

pub(super) const FORMAT: Format = Format {
    name: "ndjson",
    about: "One JSON object a line",
    content_type: "application/x-ndjson",
    is_drawn: false,
    has_columns: false,
    is_exact: true,
    needs_range: false,
    open,
};

fn open(_: Listing, _: Options) -> Box<dyn Writer> {
    Box::new(Ndjson)
}

struct Ndjson;

impl Writer for Ndjson {
    fn begin(&mut self, _: &[&dyn Record], _: &mut Vec<u8>) {}

    fn rows(&mut self, rows: &[&dyn Record], out: &mut Vec<u8>) {
        for row in rows {
            row.write_json(out);
            out.push(b'\n');
        }
    }

    fn end(&mut self, _: Option<&str>, _: &mut Vec<u8>) {}
}
