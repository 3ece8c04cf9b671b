//! A report's cells as a table whose figures programs can read back, too.
//!
//! A figure's element bears what it says exactly: `data-value`; of an interval `data-low` and `data-high`; of counts
//! `data-count` and `data-of`; of a change `data-p` too. What is not known bears nothing.

use maud::{Markup, html};

use crate::analysis::table::Value;
use crate::report::layout::{self, Cell, Heading, Layout, Role, Row, compared};
use crate::report::{text, words};

use super::Shown;

/// The longest text of a cell; JSON has the rest.
pub(super) const LONGEST: usize = 160;

/// A longer text needs a wide column, lest its row be tall.
const LONG: usize = 60;

/// A table of more columns is printed across its paper.
const MANY: usize = 9;

/// The table, in a box of its own that scrolls where the page is narrow.
pub(super) fn table(report: &Shown<'_>) -> Markup {
    let Shown { answer, layout, id } = report;
    let order = order(layout);
    let caption = format!("{id}-caption");
    let cut = words::cut(layout.rows.len(), layout.all);
    html! {
        div.scroll.many[order.len() > MANY] role="region" aria-labelledby=(caption) tabindex="0" {
            table {
                caption id=(caption) {
                    span.unseen { (text::visible(&answer.query.header.title)) ". " }
                    @if let Some(cut) = &cut { (cut) }
                }
                thead {
                    tr {
                        @for column in order.iter().map(|at| &layout.columns[*at]) {
                            // What names a row stands at the beginning of its cell, figure or not.
                            @let figure = column.figures && column.role != Role::Key;
                            th scope="col" class=[figure.then_some("figure")] { (text::visible(&column.label)) }
                        }
                    }
                }
                tbody {
                    @for row in &layout.rows { (line(&layout.columns, &order, row)) }
                }
            }
        }
    }
}

/// The columns' places, so that a narrow screen has what a row is about: behind the key, and the names that explain it,
/// the rates, then the figures that no rate shows, and moments last. Without a rate the figures come before any words.
fn order(layout: &Layout) -> Vec<usize> {
    let has_rates = layout.columns.iter().any(|column| column.role == Role::Share);
    let moment = |at: usize| {
        layout
            .rows
            .iter()
            .any(|row| matches!(row.cells[at].values[..], [Value::Timestamp(_) | Value::Date(_)]))
    };
    let rank = |at: &usize| match layout.columns[*at].role {
        Role::Key => 0,
        Role::Words if moment(*at) => 4,
        Role::Words if has_rates => 1,
        Role::Figure | Role::State => 3,
        Role::Words => 4,
        _ => 2,
    };
    let mut order: Vec<usize> = (0..layout.columns.len()).collect();
    order.sort_by_key(rank);
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
                    Role::Words | Role::State => td.text { (words_of(cell)) },
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
            td data-low=[exact(cell, 0)] data-high=[exact(cell, 1)] { (words) }
        },
        Role::Counts => html! {
            td data-count=[exact(cell, 0)] data-of=[exact(cell, 1)] { (words) }
        },
        Role::Change => html! {
            td data-value=[exact(cell, 0)] data-p=[exact(cell, 1)] { (words) (said(&words)) }
        },
        _ => html! { td data-value=[exact(cell, 0)] { (words) } },
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
    let class = match cell.values[..] {
        [Value::Text(_)] if text::width(&cell.text) > LONG => "words long",
        [Value::Text(_)] => "words",
        _ => "whole",
    };
    html! { span class=(class) { (text::cut(&text::visible(&cell.text), LONGEST)) } }
}
