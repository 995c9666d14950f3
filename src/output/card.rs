//! Each record on its own, with everything there is to say about it.

use crate::output::format::{Format, Listing, Options, Writer};
use crate::output::row::{Kind, Record, Role, Telling, Value};
use crate::output::{TimeFormat, wrap};

pub(super) const FORMAT: Format = Format {
    name: "card",
    about: "Each on its own, for people",
    content_type: "text/plain; charset=utf-8",
    is_drawn: true,
    has_columns: true,
    is_exact: false,
    needs_range: false,
    open,
};

fn open(listing: Listing, options: Options) -> Box<dyn Writer> {
    let columns = options.fields.map(|fields| fields.0);
    Box::new(Card {
        columns: columns.unwrap_or_else(|| listing.kind.drawn()),
        telling: Telling {
            look: options.look.with_lines(usize::MAX),
            clock: options.clock,
            format: options.time_format.unwrap_or(TimeFormat::Absolute),
            id_chars: usize::MAX,
        },
        listing,
        is_first: true,
    })
}

struct Card {
    listing: Listing,
    columns: Vec<usize>,
    telling: Telling,
    is_first: bool,
}

impl Writer for Card {
    fn begin(&mut self, _: &[&dyn Record], _: &mut Vec<u8>) {}

    fn rows(&mut self, rows: &[&dyn Record], out: &mut Vec<u8>) {
        for row in rows {
            let mut text = String::new();
            if !std::mem::take(&mut self.is_first) {
                text.push('\n');
            }
            draw(
                &mut text,
                self.listing.kind,
                &self.columns,
                *row,
                &self.telling,
            );
            out.extend_from_slice(text.as_bytes());
        }
    }

    fn end(&mut self, _: Option<&str>, out: &mut Vec<u8>) {
        if self.is_first {
            out.extend_from_slice(self.listing.none.as_bytes());
            out.push(b'\n');
        }
    }
}

fn draw(text: &mut String, kind: &Kind, columns: &[usize], row: &dyn Record, telling: &Telling) {
    let look = telling.look;
    let values = row.values();
    let names = columns.iter().map(|&at| kind.columns[at].short.len());
    let side = names.max().unwrap_or(0) + 2;
    let mut below = Vec::new();
    for &at in columns {
        let column = &kind.columns[at];
        if column.role == Role::Main {
            below.push(values[at].shown(telling));
            continue;
        }
        let value = value(&values[at], telling);
        for (line, part) in wrap(&value, look.width() - side).iter().enumerate() {
            let name = if line == 0 { column.short } else { "" };
            let name = look.painted(&format!("{name:<side$}"), "2");
            *text += format!("{name}{part}").trim_end();
            text.push('\n');
        }
    }
    for main in below {
        text.push('\n');
        for line in look.cut(&main, look.width()) {
            *text += line.trim_end();
            text.push('\n');
        }
    }
}

/// A moment also says how long ago it was.
fn value(value: &Value<'_>, telling: &Telling) -> String {
    match value {
        Value::Moment(at) | Value::Second(at) => {
            let ago = telling.clock.show(*at, &TimeFormat::Relative);
            format!("{} ({ago})", value.shown(telling))
        }
        _ => value.shown(telling),
    }
}
