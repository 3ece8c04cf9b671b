//! The figures that stand first on a page.
//!
//! Owns which they are: the rates of the reports that have a single row, in the page's order, and so `network_risk`'s
//! first where all reports are asked for. Must not know how a format sets them.

use crate::analysis::Answer;
use crate::analysis::header::Rate;

use super::layout::{Cell, Layout, Role, Row};

/// More than this is no longer a glance.
pub const MOST: usize = 6;

/// One rate that stands first.
#[derive(Debug, Clone, Copy)]
pub struct Headline<'a> {
    /// What it is a share of.
    pub rate: &'a Rate,
    /// The report that it is of.
    pub layout: &'a Layout,
    /// Its line there.
    pub row: &'a Row,
}

impl Headline<'_> {
    /// What the line has in that role.
    pub fn cell(&self, role: Role) -> Option<&Cell> {
        let at = self.layout.columns.iter().position(|column| column.role == role)?;
        self.row.cells.get(at)
    }
}

/// The headlines of a page of these reports; none where no report has a single row.
pub fn headlines<'a>(reports: impl IntoIterator<Item = (&'a Answer, &'a Layout)>) -> Vec<Headline<'a>> {
    let single = reports.into_iter().filter(|(_, layout)| layout.sideways);
    let lines = single.flat_map(|(answer, layout)| {
        let rates = answer.query.header.rates.iter();
        rates.zip(&layout.rows).map(move |(rate, row)| Headline { rate, layout, row })
    });
    lines.take(MOST).collect()
}
