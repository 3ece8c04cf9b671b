//! One report on the page: its question, chart and table, how it misleads, and on demand how it was counted.

use maud::{Markup, html};

use crate::analysis::Answer;
use crate::report::chart::{Chart, draw};
use crate::report::layout::{Role, Row};
use crate::report::{Page, command, text, words};

use super::table::LONGEST;
use super::{Shown, table};

/// How wide a chart is drawn for a desk, and for a hand. The style sheet shows one of the two.
const WIDTHS: [(&str, f64); 2] = [("wide", 800.0), ("narrow", 340.0)];

/// A table of more rows is folded away: only a series has them, and its chart shows them.
const LONG: usize = 62;

/// The report.
pub(super) fn section(page: &Page<'_>, report: &Shown<'_>) -> Markup {
    let Shown { answer, layout, id } = report;
    let header = &answer.query.header;
    let chart = Chart::new(answer);
    let title = format!("{id}-title");
    html! {
        section #(id) aria-labelledby=(title) {
            h2 id=(title) { (text::visible(&header.title)) }
            p.question { (text::visible(&header.question)) }
            @if !layout.facts.is_empty() {
                dl.facts {
                    @for (label, figure) in &layout.facts {
                        div {
                            dt { (text::visible(label)) }
                            dd data-value=[table::exact(figure, 0)] { (text::visible(&figure.text)) }
                        }
                    }
                }
            }
            @if let Some(incomplete) = words::incomplete_before(answer) {
                div.warning role="note" { p { (text::visible(&incomplete)) } }
            }
            @for sentence in words::trusted(answer) { p { (text::visible(&sentence)) } }
            @for sentence in &answer.said { p { (text::visible(sentence)) } }
            @if let Some(chart) = &chart { (figure(chart, id)) }
            @if layout.rows.is_empty() {
                p { (words::NO_ROWS) }
            } @else {
                (figures(report))
                (notes(report))
                (commands(page, report))
            }
            (definitions(answer))
            (query(answer))
        }
    }
}

/// The table; a long series folded away below its chart.
fn figures(report: &Shown<'_>) -> Markup {
    let rows = report.layout.rows.len();
    html! {
        @if rows > LONG {
            details { summary { "All " (text::count(rows as i64)) " rows" } (table::table(report)) }
        } @else {
            (table::table(report))
        }
    }
}

fn figure(chart: &Chart, id: &str) -> Markup {
    html! {
        figure {
            figcaption {
                (text::visible(&chart.title))
                @if chart.points.iter().any(|point| point.interval.is_some()) { ", with the 95 % interval" }
                @if let Some(earlier) = &chart.earlier { "; dashed: " (earlier.range) }
                "."
                @for sentence in &chart.left_out { " " (sentence) }
            }
            @for (class, width) in WIDTHS {
                div class=(class) { (draw::draw(chart, &format!("{id}-{class}"), width)) }
            }
        }
    }
}

/// What a reader needs to read the table rightly.
fn notes(report: &Shown<'_>) -> Markup {
    let Shown { answer, layout, .. } = report;
    let small = words::small(answer, layout).map(|small| format!("* {small}"));
    let shares = words::shares(answer, layout).map(str::to_owned);
    let own = answer.query.header.notes.iter().cloned();
    let notes = small.into_iter().chain(shares).chain(words::comparison(answer));
    let notes: Vec<String> = notes.chain(own).collect();
    html! {
        @if !notes.is_empty() {
            ul.notes { @for note in &notes { li { (text::visible(note)) } } }
        }
    }
}

/// The command for the sessions behind each row that is shown.
fn commands(page: &Page<'_>, report: &Shown<'_>) -> Markup {
    let Shown { answer, layout, .. } = report;
    let key = |row: &Row| {
        let keys = layout.columns.iter().zip(&row.cells).filter(|(column, _)| column.role == Role::Key);
        keys.map(|(_, cell)| text::visible(&cell.text)).collect::<Vec<_>>().join(" · ")
    };
    let rows = layout.rows.iter().enumerate();
    let commands: Vec<(String, String)> =
        rows.filter_map(|(at, row)| Some((key(row), command::of_row(page, answer, at)?.join(" ")))).collect();
    html! {
        @if !commands.is_empty() {
            details.commands {
                summary { "The sessions behind each row" }
                dl {
                    @for (key, command) in &commands {
                        dt { (text::cut(key, LONGEST)) }
                        dd { code { (command) } }
                    }
                }
            }
        }
    }
}

fn definitions(answer: &Answer) -> Markup {
    let rates = &answer.query.header.rates;
    html! {
        @if !rates.is_empty() {
            details {
                summary { "How each rate is counted" }
                dl {
                    @for rate in rates {
                        dt { (text::label(&rate.name)) }
                        dd { (text::visible(&words::definition(rate))) }
                    }
                }
            }
        }
    }
}

fn query(answer: &Answer) -> Markup {
    let sql: Vec<_> = answer.query.sql.lines().map(text::visible).collect();
    html! {
        details.sql {
            summary { "The query " code { (text::visible(&answer.query.name)) } }
            @for (name, value) in &answer.parameters {
                p { code { (text::visible(&format!(":{name} = {value}"))) } }
            }
            @if let Some(step) = answer.query.header.then {
                p { "Its rows go through the step " code { (step.name) } ": " (step.does) }
            }
            pre tabindex="0" { code { (sql.join("\n")) } }
        }
    }
}
