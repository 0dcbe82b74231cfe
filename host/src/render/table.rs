//! Tables without lines: columns two spaces apart, so that they read well and cut well.

use comfy_table::{Cell, CellAlignment, ContentArrangement};
use pvmigrate_core::text::printable;

/// Maximum length of a cell. A claim's name has 253 characters at most; messages of provisioners may be a page.
const CELL: usize = 600;

/// A table under construction. Every cell is made safe to show here.
#[derive(Debug)]
pub struct Table {
    table: comfy_table::Table,
    /// Columns whose cells stand at their right edge.
    right: &'static [usize],
}

impl Table {
    /// Starts a table; `right` names the columns of numbers.
    pub fn new(header: &[&str], right: &'static [usize]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        let mut made = Self { table, right };
        let header = made.cells(header);
        made.table.set_header(header);
        made
    }

    /// Adds a row.
    pub fn row(&mut self, cells: &[impl AsRef<str>]) {
        let cells = self.cells(cells);
        self.table.add_row(cells);
    }

    fn cells(&self, cells: &[impl AsRef<str>]) -> Vec<Cell> {
        let cell = |(at, text): (usize, &str)| {
            let cell = Cell::new(printable(text, CELL));
            if self.right.contains(&at) { cell.set_alignment(CellAlignment::Right) } else { cell }
        };
        cells.iter().map(AsRef::as_ref).enumerate().map(cell).collect()
    }

    /// Returns whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Returns the table, a line end after each line. Without a width no cell is wrapped, one row is one line.
    pub fn text(mut self, width: Option<u16>) -> String {
        match width {
            Some(width) => {
                self.table.set_content_arrangement(ContentArrangement::Dynamic);
                self.table.set_width(width);
            }
            None => {
                self.table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        for column in self.table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let mut text = String::new();
        for line in self.table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&["CLAIM", "BYTES", "VERIFIED"], &[1]);
        table.row(&["shop/data-web-0", "1.5 GiB", "rsync"]);
        table.row(&["shop/a-claim-with-a-name-that-is-rather-long", "12 B", "no\u{1b}[2J"]);
        table
    }

    #[test]
    fn without_a_width_a_row_is_a_line() {
        insta::assert_snapshot!(sample().text(None));
    }

    #[test]
    fn on_a_narrow_terminal_cells_wrap() {
        let text = sample().text(Some(50));
        assert!(text.lines().all(|line| line.chars().count() <= 50), "{text}");
        insta::assert_snapshot!(text);
    }
}
