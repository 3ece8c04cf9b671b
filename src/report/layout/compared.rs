//! The cells that a comparison adds: what a share was before, how it changed, and where a row's key is.
//!
//! Must not know how rows were joined nor what was tested.

use crate::analysis::Answer;
use crate::analysis::compare::chance::ALPHA;
use crate::analysis::compare::{CHANGE, Compared, P, PREVIOUS, State};
use crate::analysis::header::Rate;
use crate::analysis::table::Value;
use crate::report::text;

use super::{Cell, Heading, NOTHING, Role};

/// What marks a rise that is more than chance.
pub const ROSE: &str = "▲";
/// What marks a fall that is more than chance.
pub const FELL: &str = "▼";
/// What marks a change that rests on too few to tell.
pub const UNTESTED: &str = "?";

/// How a rate changed in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Changed {
    /// The share now.
    pub share: f64,
    /// The share before.
    pub previous: f64,
    /// How likely chance alone makes such a change; none where too few were assessed to tell.
    pub p: Option<f64>,
}

impl Changed {
    /// How a rate changed in a row; none where it is not known in both windows.
    pub fn new(answer: &Answer, row: usize, rate: &Rate) -> Option<Self> {
        let number = |end: &str| answer.table.value(row, &format!("{}{end}", rate.name)).as_number();
        answer.compared.as_ref()?;
        Some(Self { share: number("")?, previous: number(PREVIOUS)?, p: number(P) })
    }

    /// Whether it is more than chance.
    pub fn is_more_than_chance(&self) -> bool {
        self.p.is_some_and(|p| p < ALPHA) && self.share != self.previous
    }

    /// Whether the share is higher than before.
    pub fn rose(&self) -> bool {
        self.share > self.previous
    }

    /// The change in percentage points, with its mark.
    fn text(&self) -> String {
        let points = points(self.share - self.previous);
        match self.p {
            None => format!("{points} {UNTESTED}"),
            Some(_) if !self.is_more_than_chance() => points,
            Some(_) => format!("{} {points}", if self.rose() { ROSE } else { FELL }),
        }
    }
}

/// A difference of shares in percentage points: `+1.2`; with more decimals where it would look like none.
fn points(change: f64) -> String {
    let points = change * 100.0;
    let sign = if points < 0.0 { "−" } else { "+" };
    match points.abs() {
        0.0 => "0.0".to_owned(),
        small if small < 0.005 => format!("{sign}<0.01"),
        small if small < 0.05 => format!("{sign}{small:.2}"),
        points => format!("{sign}{points:.1}"),
    }
}

/// The heads of what a rate was and how it changed.
pub(super) fn headings(of: impl Fn(&str) -> String) -> [Heading; 2] {
    [("before", Role::Before), ("change", Role::Change)].map(|(label, role)| Heading {
        label: of(label),
        role,
        figures: true,
    })
}

/// What a rate was and how it changed.
pub(super) fn cells(answer: &Answer, compared: &Compared, row: usize, rate: &Rate) -> [Cell; 2] {
    let value = |end: &str| answer.table.value(row, &format!("{}{end}", rate.name)).clone();
    let previous = value(PREVIOUS);
    let nothing = || NOTHING.to_owned();
    let state = compared.rows.get(row).map(|joined| joined.state);
    let change = match state {
        Some(state @ (State::New | State::Gone | State::NotComparable)) => state.name().to_owned(),
        _ => Changed::new(answer, row, rate).map_or_else(nothing, |changed| changed.text()),
    };
    [
        Cell { text: previous.as_number().map_or_else(nothing, text::percent), values: vec![previous] },
        Cell { text: change, values: vec![value(CHANGE), value(P)] },
    ]
}

/// The head of where a row's key is, for reports without a rate.
pub(super) fn state_heading() -> Heading {
    Heading { label: "State".to_owned(), role: Role::State, figures: false }
}

/// Where a row's key is.
pub(super) fn state_cell(compared: &Compared, row: usize) -> Cell {
    let state = compared.rows.get(row).map_or(NOTHING, |joined| joined.state.name());
    Cell { text: state.to_owned(), values: vec![Value::Text(state.to_owned())] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_its_sign_its_mark_and_is_never_shown_as_none_where_it_is_one() {
        for (share, previous, p, shown) in [
            (0.25, 0.125, Some(0.04), "▲ +12.5"),
            (0.125, 0.25, Some(0.04), "▼ −12.5"),
            (0.25, 0.125, Some(0.05), "+12.5"),
            (0.25, 0.125, None, "+12.5 ?"),
            (0.25, 0.25, Some(1.0), "0.0"),
            (0.1234, 0.123, Some(0.9), "+0.04"),
            (0.123, 0.123_004, Some(0.9), "−<0.01"),
            (0.0, 1.0, Some(0.0), "▼ −100.0"),
        ] {
            assert_eq!(Changed { share, previous, p }.text(), shown);
        }
    }
}
