//! One JSON document in the envelope of the server's answers, exact.

use crate::api;
use crate::output::format::{Format, Listing, Options, Writer};
use crate::output::row::Record;

pub(super) const FORMAT: Format = Format {
    name: "json",
    about: "One document",
    content_type: "application/json",
    is_drawn: false,
    has_columns: false,
    is_exact: true,
    needs_range: false,
    open,
};

fn open(listing: Listing, _: Options) -> Box<dyn Writer> {
    Box::new(Json {
        plural: listing.kind.plural,
        is_first: true,
    })
}

struct Json {
    plural: &'static str,
    is_first: bool,
}

impl Writer for Json {
    fn begin(&mut self, _: &[&dyn Record], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"data\":{\"");
        out.extend_from_slice(self.plural.as_bytes());
        out.extend_from_slice(b"\":[");
    }

    fn rows(&mut self, rows: &[&dyn Record], out: &mut Vec<u8>) {
        for row in rows {
            if !std::mem::take(&mut self.is_first) {
                out.push(b',');
            }
            row.write_json(out);
        }
    }

    fn end(&mut self, next: Option<&str>, out: &mut Vec<u8>) {
        out.push(b']');
        if let Some(cursor) = next {
            out.extend_from_slice(b",\"next_cursor\":");
            api::json::write_text(out, cursor);
        }
        out.extend_from_slice(b"}}");
    }
}
