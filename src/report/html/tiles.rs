//! The figures that stand first, as tiles.

use maud::{Markup, html};

use crate::analysis::header::Rate;
use crate::report::chart::{Chart, spark};
use crate::report::headline::{Headline, headlines};
use crate::report::layout::{Cell, Role};
use crate::report::text;

use super::{Shown, table};

/// The tiles, or nothing where there is no headline.
pub(super) fn tiles(reports: &[Shown<'_>]) -> Markup {
    let series = |rate: &Rate| reports.iter().find_map(|report| Chart::daily(report.answer, rate));
    let headlines = headlines(reports.iter().map(|report| (report.answer, &report.layout)));
    html! {
        @if !headlines.is_empty() {
            section aria-labelledby="glance" {
                h2 #glance { "At a glance" }
                p.question { "Each share with its 95 % Wilson interval, and of how many." }
                ul.tiles { @for headline in &headlines { (tile(headline, series(headline.rate).as_ref())) } }
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

/// One rate with what it rests on, how it changed and, where the page has that, how it went from day to day.
fn tile(headline: &Headline<'_>, series: Option<&Chart>) -> Markup {
    let line = |role: Role, after: &str| {
        html! { @if let Some(cell) = headline.cell(role) { span { (text::visible(&cell.text)) (after) } } }
    };
    html! {
        li class=[headline.row.small.then_some("small")] {
            @if let Some(name) = headline.cell(Role::Key) { span.name { (text::visible(&name.text)) } }
            @if let Some(share) = headline.cell(Role::Share) {
                strong data-value=[table::exact(share, 0)] { (text::visible(&share.text)) }
            }
            (line(Role::Interval, ""))
            (line(Role::Counts, ""))
            (line(Role::Unknown, " unknown"))
            (change(headline.cell(Role::Before), headline.cell(Role::Change)))
            @if let Some(spark) = series.and_then(spark::spark) { (spark) }
        }
    }
}
