//! The figures that stand first: the rates of the reports that have a single row.

use maud::{Markup, html};

use crate::report::layout::{Cell, Role, Row};
use crate::report::text;

use super::{Shown, table};

/// More than this is no longer a glance.
const MOST: usize = 6;

/// The tiles, or nothing where no report has one row.
pub(super) fn tiles(reports: &[Shown<'_>]) -> Markup {
    let single = reports.iter().filter(|report| report.layout.sideways);
    let tiles: Vec<Markup> = single
        .flat_map(|report| report.layout.rows.iter().map(move |row| tile(report, row)))
        .take(MOST)
        .collect();
    html! {
        @if !tiles.is_empty() {
            section aria-labelledby="glance" {
                h2 #glance { "At a glance" }
                p.question { "Each share with its 95 % Wilson interval, and of how many." }
                ul.tiles { @for tile in &tiles { (tile) } }
            }
        }
    }
}

/// How the share changed, and what it was; where that is not known, why.
fn change(before: Option<&Cell>, change: Option<&Cell>) -> Markup {
    html! {
        @if let Some((before, change)) = before.zip(change) {
            span.change {
                (change.text) (table::said(&change.text))
                @if change.values.first().is_some_and(|value| !value.is_null()) { " from " (before.text) }
            }
        }
    }
}

fn tile(report: &Shown<'_>, row: &Row) -> Markup {
    let cell = |role: Role| {
        report.layout.columns.iter().position(|column| column.role == role).map(|at| &row.cells[at])
    };
    let line = |role: Role, after: &str| {
        html! { @if let Some(cell) = cell(role) { span { (text::visible(&cell.text)) (after) } } }
    };
    html! {
        li class=[row.small.then_some("small")] {
            @if let Some(name) = cell(Role::Key) { span.name { (text::visible(&name.text)) } }
            @if let Some(share) = cell(Role::Share) { strong data-value=[table::exact(share, 0)] { (text::visible(&share.text)) } }
            (line(Role::Interval, ""))
            (line(Role::Counts, ""))
            (line(Role::Unknown, " unknown"))
            (change(cell(Role::Before), cell(Role::Change)))
        }
    }
}
