//! A report's cells as a table whose figures programs can read back, too.
//!
//! A figure's element bears what it says exactly: `data-value`; of an interval `data-low` and `data-high`; of counts
//! `data-count` and `data-of`; of a change `data-p` too. What is not known bears nothing.

use maud::{Markup, html};

use crate::analysis::table::Value;
use crate::report::layout::{self, Cell, Heading, Role, Row, compared};
use crate::report::{text, words};

use super::Shown;

/// The longest text of a cell; JSON has the rest.
const LONGEST: usize = 160;

/// The table of at most so many rows, in a box of its own that scrolls where the page is narrow.
pub(super) fn table(report: &Shown<'_>, rows: usize) -> Markup {
    let Shown { answer, layout, id } = report;
    let order = order(&layout.columns);
    let caption = format!("{id}-caption");
    let cut = words::cut(rows, layout.rows.len());
    html! {
        div.scroll role="region" aria-labelledby=(caption) tabindex="0" {
            table {
                caption id=(caption) {
                    span.unseen { (text::visible(&answer.query.header.title)) ". " }
                    @if let Some(cut) = &cut { (cut) }
                }
                thead {
                    tr {
                        @for column in order.iter().map(|at| &layout.columns[*at]) {
                            th scope="col" class=[column.figures.then_some("figure")] { (text::visible(&column.label)) }
                        }
                    }
                }
                tbody {
                    @for row in layout.rows.iter().take(rows) { (line(&layout.columns, &order, row)) }
                }
            }
        }
    }
}

/// The columns' places: a rate stands before the figures that no rate shows, so that a narrow screen has it.
fn order(columns: &[Heading]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|at| columns[*at].role == Role::Figure);
    order
}

fn line(columns: &[Heading], order: &[usize], row: &Row) -> Markup {
    let first_key = columns.iter().position(|column| column.role == Role::Key);
    html! {
        tr class=[row.small.then_some("small")] {
            @for (at, column, cell) in order.iter().map(|at| (*at, &columns[*at], &row.cells[*at])) {
                @match column.role {
                    Role::Key => th scope="row" {
                        (words_of(cell))
                        @if row.small && first_key == Some(at) { " *" }
                    },
                    Role::Words | Role::State => td { (words_of(cell)) },
                    role => (figure(cell, role)),
                }
            }
        }
    }
}

fn figure(cell: &Cell, role: Role) -> Markup {
    let words = text::visible(&cell.text);
    match role {
        Role::Interval => html! {
            td.figure data-low=[exact(cell, 0)] data-high=[exact(cell, 1)] { (words) }
        },
        Role::Counts => html! {
            td.figure data-count=[exact(cell, 0)] data-of=[exact(cell, 1)] { (words) }
        },
        Role::Change => html! {
            td.figure data-value=[exact(cell, 0)] data-p=[exact(cell, 1)] { (words) (said(&words)) }
        },
        _ => html! { td.figure data-value=[exact(cell, 0)] { (words) } },
    }
}

/// The mark of a change in words, for who hears the page.
pub(super) fn said(change: &str) -> Markup {
    let words = match change {
        rose if rose.starts_with(compared::ROSE) => ", more than chance",
        fell if fell.starts_with(compared::FELL) => ", more than chance",
        few if few.ends_with(compared::UNTESTED) => ", too few to tell",
        _ => return html! {},
    };
    html! { span.unseen { (words) } }
}

/// One of the values behind a cell, as a program reads it back; none where it is not known.
pub(super) fn exact(cell: &Cell, at: usize) -> Option<String> {
    cell.values.get(at).map(layout::exact).filter(|exact| !exact.is_empty())
}

fn words_of(cell: &Cell) -> Markup {
    // A date or a moment is not broken at its hyphens.
    let class = if matches!(cell.values[..], [Value::Text(_)]) { "words" } else { "whole" };
    html! { span class=(class) { (text::cut(&text::visible(&cell.text), LONGEST)) } }
}
