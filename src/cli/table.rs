//! Columns for people.

use std::fmt;

/// Widest column.
const COLUMN_CHARACTERS: usize = 60;

/// Rows under a heading.
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(heading: [&str; N]) -> Self {
        Self { rows: vec![heading.map(str::to_owned)] }
    }

    /// Adds a row; control characters, as a peer may have sent, become blanks.
    pub(super) fn row(&mut self, cells: [String; N]) {
        let clean = |cell: String| -> String {
            let mut text: String = cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            if let Some((end, _)) = text.char_indices().nth(COLUMN_CHARACTERS) {
                // Identifiers stay whole: one of them is copied into the next command.
                if text.contains(' ') {
                    text.truncate(end);
                    text.push('…');
                }
            }
            text
        };
        self.rows.push(cells.map(clean));
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..N).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_control_characters_gone() {
        let mut table = Table::new(["title", "octets"]);
        table.row(["Brief\u{1b}[2J".to_owned(), "12".to_owned()]);
        table.row(["é".to_owned(), "3".to_owned()]);
        assert_eq!(table.to_string(), "title      octets\nBrief [2J  12\né          3\n");
    }
}
