//! The tables of a digest: as few columns as a phone is wide, a rate and all that it rests on in one of them.

use maud::{Markup, PreEscaped, html};

use crate::analysis::Answer;
use crate::analysis::table::Value;
use crate::report::headline::Headline;
use crate::report::layout::{Cell, Layout, Role, Row, is_series};
use crate::report::{text, words};

use super::{NEWLINE, RULE, quiet, short, unlinked};

/// Letters in a line of a table on a phone.
const ROOM: usize = 54;
/// Letters between two columns.
const GAP: usize = 2;
/// A column of words is broken to so many letters, where it must be.
const WORDS: usize = 16;
/// Letters of an interval, which is not broken.
const INTERVAL: usize = 11;
/// The longest text of a cell.
const LONGEST: usize = 60;
/// How many figures are shown of a report without rates, however narrow: fewer would not tell what its rows are about.
const FIGURES: usize = 2;

/// A column of the digest: places in the layout's columns.
enum Column {
    /// One of the layout's own.
    Plain(usize),
    /// A rate, and behind it what it rests on.
    Rate(Vec<usize>),
}

/// The headlines, a line each; nothing where there are none.
pub(super) fn headlines(headlines: &[Headline<'_>]) -> Markup {
    html! {
        @if !headlines.is_empty() {
            table width="100%" cellpadding="4" cellspacing="0" border="0"
                style="margin:12px 0;border-collapse:collapse" {
                @for headline in headlines {
                    tr style=(RULE) valign="baseline" {
                        @if let Some(name) = headline.cell(Role::Key) { th scope="row" align="left" { (words_of(name)) } }
                        @if let Some(share) = headline.cell(Role::Share) {
                            td align="right" style="font-size:20px;line-height:28px;font-weight:bold" { (unbroken(&share.text)) }
                        }
                        td align="right" { (behind(|role| headline.cell(role))) }
                    }
                    (NEWLINE)
                }
            }
        }
    }
}

/// The table of a report, with at most so many rows, and what it does not show.
pub(super) fn table(answer: &Answer, layout: &Layout, most: usize) -> Markup {
    let columns = columns(layout);
    let rows = rows(answer, layout, most);
    let chosen = choose(layout, &columns, rows);
    let shown: Vec<&Column> = chosen.iter().map(|at| &columns[*at]).collect();
    let left_out: Vec<String> =
        (0..columns.len()).filter(|at| !chosen.contains(at)).map(|at| columns[at].label(layout)).collect();
    html! {
        table width="100%" cellpadding="4" cellspacing="0" border="0"
            style="margin:8px 0;border-collapse:collapse;font-size:13px;line-height:18px" {
            tr valign="bottom" {
                @for column in &shown { th scope="col" align=(column.align(layout)) { (short(&column.label(layout), LONGEST)) } }
            }
            (NEWLINE)
            @for row in rows {
                tr style=(RULE) valign="top" { @for column in &shown { (cell(layout, column, row)) (NEWLINE) } }
            }
        }
        @if let Some(cut) = words::cut(rows.len(), layout.all) {
            (quiet(&if is_series(&answer.query) { format!("The last {cut}") } else { cut }))
        }
        @if !left_out.is_empty() { (quiet(&format!("Not shown: {}.", left_out.join(", ")))) }
        @if rows.iter().any(|row| row.small) {
            @if let Some(small) = words::small(answer, layout) { (quiet(&format!("* {small}"))) }
        }
    }
}

/// The rows that are shown: of a ranking the first, of a series the newest, which come last.
fn rows<'a>(answer: &Answer, layout: &'a Layout, most: usize) -> &'a [Row] {
    let laid_out = layout.rows.len();
    if is_series(&answer.query) {
        return &layout.rows[laid_out.saturating_sub(most)..];
    }
    &layout.rows[..most.min(laid_out)]
}

/// The layout's columns, each rate's drawn together.
fn columns(layout: &Layout) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for (at, heading) in layout.columns.iter().enumerate() {
        match (heading.role, columns.last_mut()) {
            (Role::Key | Role::Words | Role::Figure | Role::State, _) => columns.push(Column::Plain(at)),
            (Role::Share, _) => columns.push(Column::Rate(vec![at])),
            (_, Some(Column::Rate(places))) => places.push(at),
            _ => {}
        }
    }
    columns
}

/// The places of the columns that there is room for: keys and one rate, or else some figures, in any case; then rates,
/// figures and words. The rates come before the figures that no rate shows.
fn choose(layout: &Layout, columns: &[Column], rows: &[Row]) -> Vec<usize> {
    let rank = |at: &usize| match &columns[*at] {
        Column::Plain(place) => match layout.columns[*place].role {
            Role::Key => 0,
            Role::Figure => 2,
            _ => 3,
        },
        Column::Rate(_) => 1,
    };
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(rank);
    let has_rates = columns.iter().any(|column| matches!(column, Column::Rate(_)));
    let least = order.iter().filter(|at| rank(at) == 0).count() + if has_rates { 1 } else { FIGURES };
    let mut used = 0;
    let mut chosen = Vec::new();
    for at in order {
        let width = columns[at].width(layout, rows) + GAP;
        if chosen.len() < least || used + width <= ROOM {
            used += width;
            chosen.push(at);
        }
    }
    chosen
}

impl Column {
    fn label(&self, layout: &Layout) -> String {
        let place = match self {
            Self::Plain(place) => *place,
            Self::Rate(places) => places[0],
        };
        text::visible(&layout.columns[place].label).into_owned()
    }

    fn align(&self, layout: &Layout) -> &'static str {
        match self {
            Self::Plain(place) if !layout.columns[*place].figures => "left",
            _ => "right",
        }
    }

    /// How many letters it takes where everything is broken that may be.
    fn width(&self, layout: &Layout, rows: &[Row]) -> usize {
        let head = self.label(layout).split(' ').map(text::width).max().unwrap_or(0);
        let cells = match self {
            Self::Rate(_) => INTERVAL,
            Self::Plain(place) => {
                let widest = rows.iter().map(|row| text::width(&row.cells[*place].text)).max().unwrap_or(0);
                if layout.columns[*place].figures { widest } else { widest.min(WORDS) }
            }
        };
        head.max(cells)
    }
}

fn cell(layout: &Layout, column: &Column, row: &Row) -> Markup {
    match column {
        Column::Rate(places) => {
            let of = |role: Role| {
                let place = places.iter().find(|place| layout.columns[**place].role == role)?;
                row.cells.get(*place)
            };
            html! {
                td align="right" {
                    @if let Some(share) = of(Role::Share) { b { (unbroken(&share.text)) } " " }
                    (behind(of))
                }
            }
        }
        Column::Plain(place) => {
            let cell = &row.cells[*place];
            let first_key = layout.columns.iter().position(|column| column.role == Role::Key);
            match layout.columns[*place].role {
                Role::Key => html! {
                    th scope="row" align=(column.align(layout)) style=(breaks(cell)) {
                        (words_of(cell))
                        @if row.small && first_key == Some(*place) { " *" }
                    }
                },
                Role::Figure => html! { td align="right" { (unbroken(&cell.text)) } },
                _ => html! { td { (words_of(cell)) } },
            }
        }
    }
}

/// Long words of a session are broken anywhere, so that they fit; a date or a number nowhere.
fn breaks(cell: &Cell) -> &'static str {
    match cell.values[..] {
        [Value::Text(_)] => "word-break:break-word",
        _ => "white-space:nowrap",
    }
}

/// What stands behind a share: its interval, of how many, how many are not known, and how it changed.
fn behind<'a>(of: impl Fn(Role) -> Option<&'a Cell>) -> Markup {
    html! {
        @if let Some(interval) = of(Role::Interval) { nobr { (interval.text) } }
        @if let Some(counts) = of(Role::Counts) { br; (counts.text) }
        @if let Some(unknown) = of(Role::Unknown) { ", " (unbroken(&unknown.text)) " unknown" }
        @if let Some(change) = of(Role::Change) { br; (unbroken(&change.text)) }
        @if let Some(before) = of(Role::Before).filter(|before| before.values.iter().any(|value| !value.is_null())) {
            " from " (unbroken(&before.text))
        }
    }
}

/// A figure that is not broken at its spaces.
fn unbroken(figure: &str) -> String {
    text::visible(figure).replace(' ', "\u{a0}")
}

fn words_of(cell: &Cell) -> PreEscaped<String> {
    unlinked(&text::cut(&short(&cell.text, LONGEST), LONGEST))
}
