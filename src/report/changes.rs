//! What changed since the earlier window, in sentences, for the formats that people read.
//!
//! Says which shares changed by more than chance, and which rows came and went. The sentences are not yet escaped for
//! any format. Must not know how a format sets them.

use crate::analysis::Answer;
use crate::analysis::compare::{Compared, State};

use super::layout::compared::Changed;
use super::layout::{key, rate_label};
use super::{Page, text};

/// How many changed shares of a report are told.
const MOST_SHARES: usize = 4;
/// How many rows that came or went are named.
const MOST_KEYS: usize = 5;
/// The longest name of a row.
const LONGEST: usize = 60;

/// The heading above the sentences.
pub const HEADING: &str = "What changed";

/// What changed, a sentence each; none where nothing was compared.
pub fn changes(page: &Page<'_>) -> Option<Vec<String>> {
    page.earlier?;
    let mut sentences: Vec<String> = page.answers.iter().flat_map(of_answer).collect();
    if sentences.is_empty() {
        let compared = page.answers.iter().filter_map(|answer| answer.compared.as_ref());
        let any = compared.flat_map(|compared| &compared.rows).any(|row| row.state == State::Same);
        let none = "No share changed by more than chance, and no row is new or gone.";
        sentences.push(if any { none } else { "Nothing could be compared." }.to_owned());
    }
    Some(sentences)
}

fn of_answer(answer: &Answer) -> Vec<String> {
    let Some(compared) = &answer.compared else { return Vec::new() };
    let title = &answer.query.header.title;
    let rates = &answer.query.header.rates;
    let changed = |row: usize, rate| Some((row, rate, Changed::new(answer, row, rate)?));
    let all = (0..compared.own).flat_map(|row| rates.iter().filter_map(move |rate| changed(row, rate)));
    let mut shares: Vec<_> = all.filter(|(_, _, changed)| changed.is_more_than_chance()).collect();
    // The least likely to be chance first, rows and rates in their order.
    shares.sort_by(|a, b| a.2.p.unwrap_or(1.0).total_cmp(&b.2.p.unwrap_or(1.0)));
    let mut sentences: Vec<String> = Vec::new();
    for (row, rate, changed) in shares.iter().take(MOST_SHARES) {
        let of = if answer.query.header.key.is_empty() { String::new() } else { name(answer, *row) + ", " };
        sentences.push(format!(
            "{title}: {of}{} {} from {} to {} ({}).",
            rate_label(rate),
            if changed.rose() { "rose" } else { "fell" },
            text::percent(changed.previous),
            text::percent(changed.share),
            p_value(changed.p)
        ));
    }
    if shares.len() > MOST_SHARES {
        let more = text::count((shares.len() - MOST_SHARES) as i64);
        sentences.push(format!("{title}: {more} more shares changed by more than chance."));
    }
    let came_and_went = [State::New, State::Gone].map(|state| named(answer, compared, state));
    let came_and_went: Vec<String> = came_and_went.into_iter().flatten().collect();
    if !came_and_went.is_empty() {
        sentences.push(format!("{title}: {}.", came_and_went.join("; ")));
    }
    sentences
}

/// The rows of a state, counted and named: `2 new (DE, FR)`. Where most rows came or went, as devices do, a few names
/// among many tell nothing: they are only counted.
fn named(answer: &Answer, compared: &Compared, state: State) -> Option<String> {
    let rows = || compared.rows.iter().enumerate().filter(|(_, joined)| joined.state == state);
    let all = rows().count();
    if all == 0 {
        return None;
    }
    let lasting = compared.rows.iter().filter(|joined| joined.state == State::Same).count();
    if all > MOST_KEYS.max(lasting) {
        return Some(format!("{} {}", text::count(all as i64), state.name()));
    }
    let mut names: Vec<String> = rows().take(MOST_KEYS).map(|(row, _)| name(answer, row)).collect();
    if all > MOST_KEYS {
        names.push("…".to_owned());
    }
    Some(format!("{} {} ({})", text::count(all as i64), state.name(), names.join(", ")))
}

/// What names a row.
fn name(answer: &Answer, row: usize) -> String {
    let parts = answer.query.header.key.iter().map(|column| key(answer.table.value(row, column)));
    text::cut(&parts.collect::<Vec<_>>().join(" · "), LONGEST).into_owned()
}

/// `p = 0.012`, or `p < 0.001`.
fn p_value(p: Option<f64>) -> String {
    match p {
        Some(p) if p >= 0.001 => format!("p = {p:.3}"),
        Some(_) => "p < 0.001".to_owned(),
        None => "not tested".to_owned(),
    }
}
