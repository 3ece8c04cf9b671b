//! An answer as cells that are ready to be read: which columns, which rows, what each cell says.
//!
//! Shared by the text formats; the cells are not yet escaped for any of them. Must not know widths or colours.

use std::collections::HashSet;
use std::ops::Range;

use crate::analysis::Answer;
use crate::analysis::catalogue::Query;
use crate::analysis::compare::{CHANGE, P, PREVIOUS, STATE};
use crate::analysis::header::{ChartKind, Rate};
use crate::analysis::rate::{HIGH, LOW, UNKNOWN};
use crate::analysis::table::{Type, Value};

use super::text;

pub mod compared;

/// What stands where nothing is known.
pub const NOTHING: &str = "–";
/// What names a row whose key is null.
pub const NO_KEY: &str = "(unknown)";
/// What names a row whose key is the empty text, which is not the same.
pub const EMPTY_KEY: &str = "(empty)";

/// What is appended to a rate's name; the last three only where it was compared.
const ENDS: [&str; 6] = [LOW, HIGH, UNKNOWN, PREVIOUS, CHANGE, P];

/// An answer's cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Whether this is one row turned on its side: a line a rate.
    pub sideways: bool,
    /// Figures about the whole answer: label, figure.
    pub facts: Vec<(String, Cell)>,
    /// The columns, in order.
    pub columns: Vec<Heading>,
    /// The rows that are shown, in order, one cell a column.
    pub rows: Vec<Row>,
    /// How many rows there are to show.
    pub all: usize,
}

/// A column's head.
#[derive(Debug, Clone, PartialEq)]
pub struct Heading {
    /// Its words.
    pub label: String,
    /// What its cells say.
    pub role: Role,
    /// Whether its cells are figures, to be aligned at their end.
    pub figures: bool,
}

/// What the cells of a column say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Which row it is.
    Key,
    /// Words about the row.
    Words,
    /// A figure of the query that no rate shows.
    Figure,
    /// A rate.
    Share,
    /// A rate's interval.
    Interval,
    /// A rate's numerator and denominator.
    Counts,
    /// How many were not assessed.
    Unknown,
    /// What a rate was in the earlier window.
    Before,
    /// How a rate changed since.
    Change,
    /// Whether the row is in both windows.
    State,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it says, one cell a column.
    pub cells: Vec<Cell>,
    /// Whether too few were assessed for its rate to say much.
    pub small: bool,
    /// The value to draw, if the answer has one and the row is not small.
    pub bar: Option<f64>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// What it says that of, exactly: one value; two for an interval (low, high), for counts (numerator,
    /// denominator) and for a change (the change, its p-value).
    pub values: Vec<Value>,
}

impl Cell {
    fn new(value: &Value) -> Self {
        Self { text: shown(value), values: vec![value.clone()] }
    }
}

impl Layout {
    /// Lays out so many rows of a ranking, the first, and all of a series, since its newest come last.
    pub fn new(answer: &Answer, most: usize) -> Self {
        let all = answer.table.rows.len();
        Self::of(answer, 0..if is_series(&answer.query) { all } else { most.min(all) })
    }

    /// Lays out so many rows where a series has no room either: of a ranking the first, of a series the newest.
    pub fn digest(answer: &Answer, most: usize) -> Self {
        let (own, all) = (answer.own_rows(), answer.table.rows.len());
        Self::of(
            answer,
            if is_series(&answer.query) { own.saturating_sub(most)..own } else { 0..most.min(all) },
        )
    }

    /// Lays these rows out and no other: an answer may have a million. One row with rates is turned on its side: a line
    /// a rate.
    fn of(answer: &Answer, rows: Range<usize>) -> Self {
        let sideways = answer.query.header.key.is_empty()
            && answer.table.all_rows() == 1
            && !answer.query.header.rates.is_empty();
        let mut layout = if sideways { sideways_layout(answer) } else { upright(answer, rows) };
        layout.drop_idle();
        layout
    }

    /// Leaves out the columns that say nothing: no unknown in any row that is shown.
    fn drop_idle(&mut self) {
        for at in (0..self.columns.len()).rev() {
            let idle = |row: &Row| matches!(row.cells[at].values[..], [Value::Integer(0) | Value::Null]);
            if self.columns[at].role == Role::Unknown && self.rows.iter().all(idle) {
                self.columns.remove(at);
                for row in &mut self.rows {
                    row.cells.remove(at);
                }
            }
        }
    }
}

/// Whether the rows are a series, which is shown whole where there is room.
pub fn is_series(query: &Query) -> bool {
    query.header.chart.as_ref().is_some_and(|chart| chart.kind == ChartKind::Line)
}

/// The columns that no rate shows, and so stand for themselves. One rate shows its total, as what is known and what
/// is not; of several, that would not be seen.
fn plain_columns(answer: &Answer) -> impl Iterator<Item = usize> + '_ {
    let rates = &answer.query.header.rates;
    let compared = answer.compared.is_some();
    let ends: &[&str] = if compared { &ENDS } else { &ENDS[..3] };
    let shown = move |name: &str| {
        (compared && name == STATE)
            || rates.iter().any(|rate| {
                [&rate.name, &rate.numerator, &rate.denominator].iter().any(|shown| *shown == name)
                    || (rates.len() == 1 && rate.total == name)
                    || ends.iter().any(|end| name.strip_suffix(end).is_some_and(|name| name == rate.name))
            })
    };
    (0..answer.table.columns.len()).filter(move |at| {
        let name = &answer.table.columns[*at].name;
        !shown(name) || answer.query.header.key.contains(name)
    })
}

fn upright(answer: &Answer, rows: Range<usize>) -> Layout {
    let table = &answer.table;
    let header = &answer.query.header;
    let names = naming(answer, rows.clone());
    let plain: Vec<usize> = plain_columns(answer).collect();
    let mut columns: Vec<Heading> = Vec::new();
    for at in &plain {
        let column = &table.columns[*at];
        let figures = matches!(column.data_type, Type::Integer | Type::Number);
        let role = match figures {
            _ if names.contains(&column.name) => Role::Key,
            true => Role::Figure,
            false => Role::Words,
        };
        columns.push(Heading { label: text::label(&column.name), role, figures });
    }
    let several = header.rates.len() > 1;
    for rate in &header.rates {
        let short = rate_label(rate);
        let of = |label: &str| if several { format!("{short} {label}") } else { text::label(label) };
        let counts = format!("{} of {}", text::label(&rate.numerator), text::words(&rate.denominator));
        columns.extend(rate_headings([text::label(&rate.name), of("95 % interval"), counts, of("unknown")]));
        columns.extend(answer.compared.iter().flat_map(|_| compared::headings(of)));
    }
    let by_state = answer.compared.as_ref().filter(|_| header.rates.is_empty());
    columns.extend(by_state.map(|_| compared::state_heading()));
    let drawn = header.chart.as_ref().filter(|chart| chart.kind == ChartKind::Bar);
    let rows = rows.map(|row| {
        let small = answer.is_small(row);
        let mut cells: Vec<Cell> = Vec::with_capacity(columns.len());
        for (at, heading) in plain.iter().zip(&columns) {
            let value = &table.rows[row][*at];
            cells.push(match heading.role {
                Role::Key => Cell { text: key(value), values: vec![value.clone()] },
                _ => Cell::new(value),
            });
        }
        for rate in &header.rates {
            cells.extend(rate_cells(answer, row, rate));
            let compared = answer.compared.iter();
            cells.extend(compared.flat_map(|compared| compared::cells(answer, compared, row, rate)));
        }
        cells.extend(by_state.map(|compared| compared::state_cell(compared, row)));
        let value = drawn.and_then(|chart| table.value(row, &chart.value).as_number());
        Row { cells, small, bar: value.filter(|_| !small) }
    });
    let (rows, all) = (rows.collect(), table.all_rows());
    Layout { sideways: false, facts: Vec::new(), columns, rows, all }
}

/// The part of the key that a reader knows these rows by. Of a ranking by figures it ends with the column that the bars
/// are named by, if hardly two rows have the same there: what follows is for telling these apart.
pub(super) fn naming(answer: &Answer, rows: Range<usize>) -> &[String] {
    let header = &answer.query.header;
    let last = header.chart.as_ref().and_then(|chart| header.key.iter().position(|key| *key == chart.by));
    let Some(short) = last.filter(|_| header.rates.is_empty()).map(|last| &header.key[..=last]) else {
        return &header.key;
    };
    let name = |row| short.iter().map(|column| key(answer.table.value(row, column))).collect::<Vec<_>>();
    let names: HashSet<Vec<String>> = rows.clone().map(name).collect();
    if 2 * names.len() > rows.len() { short } else { &header.key }
}

fn sideways_layout(answer: &Answer) -> Layout {
    let table = &answer.table;
    let rates = &answer.query.header.rates;
    let hidden =
        |name: &String| rates.iter().any(|rate| [&rate.numerator, &rate.denominator].contains(&name));
    let totals = rates.iter().map(|rate| &rate.total).filter(|total| !hidden(total));
    let mut facts: Vec<&String> = totals.collect();
    facts.extend(plain_columns(answer).map(|at| &table.columns[at].name));
    facts.dedup();
    let facts = facts.iter().map(|name| (text::label(name), Cell::new(table.value(0, name)))).collect();
    let mut columns = vec![Heading { label: "Rate".to_owned(), role: Role::Key, figures: false }];
    let counts = rates.first().map(|rate| text::label(&rate.total)).unwrap_or_default();
    columns.extend(rate_headings([
        "Share".to_owned(),
        "95 % interval".to_owned(),
        counts,
        "Unknown".to_owned(),
    ]));
    columns.extend(answer.compared.iter().flat_map(|_| compared::headings(text::label)));
    let rows = rates.iter().map(|rate| {
        let label = rate_label(rate);
        let mut cells = vec![Cell { text: label.clone(), values: vec![Value::Text(label)] }];
        cells.extend(rate_cells(answer, 0, rate));
        let compared = answer.compared.iter();
        cells.extend(compared.flat_map(|compared| compared::cells(answer, compared, 0, rate)));
        Row { cells, small: answer.is_small(0), bar: table.value(0, &rate.name).as_number() }
    });
    let rows: Vec<Row> = rows.collect();
    Layout { sideways: true, facts, columns, all: rows.len(), rows }
}

/// A rate's name in words, without the word rate.
pub fn rate_label(rate: &Rate) -> String {
    text::label(rate.name.strip_suffix("_rate").unwrap_or(&rate.name))
}

fn rate_headings(labels: [String; 4]) -> impl Iterator<Item = Heading> {
    let roles = [Role::Share, Role::Interval, Role::Counts, Role::Unknown];
    labels.into_iter().zip(roles).map(|(label, role)| Heading { label, role, figures: true })
}

fn rate_cells(answer: &Answer, row: usize, rate: &Rate) -> [Cell; 4] {
    let value = |name: &str| answer.table.value(row, name).clone();
    let share = value(&rate.name);
    let ends = [LOW, HIGH].map(|end| value(&format!("{}{end}", rate.name)));
    let counts = [&rate.numerator, &rate.denominator].map(|name| value(name));
    let nothing = || NOTHING.to_owned();
    [
        Cell { text: share.as_number().map_or_else(nothing, text::percent), values: vec![share] },
        Cell {
            text: match ends.each_ref().map(Value::as_number) {
                [Some(low), Some(high)] => text::interval(low, high),
                _ => nothing(),
            },
            values: ends.into(),
        },
        Cell {
            text: match counts.each_ref().map(Value::as_integer) {
                [Some(hits), Some(of)] => format!("{} of {}", text::count(hits), text::count(of)),
                _ => nothing(),
            },
            values: counts.into(),
        },
        Cell::new(&value(&format!("{}{UNKNOWN}", rate.name))),
    ]
}

/// What a value that names a row looks like.
pub fn key(value: &Value) -> String {
    match value {
        Value::Null => NO_KEY.to_owned(),
        Value::Text(key) if key.is_empty() => EMPTY_KEY.to_owned(),
        value => shown(value),
    }
}

/// What a value looks like.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::Integer(value) => text::count(*value),
        Value::Number(value) if !value.is_finite() => NOTHING.to_owned(),
        Value::Number(value) => text::number(*value),
        Value::Text(value) => value.clone(),
        Value::Boolean(value) => if *value { "yes" } else { "no" }.to_owned(),
        Value::Date(day) => day.to_string(),
        Value::Timestamp(moment) => moment.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    }
}

/// A value as a program reads it back: JSON's form without the quotes. Null, and what no number is, is nothing.
pub fn exact(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(value) => value.to_string(),
        Value::Number(value) if !value.is_finite() => String::new(),
        Value::Number(value) => value.to_string(),
        Value::Text(value) => value.clone(),
        Value::Boolean(value) => value.to_string(),
        Value::Date(day) => day.to_string(),
        Value::Timestamp(moment) => moment.to_string(),
    }
}
