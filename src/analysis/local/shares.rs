//! A query whose rows each come from the sessions of one value of a column, asked of some of the values at a time.
//!
//! Owns how many shares there are, which sessions belong to which, and how the answers are put together again. A
//! grouping keeps the keys of all rows that it read in memory, about twenty bytes a row where they are two numbers in place
//! of ids and a hundred where they are texts, and a query has several groupings at work at once: what bounds memory is the
//! rows read at a time. Must not know what the queries ask.

use std::ops::Range;
use std::path::PathBuf;

use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, Expr, Field, IntoColumn, NewChunkedArray, PolarsResult, col,
};

use super::{DATE, Reading, declared, numbers};
use crate::analysis::EngineError;

/// The values of one share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Values {
    column: String,
    /// The number of the share, from 0.
    share: u64,
    shares: u64,
}

impl Values {
    /// Which sessions have one of these values.
    pub(super) fn filter(&self) -> Expr {
        let Self { share, shares, .. } = *self;
        let mask = move |values: Column| -> PolarsResult<Column> {
            let is_in = |value: Option<&str>| share_of(value, shares) == share;
            let name = values.name().clone();
            let mask = BooleanChunked::from_iter_values(name, values.str()?.iter().map(is_in));
            Ok(mask.into_column())
        };
        col(self.column.as_str())
            .map(mask, |_, field| Ok(Field::new(field.name().clone(), DataType::Boolean)))
    }
}

/// The same value, the same share.
fn share_of(value: Option<&str>, shares: u64) -> u64 {
    value.map_or(0, numbers::of) % shares
}

/// Refuses a column by whose values sessions cannot be told apart.
pub(super) fn check(column: &str) -> Result<(), EngineError> {
    if column == DATE || declared().get(column) == Some(&DataType::String) {
        return Ok(());
    }
    let words = format!("it cannot be split by `{column}`: name {DATE} or a column of text");
    Err(EngineError::Refused { source: words.into() })
}

/// Cuts a reading into shares of about so many bytes of day files each.
pub(super) fn cut(reading: &Reading, column: &str, bytes: u64) -> Vec<Reading> {
    let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |found| found.len());
    let sizes: Vec<u64> = reading.files.iter().map(size).collect();
    if column == DATE {
        let of_days = |days: Range<usize>| Reading { files: reading.files[days].to_vec(), ..reading.clone() };
        return together_up_to(&sizes, bytes).into_iter().map(of_days).collect();
    }
    // The values of any other column are anywhere, so that each share reads all files.
    let shares = sizes.iter().sum::<u64>().div_ceil(bytes.max(1)).max(1);
    if shares == 1 {
        return vec![reading.clone()];
    }
    let of_values = |share| Values { column: column.to_owned(), share, shares };
    (0..shares).map(|share| Reading { values: Some(of_values(share)), ..reading.clone() }).collect()
}

/// Neighbours, as many together as reach a sum.
fn together_up_to(sizes: &[u64], sum: u64) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut begin, mut filled) = (0, 0);
    for (at, size) in sizes.iter().enumerate() {
        filled += size;
        if filled >= sum || at + 1 == sizes.len() {
            ranges.push(begin..at + 1);
            (begin, filled) = (at + 1, 0);
        }
    }
    ranges
}

/// The answers of all shares as one, in no order.
pub(super) fn together(answers: Vec<DataFrame>) -> PolarsResult<DataFrame> {
    let mut answers = answers.into_iter();
    let mut all = answers.next().unwrap_or_default();
    for answer in answers {
        all.vstack_mut_owned(answer)?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_kept_whole_and_each_share_of_them_is_about_as_large_as_asked() {
        assert_eq!(together_up_to(&[10; 5], 20), [0..2, 2..4, 4..5]);
        assert_eq!(together_up_to(&[10; 3], 1), [0..1, 1..2, 2..3]);
        assert_eq!(together_up_to(&[10; 5], 50).into_iter().flatten().count(), 5);
        assert!(together_up_to(&[], 50).is_empty());
    }

    #[test]
    fn values_are_spread_evenly_and_no_value_has_a_share_of_its_own() {
        let of = |shares| (0..1000).map(move |number| share_of(Some(&format!("dev_{number}")), shares));
        assert!((0..3).all(|share| of(3).filter(|of| *of == share).count() > 250));
        assert!(share_of(None, 3) < 3);
    }
}
