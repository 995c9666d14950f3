//! Rows in columns, for people: side by side where there is room for them,
//! else what is short above one another and the text beside it, and where
//! even that is too wide, the text below.

mod fit;
mod grid;

use crate::output::abbreviation;
use crate::output::chart::spark_line;
use crate::output::format::{Format, Listing, Options, Writer};
use crate::output::paint::{Paint, paint_of};
use crate::output::row::{Column, Record, Role, Telling, Value};
use crate::output::{Urls, columns, wrap};
use fit::Form;

pub(super) const FORMAT: Format = Format {
    name: "table",
    about: "For people",
    content_type: "text/plain; charset=utf-8",
    is_drawn: true,
    has_columns: true,
    is_exact: false,
    needs_range: false,
    open,
};

/// Blanks between two columns.
const GAP: usize = 2;

fn open(listing: Listing, options: Options) -> Box<dyn Writer> {
    let format = options.time_format_drawn();
    let columns = options.fields.map(|fields| fields.0);
    Box::new(Table {
        columns: columns.unwrap_or_else(|| listing.kind.drawn()),
        telling: Telling {
            look: options.look,
            clock: options.clock,
            format,
            id_chars: usize::MAX,
        },
        listing,
        is_live: options.is_live,
        form: None,
    })
}

struct Table {
    listing: Listing,
    columns: Vec<usize>,
    telling: Telling,
    /// Whether more rows come than those it is fitted to.
    is_live: bool,
    /// Once there are rows to fit it to.
    form: Option<Form>,
}

impl Writer for Table {
    fn begin(&mut self, first: &[&dyn Record], out: &mut Vec<u8>) {
        if first.is_empty() {
            return;
        }
        self.telling.id_chars = abbreviation::length(first, self.is_live);
        let width = self.telling.look.width();
        let mut wanted = self.wanted(first);
        if self.is_live {
            fit::leave_room(&self.columns(), &mut wanted, width);
        }
        let form = fit::form(&self.columns(), &wanted, width);
        let mut text = String::new();
        if let Some(title) = &self.listing.title {
            text += &self.sentence(title, "1");
            text.push('\n');
        }
        text += &self.head(&form);
        self.form = Some(form);
        out.extend_from_slice(text.as_bytes());
    }

    fn rows(&mut self, rows: &[&dyn Record], out: &mut Vec<u8>) {
        if self.form.is_none() {
            self.begin(rows, out);
        }
        for row in rows {
            let values = row.values();
            let text = match &self.form {
                Some(Form::Wide(widths)) => self.wide(&values, widths),
                Some(Form::Stacked { side, main }) => self.stacked(&values, *side, *main),
                Some(Form::Narrow) | None => self.narrow(&values),
            };
            out.extend_from_slice(text.as_bytes());
        }
    }

    fn end(&mut self, _: Option<&str>, out: &mut Vec<u8>) {
        if self.form.is_none() {
            let none = self.sentence(&self.listing.none, "");
            out.extend_from_slice(none.as_bytes());
        }
    }
}

impl Table {
    fn columns(&self) -> Vec<&'static Column> {
        let kind = self.listing.kind;
        self.columns.iter().map(|&at| &kind.columns[at]).collect()
    }

    /// The columns that each would like for these rows and its title.
    fn wanted(&self, rows: &[&dyn Record]) -> Vec<usize> {
        let mut wanted: Vec<usize> = match self.columns.len() {
            1 => vec![1],
            _ => self.columns().iter().map(|one| one.title.len()).collect(),
        };
        for row in rows {
            let values = row.values();
            for (most, &at) in wanted.iter_mut().zip(&self.columns) {
                *most = (*most).max(match &values[at] {
                    Value::Sparks(counts) => counts.len(),
                    value => self.telling.look.wanted(&value.shown(&self.telling)),
                });
            }
        }
        wanted
    }

    fn sentence(&self, text: &str, code: &str) -> String {
        let look = self.telling.look;
        let lines = wrap(text, look.width()).into_iter();
        let lines = lines.map(|line| match code {
            "" => line + "\n",
            code => look.painted(&line, code) + "\n",
        });
        lines.collect()
    }

    /// One column, or one below the other, needs no head.
    fn head(&self, form: &Form) -> String {
        let look = self.telling.look;
        match form {
            Form::Wide(widths) if widths.len() > 1 => {
                let titles: Vec<&str> = self.columns().iter().map(|one| one.title).collect();
                grid::head(&titles, widths, look) + &grid::rule(grid::total(widths), look)
            }
            Form::Stacked { side, main } => {
                let columns = self.columns();
                let title = columns.last().map_or("", |main| main.title);
                grid::head(&[self.listing.kind.beside, title], &[*side, *main], look)
            }
            Form::Wide(_) | Form::Narrow => String::new(),
        }
    }

    /// Side by side. The last column ends where its text does.
    fn wide(&self, values: &[Value<'_>], widths: &[usize]) -> String {
        let look = self.telling.look;
        let (Some((&last, before)), Some((&last_width, widths))) =
            (self.columns.split_last(), widths.split_last())
        else {
            return String::new();
        };
        let right = self.last(&values[last], last_width);
        let cells = before.iter().zip(widths).map(|(&at, &width)| {
            let lines = self.broken(&values[at], width);
            let is_number = matches!(values[at], Value::Count(_));
            grid::Cell {
                lines,
                paint: paint_of(&values[at]),
                is_number,
            }
        });
        let left = grid::block(cells.collect(), widths, right.len(), look);
        left.into_iter()
            .enumerate()
            .map(|(at, left)| {
                let right = right.get(at).map_or("", String::as_str);
                format!("{left}{right}").trim_end().to_owned() + "\n"
            })
            .collect()
    }

    /// The lines of a value that has something beside it.
    fn broken(&self, value: &Value<'_>, width: usize) -> Vec<String> {
        let look = self.telling.look.with_urls(Urls::Broken);
        look.cut(&value.shown(&self.telling), width)
    }

    /// The lines of the column that takes the room.
    fn last(&self, value: &Value<'_>, width: usize) -> Vec<String> {
        let look = self.telling.look;
        match value {
            Value::Sparks([]) | Value::Empty => Vec::new(),
            Value::Sparks(counts) => vec![spark_line(counts, width, look)],
            Value::Text(_) => look.cut(&value.shown(&self.telling), width),
            value => {
                let lines = wrap(&value.shown(&self.telling), width).into_iter();
                let paint = paint_of(value);
                lines.map(|line| paint.text(&line, look)).collect()
            }
        }
    }

    /// What is short above one another, each of its colour, beside the text.
    fn stacked(&self, values: &[Value<'_>], side: usize, main: usize) -> String {
        let look = self.telling.look;
        let Some((&last, before)) = self.columns.split_last() else {
            return String::new();
        };
        let left = self.flowing(values, before, side);
        let right = self.last(&values[last], main);
        let mut text = grid::rule(look.width(), look);
        for at in 0..left.len().max(right.len()) {
            let (beside, used) = left.get(at).map_or(("", 0), |(line, used)| (line, *used));
            let blanks = (side + GAP).saturating_sub(used);
            let line = right.get(at).map_or("", String::as_str);
            text += format!("{beside}{:blanks$}{line}", "").trim_end();
            text.push('\n');
        }
        text
    }

    /// What is short, and the text below it.
    fn narrow(&self, values: &[Value<'_>]) -> String {
        let look = self.telling.look;
        let width = look.width();
        let mut text = grid::rule(width, look);
        let (before, last) = match self.columns.split_last() {
            Some((last, before)) if self.listing.kind.columns[*last].role != Role::Fixed => {
                (before, Some(*last))
            }
            Some(_) | None => (self.columns.as_slice(), None),
        };
        let above = self.flowing(values, before, width).into_iter();
        let last = last.map_or(Vec::new(), |last| self.last(&values[last], width));
        for line in above.map(|(line, _)| line).chain(last) {
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    /// Values one after another, as many on a line as fit, and the columns of
    /// each line.
    fn flowing(&self, values: &[Value<'_>], of: &[usize], width: usize) -> Vec<(String, usize)> {
        let look = self.telling.look;
        let mut lines: Vec<(String, usize)> = Vec::new();
        for &at in of {
            let shown = values[at].shown(&self.telling);
            if shown.is_empty() {
                continue;
            }
            let paint: Paint = paint_of(&values[at]);
            let wanted = columns(&shown);
            let is_short = !shown.contains('\n');
            match lines.last_mut() {
                Some((line, used)) if is_short && *used + GAP + wanted <= width => {
                    *line += &" ".repeat(GAP);
                    *line += &paint.text(&shown, look);
                    *used += GAP + wanted;
                }
                Some(_) | None => {
                    let broken = self.broken(&values[at], width).into_iter();
                    lines.extend(broken.map(|line| {
                        let used = columns(&line);
                        (paint.text(&line, look), used)
                    }));
                }
            }
        }
        lines
    }
}
