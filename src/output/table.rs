//! The one table style: a ruled header, two blanks between columns, lines
//! broken by [`crate::output::wrap`] and never by the table.

use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, ContentLineStyle, Table,
    TableStyle, Width,
};

use crate::output::{Look, palette_index};

/// Blanks between two columns.
pub(crate) const GAP: usize = 2;

/// The colour of hashtags, which no user has.
pub(crate) const HASHTAG: Color = Color::DarkCyan;

/// Readable on dark and on light grounds.
const PALETTE: [Color; 5] = [
    Color::DarkYellow,
    Color::DarkGreen,
    Color::DarkMagenta,
    Color::DarkBlue,
    Color::DarkRed,
];

/// The colour a name always has.
pub(crate) fn color_of(name: &str) -> Color {
    PALETTE[palette_index(name, PALETTE.len())]
}

/// The ANSI code of a colour of this table.
pub(crate) fn code_of(color: Color) -> &'static str {
    match color {
        Color::DarkRed => "38;5;1",
        Color::DarkGreen => "38;5;2",
        Color::DarkYellow => "38;5;3",
        Color::DarkBlue => "38;5;4",
        Color::DarkMagenta => "38;5;5",
        Color::DarkCyan => "38;5;6",
        _ => "39",
    }
}

/// Columns of fixed widths.
pub(crate) struct Frame {
    /// The widths, without the gaps.
    pub widths: Vec<usize>,
    /// A rule above each row, the first one's under the head.
    pub ruled: bool,
}

impl Frame {
    /// The head line and its rule.
    pub fn header(&self, titles: &[&str], look: Look) -> String {
        let cells = titles
            .iter()
            .map(|title| Cell::new(title).add_attribute(Attribute::Bold));
        let head = self.lines(vec![cells.collect()], look);
        if self.ruled {
            head
        } else {
            head + &self.rule(look)
        }
    }

    /// A line as wide as the columns.
    pub fn rule(&self, look: Look) -> String {
        let rule = if look.draws_unicode() { "─" } else { "-" };
        let total = self.widths.iter().sum::<usize>() + GAP * (self.widths.len() - 1);
        rule.repeat(total) + "\n"
    }

    /// The rows, whose cells are wrapped already.
    pub fn rows(&self, rows: Vec<Vec<Cell>>, look: Look) -> String {
        if !self.ruled {
            return self.lines(rows, look);
        }
        rows.into_iter()
            .map(|row| self.rule(look) + &self.lines(vec![row], look))
            .collect()
    }

    fn lines(&self, rows: Vec<Vec<Cell>>, look: Look) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let mut table = self.table(look);
        table.add_rows(rows);
        self.fix(&mut table, look);
        let mut text = table.trim_fmt();
        text.push('\n');
        text
    }

    fn table(&self, look: Look) -> Table {
        let style = TableStyle::new().content_lines(ContentLineStyle::none());
        let mut table = Table::new();
        table
            .load_style(style)
            .set_content_arrangement(ContentArrangement::Disabled);
        if look.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }

    /// Widths can only be set once the columns are there.
    fn fix(&self, table: &mut Table, look: Look) {
        table.set_width(u16::try_from(look.width()).unwrap_or(u16::MAX));
        let last = self.widths.len() - 1;
        for (at, &width) in self.widths.iter().enumerate() {
            let gap = if at == last { 0 } else { GAP };
            let cells = u16::try_from(width + gap).unwrap_or(u16::MAX);
            if let Some(column) = table.column_mut(at) {
                column.set_padding((0, gap as u16));
                column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(cells)));
            }
        }
    }
}
