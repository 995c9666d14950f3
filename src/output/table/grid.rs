//! Cells side by side: comfy-table pads, aligns and paints them. Lines are
//! broken before, by [`crate::output::wrap`], and never by the table.

use comfy_table::{
    Attribute, Cell as TableCell, CellAlignment, ColumnConstraint, ContentArrangement,
    ContentLineStyle, Table, TableStyle, Width,
};

use super::GAP;
use crate::output::Look;
use crate::output::paint::Paint;

/// What stands in a column of a row.
pub(super) struct Cell {
    pub lines: Vec<String>,
    pub paint: Paint,
    pub is_number: bool,
}

/// The columns that columns of these widths take.
pub(super) fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// A line so wide.
pub(super) fn rule(width: usize, look: Look) -> String {
    let rule = if look.draws_unicode() { "─" } else { "-" };
    rule.repeat(width) + "\n"
}

/// The line of titles.
pub(super) fn head(titles: &[&str], widths: &[usize], look: Look) -> String {
    let mut table = table(look);
    let cells = titles
        .iter()
        .map(|title| TableCell::new(title).add_attribute(Attribute::Bold));
    table.add_row(cells);
    fix(&mut table, widths, look);
    // Painted blanks behind the last title would stand beyond the width.
    if let Some((last, &width)) = widths.iter().enumerate().next_back()
        && let Some(column) = table.column_mut(last)
    {
        let cells = u16::try_from(width).unwrap_or(u16::MAX);
        column.set_padding((0, 0));
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(cells)));
    }
    table.trim_fmt() + "\n"
}

/// Cells side by side, at least so many lines, each padded to where the next
/// column begins.
pub(super) fn block(cells: Vec<Cell>, widths: &[usize], least: usize, look: Look) -> Vec<String> {
    let lines = cells.iter().map(|cell| cell.lines.len());
    let height = lines.max().unwrap_or(0).max(least);
    if cells.is_empty() {
        return vec![String::new(); height];
    }
    let mut table = table(look);
    table.add_row(cells.into_iter().map(|cell| {
        let is_number = cell.is_number;
        let cell = cell.paint.cell(cell.lines.join("\n"));
        if is_number {
            cell.set_alignment(CellAlignment::Right)
        } else {
            cell
        }
    }));
    fix(&mut table, widths, look);
    let mut block: Vec<String> = table.lines().collect();
    let blank = " ".repeat(total(widths) + GAP);
    block.resize(height, blank);
    block
}

fn table(look: Look) -> Table {
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
fn fix(table: &mut Table, widths: &[usize], look: Look) {
    table.set_width(u16::try_from(look.width()).unwrap_or(u16::MAX));
    for (at, &width) in widths.iter().enumerate() {
        let cells = u16::try_from(width + GAP).unwrap_or(u16::MAX);
        if let Some(column) = table.column_mut(at) {
            column.set_padding((0, GAP as u16));
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(cells)));
        }
    }
}
