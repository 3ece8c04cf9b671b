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
                ul.tiles { @for tile in &tiles { (tile) } }
            }
        }
    }
}

fn tile(report: &Shown<'_>, row: &Row) -> Markup {
    let cell = |role: Role| {
        report.layout.columns.iter().position(|column| column.role == role).map(|at| &row.cells[at])
    };
    let line = |role: Role, before: &str, after: &str| {
        let words = |cell: &Cell| format!("{before}{}{after}", text::visible(&cell.text));
        html! { @if let Some(cell) = cell(role) { span { (words(cell)) } } }
    };
    html! {
        li.small[row.small] {
            @if let Some(name) = cell(Role::Key) { span.name { (text::visible(&name.text)) } }
            @if let Some(share) = cell(Role::Share) { strong data-value=[table::exact(share, 0)] { (text::visible(&share.text)) } }
            (line(Role::Interval, "95 % interval ", ""))
            (line(Role::Counts, "", ""))
            (line(Role::Unknown, "", " unknown"))
        }
    }
}
