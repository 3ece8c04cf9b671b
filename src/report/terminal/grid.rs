//! The table itself: which columns fit, how wide the bars are, and one block a row where no table fits.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};

use crate::report::layout::{Layout, Role, Row};
use crate::report::text;

use super::{Ink, Terminal};

/// Blank columns between two columns of the table.
const GAP: usize = 2;
/// The shortest bar worth drawing, and the longest.
const BAR: std::ops::RangeInclusive<usize> = 6..=24;
/// How wide a column of words may be: the first of these that leaves room for the rest.
const WORDS: [usize; 5] = [28, 22, 18, 14, 10];
/// How many figures must fit beside the key of a report without rates: fewer would not tell what its rows are about.
const FIGURES: usize = 2;
/// How wide the key of a report without rates may be: an address or an id says nothing once it is cut.
const WHOLE_KEY: usize = 40;

/// Which columns are shown, and how.
struct Grid {
    columns: Vec<usize>,
    /// Characters of a bar; none without bars.
    bar: Option<usize>,
    /// How wide words may be.
    words: usize,
}

impl Terminal {
    /// Writes the rows and returns the labels of the columns that did not fit.
    pub(super) fn table(&self, layout: &Layout, out: &mut dyn Write) -> io::Result<Vec<String>> {
        let rows: Vec<Row> = layout.rows.iter().map(harmless).collect();
        let Some(grid) = self.choose(layout, &rows) else {
            for row in &rows {
                self.block(layout, row, out)?;
            }
            return Ok(Vec::new());
        };
        self.draw(layout, &rows, &grid, out)?;
        let left_out = (0..layout.columns.len()).filter(|at| !grid.columns.contains(at));
        Ok(left_out.map(|at| layout.columns[at].label.clone()).collect())
    }

    /// The richest grid that fits: bars before figures that no rate shows, long words before short ones. What
    /// stands behind a rate is only left out where several rates compete for the width, or what they were before.
    fn choose(&self, layout: &Layout, rows: &[Row]) -> Option<Grid> {
        const BEHIND: [Role; 4] = [Role::Unknown, Role::Counts, Role::Interval, Role::Before];
        let drawn = rows.iter().any(|row| row.bar.is_some_and(|value| value > 0.0));
        let rates = layout.columns.iter().filter(|column| column.role == Role::Share).count();
        if ranked_by_figures(layout) {
            let bars = [(WORDS[0], true)].into_iter().filter(|_| drawn);
            let plain = std::iter::once(WHOLE_KEY).chain(WORDS).map(|words| (words, false));
            return bars.chain(plain).find_map(|(words, bars)| self.fit(layout, rows, &[], words, bars));
        }
        let compared = layout.columns.iter().any(|column| column.role == Role::Change);
        let droppable = if rates > 1 || compared { BEHIND.len() } else { 0 };
        (0..=droppable).find_map(|dropped| {
            let with = WORDS[..4].iter().filter(|_| drawn).map(|words| (*words, true));
            let attempts = with.chain(WORDS.iter().map(|words| (*words, false)));
            attempts
                .into_iter()
                .find_map(|(words, bars)| self.fit(layout, rows, &BEHIND[..dropped], words, bars))
        })
    }

    /// The grid without the columns of some roles, with words of a width, with bars or without, if it fits.
    fn fit(&self, layout: &Layout, rows: &[Row], dropped: &[Role], words: usize, bars: bool) -> Option<Grid> {
        let role = |at: &usize| layout.columns[*at].role;
        let width = |at: usize| column_width(layout, rows, at, words);
        let kept = (0..layout.columns.len()).filter(|at| !dropped.contains(&role(at)));
        let by_figures = ranked_by_figures(layout);
        // Without a rate the figures are what the report is about: words that are no key give way to them.
        let may_go = |at: &usize| role(at) == Role::Figure || by_figures && role(at) == Role::Words;
        let (mut others, mut columns): (Vec<usize>, Vec<usize>) = kept.partition(may_go);
        others.sort_by_key(|at| role(at) != Role::Figure);
        let mut used: usize = columns.iter().map(|at| width(*at) + GAP).sum();
        used += if bars { BAR.start() + GAP } else { 0 };
        // The last column has no gap after it.
        let room = self.width + GAP;
        if used > room {
            return None;
        }
        for at in others {
            if used + width(at) + GAP <= room {
                used += width(at) + GAP;
                columns.push(at);
            } else if bars && by_figures {
                return None;
            }
        }
        let figures = |columns: &[usize]| columns.iter().filter(|at| role(at) == Role::Figure).count();
        let all: Vec<usize> = (0..layout.columns.len()).collect();
        if by_figures && figures(&columns) < figures(&all).min(FIGURES) {
            return None;
        }
        columns.sort_unstable();
        let bar = bars.then(|| (BAR.start() + room - used).min(*BAR.end()));
        (!columns.is_empty()).then_some(Grid { columns, bar, words })
    }

    fn draw(&self, layout: &Layout, rows: &[Row], grid: &Grid, out: &mut dyn Write) -> io::Result<()> {
        let most = rows.iter().filter_map(|row| row.bar).fold(0.0, f64::max);
        let share = grid.columns.iter().position(|at| layout.columns[*at].role == Role::Share);
        // Beside the share that they draw, else at the end.
        let bars = grid.bar.map(|length| (share.map_or(grid.columns.len(), |at| at + 1), length));
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let narrowest = |at: &usize| widest_cell(layout, rows, *at, grid.words);
        let mut head: Vec<String> =
            grid.columns.iter().map(|at| stacked(&layout.columns[*at].label, narrowest(at))).collect();
        let height = head.iter().map(|label| label.lines().count()).max().unwrap_or(1);
        // Heads stand on the rule, not under the ceiling.
        for label in &mut head {
            *label = "\n".repeat(height - label.lines().count()) + label;
        }
        if let Some((at, _)) = bars {
            head.insert(at, String::new());
        }
        table.set_header(&head);
        for row in rows {
            let mut cells: Vec<String> =
                grid.columns.iter().map(|at| shown(layout, row, *at, grid.words).into_owned()).collect();
            if let Some((at, length)) = bars {
                cells.insert(at, row.bar.map(|value| bar(value, most, length)).unwrap_or_default());
            }
            table.add_row(cells);
        }
        for (place, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, GAP as u16));
            let at = match bars {
                Some((bar, _)) if place == bar => continue,
                Some((bar, _)) if place > bar => grid.columns[place - 1],
                _ => grid.columns[place],
            };
            if layout.columns[at].figures {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        let wide = lines.iter().map(|line| text::width(line)).max().unwrap_or(0).min(self.width);
        for (at, line) in lines.iter().enumerate() {
            if at == height {
                writeln!(out, "{}", self.ink(Ink::Dim, &"─".repeat(wide)))?;
            }
            let line = match at.checked_sub(height) {
                None => self.ink(Ink::Bold, line),
                Some(row) if rows.get(row).is_some_and(|row| row.small) => self.ink(Ink::Dim, line),
                Some(_) => self.tint(line),
            };
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// One row as a block: what it is, then its figures in as many lines as they need.
    fn block(&self, layout: &Layout, row: &Row, out: &mut dyn Write) -> io::Result<()> {
        let of = |roles: &'static [Role]| {
            let wanted = move |at: &usize| roles.contains(&layout.columns[*at].role);
            (0..layout.columns.len()).filter(wanted)
        };
        let mut name: Vec<String> =
            of(&[Role::Key, Role::Words]).map(|at| row.cells[at].text.clone()).collect();
        if row.small
            && let Some(first) = name.first_mut()
        {
            first.push_str(" *");
        }
        let mut parts: Vec<String> = Vec::new();
        for at in 0..layout.columns.len() {
            let (label, cell) = (&layout.columns[at].label, &row.cells[at].text);
            match layout.columns[at].role {
                Role::Key | Role::Words => {}
                Role::Share if layout.sideways => parts.push(cell.clone()),
                Role::Share | Role::Figure => parts.push(format!("{} {cell}", text::visible(label))),
                Role::Interval | Role::Counts | Role::State => parts.push(cell.clone()),
                Role::Unknown => parts.push(format!("{cell} unknown")),
                Role::Before => parts.push(format!("before {cell}")),
                Role::Change => parts.push(format!("change {cell}")),
            }
        }
        let names: Vec<&str> = name.iter().map(String::as_str).collect();
        for line in text::fill(&names, " · ", self.width) {
            writeln!(out, "{}", self.ink(Ink::Bold, &line))?;
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        for line in text::fill(&parts, " · ", self.width - 2) {
            writeln!(out, "  {line}")?;
        }
        Ok(())
    }

    /// Colours the bars of a line.
    fn tint(&self, line: &str) -> String {
        let (Some(first), true) = (line.find(is_bar), self.colour) else { return line.to_owned() };
        let length = line[first..].find(|c| !is_bar(c)).unwrap_or(line.len() - first);
        let (before, rest) = line.split_at(first);
        let (bar, after) = rest.split_at(length);
        format!("{before}{}{after}", self.ink(Ink::Bar, bar))
    }
}

fn is_bar(c: char) -> bool {
    ('\u{2588}'..='\u{258f}').contains(&c)
}

/// The row with every cell made harmless and the small mark set.
fn harmless(row: &Row) -> Row {
    let mut row = row.clone();
    for cell in &mut row.cells {
        cell.text = text::visible(&cell.text).into_owned();
    }
    row
}

/// A cell as it stands in the grid: words cut, a small row's key marked.
fn shown<'a>(layout: &Layout, row: &'a Row, at: usize, words: usize) -> std::borrow::Cow<'a, str> {
    match layout.columns[at].role {
        Role::Key if row.small && first_key(layout) == Some(at) => {
            format!("{} *", text::cut(&row.cells[at].text, words - 2)).into()
        }
        Role::Key | Role::Words => text::cut(&row.cells[at].text, words),
        _ => row.cells[at].text.as_str().into(),
    }
}

/// Whether rows are told apart by a key and compared by plain figures, with no rate in sight.
fn ranked_by_figures(layout: &Layout) -> bool {
    first_key(layout).is_some() && layout.columns.iter().all(|column| column.role != Role::Share)
}

fn first_key(layout: &Layout) -> Option<usize> {
    layout.columns.iter().position(|column| column.role == Role::Key)
}

fn widest_cell(layout: &Layout, rows: &[Row], at: usize, words: usize) -> usize {
    rows.iter().map(|row| text::width(&shown(layout, row, at, words))).max().unwrap_or(0)
}

fn column_width(layout: &Layout, rows: &[Row], at: usize, words: usize) -> usize {
    let cells = widest_cell(layout, rows, at, words);
    let head = stacked(&layout.columns[at].label, cells);
    head.lines().map(text::width).max().unwrap_or(0).max(cells)
}

/// A head in as few lines as its column's cells allow, broken at spaces only.
fn stacked(label: &str, cells: usize) -> String {
    let label = text::visible(label);
    let longest = label.split(' ').map(text::width).max().unwrap_or(0);
    text::wrap(&label, cells.max(longest)).join("\n")
}

/// A bar of at most `length` characters, in eighths of one; what is not zero is always seen.
fn bar(value: f64, most: f64, length: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if value <= 0.0 || most <= 0.0 {
        return String::new();
    }
    // At most 8 × 24, and at least 1.
    let eighths = ((value / most * length as f64 * 8.0).round() as usize).clamp(1, length * 8);
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}
