//! A part of the sessions by their addresses and days, as a filter of the scan.
//!
//! What is in the part is not known as text beforehand: one address has many writings. Must not know which part is
//! asked for, nor why.

use jiff::civil::Date;
use polars::prelude::{
    BooleanChunked, Column, DataType, Expr, Field, IntoColumn, NewChunkedArray, PolarsError, PolarsResult,
    Schema, col,
};

use super::{DATE, convert};
use crate::analysis::trusted::Part;
use crate::session::schema::{ATTRIBUTES, IP_ADDRESS};

/// Which sessions are in the part.
pub(super) fn filter(part: &Part) -> Expr {
    let part = part.clone();
    let mask = move |columns: &mut [Column]| -> PolarsResult<Column> {
        let [addresses, days] = columns else {
            return Err(PolarsError::ComputeError("addresses and days were asked for".into()));
        };
        let days = days.to_physical_repr();
        let mut day = LastDay::default();
        let rows = addresses.str()?.iter().zip(days.i32()?.iter());
        let has = rows.map(|(address, days)| part.has(address, days.and_then(|days| day.of(days))));
        Ok(BooleanChunked::from_iter_values(addresses.name().clone(), has).into_column())
    };
    let addresses = ATTRIBUTES[IP_ADDRESS].column;
    let boolean = move |_: &Schema, _: &[Field]| Ok(Field::new(addresses.into(), DataType::Boolean));
    col(addresses).map_many(mask, &[col(DATE)], boolean)
}

/// The last date that was asked for: a file has one only.
#[derive(Default)]
struct LastDay(Option<(i32, Option<Date>)>);

impl LastDay {
    fn of(&mut self, days: i32) -> Option<Date> {
        match self.0 {
            Some((known, date)) if known == days => date,
            _ => {
                let date = convert::date(days);
                self.0 = Some((days, date));
                date
            }
        }
    }
}
