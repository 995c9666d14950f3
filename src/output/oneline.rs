//! One line a row for people, as `git log --oneline` has it: what a table has,
//! without its columns.

use crate::output::abbreviation;
use crate::output::columns;
use crate::output::format::{Format, Listing, Options, Writer};
use crate::output::paint::paint_of;
use crate::output::row::{Kind, Record, Telling, Value};
use crate::output::wrap::shortened;

pub(super) const FORMAT: Format = Format {
    name: "oneline",
    about: "One line each, for people",
    content_type: "text/plain; charset=utf-8",
    is_drawn: true,
    has_columns: true,
    is_exact: false,
    needs_range: false,
    open,
};

fn open(listing: Listing, options: Options) -> Box<dyn Writer> {
    let format = options.time_format_drawn();
    let columns = options.fields.map(|fields| fields.0);
    Box::new(Oneline {
        columns: columns.unwrap_or_else(|| text_first(listing.kind)),
        telling: Telling {
            look: options.look,
            clock: options.clock,
            format,
            id_chars: usize::MAX,
        },
        is_live: options.is_live,
    })
}

/// Whether a hashtag is in the text as it is.
fn is_written(tag: &str, values: &[Value<'_>]) -> bool {
    values.iter().any(|value| match value {
        Value::Text(text) => text.contains(&format!("#{tag}")),
        _ => false,
    })
}

/// The columns of a table; hashtags that are not in the text stand behind it.
fn text_first(kind: &Kind) -> Vec<usize> {
    let mut columns = kind.drawn();
    columns.sort_by_key(|&at| kind.columns[at].name == "hashtags");
    columns
}

struct Oneline {
    columns: Vec<usize>,
    telling: Telling,
    /// Whether more rows come than those that are known at the beginning.
    is_live: bool,
}

impl Writer for Oneline {
    fn begin(&mut self, first: &[&dyn Record], _: &mut Vec<u8>) {
        self.telling.id_chars = abbreviation::length(first, self.is_live);
    }

    fn rows(&mut self, rows: &[&dyn Record], out: &mut Vec<u8>) {
        for row in rows {
            out.extend_from_slice(self.line(*row).as_bytes());
            out.push(b'\n');
        }
    }

    fn end(&mut self, _: Option<&str>, _: &mut Vec<u8>) {}
}

impl Oneline {
    fn line(&self, row: &dyn Record) -> String {
        let look = self.telling.look;
        let values = row.values();
        let mut line = String::new();
        let mut used = 0;
        for &at in &self.columns {
            let mut shown = match &values[at] {
                // Line breaks are where a reader would pause: blanks do.
                Value::Text(text) => {
                    let words: Vec<&str> = text.split_whitespace().collect();
                    look.line(&words.join(" "))
                }
                Value::Hashtags(tags) => {
                    let rest = tags.iter().filter(|tag| !is_written(tag, &values));
                    Value::Hashtags(rest.copied().collect()).shown(&self.telling)
                }
                value => value.shown(&self.telling),
            };
            if shown.is_empty() {
                continue;
            }
            let gap = if used == 0 { "" } else { "  " };
            if look.is_cut() {
                let room = look.width().saturating_sub(used + gap.len());
                if room == 0 {
                    break;
                }
                shown = shortened(&shown, room, look.dots());
            }
            used += gap.len() + columns(&shown);
            line += gap;
            line += &paint_of(&values[at]).text(&shown, look);
        }
        line
    }
}
