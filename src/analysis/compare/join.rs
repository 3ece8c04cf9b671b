//! Which row of the later window stands beside which of the earlier one.
//!
//! Must not know rates, nor what is made of the rows.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::{Joined, State};
use crate::analysis::Scope;
use crate::analysis::table::{Table, Type, Value};
use crate::range::DayRange;

/// Both windows of one question.
pub(super) struct Join<'a> {
    table: &'a Table,
    scope: &'a Scope,
    earlier: &'a Table,
    earlier_scope: &'a Scope,
    /// Where the columns of the key stand, in both tables.
    key: Vec<usize>,
    /// Those of them that are days.
    days: Vec<usize>,
    /// How many days the windows lie apart, from first day to first day.
    apart: i64,
}

/// A key's place in a table.
#[derive(Clone, Copy)]
enum Place {
    Row(usize),
    /// A key that does not name one row.
    Several,
}

/// A value that can be looked up.
#[derive(PartialEq, Eq, Hash)]
enum Part<'a> {
    Null,
    Integer(i64),
    Number(u64),
    Text(&'a str),
    Boolean(bool),
    Date(Date),
    Timestamp(Timestamp),
}

impl<'a> Join<'a> {
    pub(super) fn new(
        key: &[String],
        table: &'a Table,
        scope: &'a Scope,
        earlier: &'a Table,
        earlier_scope: &'a Scope,
    ) -> Self {
        let key: Vec<usize> = key.iter().filter_map(|name| table.position(name)).collect();
        let is_day = |at: &usize| table.columns[*at].data_type == Type::Date;
        let days = key.iter().copied().filter(is_day).collect();
        let apart = earlier_scope.range.since().until(scope.range.since());
        let apart = apart.map_or(0, |span| span.get_days().into());
        Self { table, scope, earlier, earlier_scope, key, days, apart }
    }

    /// The later window's rows, then those that only the earlier one has; and what must be said of them.
    pub(super) fn rows(&self) -> (Vec<Joined>, Vec<String>) {
        let none = Joined { state: State::NotComparable, earlier: None };
        let nothing = |notes| (vec![none; self.table.rows.len()], notes);
        if self.earlier_scope.missing.len() >= self.earlier_scope.range.len() {
            return nothing(Vec::new());
        }
        if self.key.is_empty() && self.table.rows.len().max(self.earlier.rows.len()) > 1 {
            let note = "This report names no key: its rows cannot be told apart, and are not compared.";
            return nothing(vec![note.to_owned()]);
        }
        let (here, there) = (self.index(self.table, 0), self.index(self.earlier, self.apart));
        let row = |values: &Vec<Value>| {
            let key = self.key_of(values, 0);
            match (here.get(&key), there.get(&key)) {
                (Some(Place::Several), _) | (_, Some(Place::Several)) => none,
                (_, Some(Place::Row(at))) => Joined { state: State::Same, earlier: Some(*at) },
                _ if self.lacks_day(values) => none,
                _ => Joined { state: State::New, earlier: None },
            }
        };
        let mut rows: Vec<Joined> = self.table.rows.iter().map(row).collect();
        let mut beyond = false;
        for (at, values) in self.earlier.rows.iter().enumerate() {
            let key = self.key_of(values, self.apart);
            if here.contains_key(&key) || matches!(there.get(&key), Some(Place::Several)) {
                continue;
            }
            match self.fate(values) {
                Some(state) => rows.push(Joined { state, earlier: Some(at) }),
                None => beyond = true,
            }
        }
        let several = here.values().chain(there.values()).any(|place| matches!(place, Place::Several));
        (rows, self.notes(several, beyond))
    }

    fn notes(&self, several: bool, beyond: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.days.is_empty() {
            let [first, earlier] = [self.scope, self.earlier_scope].map(|scope| scope.range.since());
            notes.push(format!("Days are compared by their place in the window: {first} with {earlier}."));
        }
        if beyond {
            let [days, of] = [self.scope, self.earlier_scope].map(|scope| scope.range.len());
            notes.push(format!("Of the {of} days of the earlier window the first {days} are compared."));
        }
        if several {
            notes.push("Rows whose key is not theirs alone are not compared.".to_owned());
        }
        notes
    }

    fn index<'t>(&self, table: &'t Table, shift: i64) -> HashMap<Vec<Part<'t>>, Place> {
        let mut index = HashMap::with_capacity(table.rows.len());
        for (at, values) in table.rows.iter().enumerate() {
            let place = index.entry(self.key_of(values, shift));
            place.and_modify(|place| *place = Place::Several).or_insert(Place::Row(at));
        }
        index
    }

    /// A row's key, its days moved by so many.
    fn key_of<'t>(&self, values: &'t [Value], shift: i64) -> Vec<Part<'t>> {
        let part = |at: &usize| match &values[*at] {
            Value::Null => Part::Null,
            Value::Integer(value) => Part::Integer(*value),
            Value::Number(value) => Part::Number(value.to_bits()),
            Value::Text(value) => Part::Text(value),
            Value::Boolean(value) => Part::Boolean(*value),
            Value::Date(day) => Part::Date(day.saturating_add(shift.days())),
            Value::Timestamp(moment) => Part::Timestamp(*moment),
        };
        self.key.iter().map(part).collect()
    }

    /// A row's days that are days of the window that it comes from, each where the other window would have it.
    fn counterparts(&self, values: &[Value], range: DayRange, shift: i64) -> impl Iterator<Item = Date> {
        self.days.iter().filter_map(move |at| match &values[*at] {
            Value::Date(day) if range.contains(*day) => Some(day.saturating_add(shift.days())),
            _ => None,
        })
    }

    /// Whether the earlier window does not have the day that one of the row's would stand beside.
    fn lacks_day(&self, values: &[Value]) -> bool {
        let other = self.earlier_scope;
        let lacks = |day: Date| !other.range.contains(day) || other.missing.contains(&day);
        self.counterparts(values, self.scope.range, -self.apart).any(lacks)
    }

    /// What became of an earlier row without a counterpart; none where the later window ends before its day.
    fn fate(&self, values: &[Value]) -> Option<State> {
        let mut state = State::Gone;
        for day in self.counterparts(values, self.earlier_scope.range, self.apart) {
            if !self.scope.range.contains(day) {
                return None;
            }
            if self.scope.missing.contains(&day) {
                state = State::NotComparable;
            }
        }
        Some(state)
    }

    /// A row that only the earlier window has: its key, whose days are those of the later window, and nothing else.
    pub(super) fn only_earlier(&self, at: usize) -> Vec<Value> {
        let cell = |(column, value): (usize, &Value)| match value {
            _ if !self.key.contains(&column) => Value::Null,
            Value::Date(day) => Value::Date(day.saturating_add(self.apart.days())),
            value => value.clone(),
        };
        self.earlier.rows[at].iter().enumerate().map(cell).collect()
    }
}
