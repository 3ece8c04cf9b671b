//! Reports as JSON that other programs rely on.
//!
//! Owns the shape, version 1: additions keep the version, anything else raises it. Every row is whole, in the
//! query's order, and never cut. Must not take its shape from the analysis' own types.

use std::io::{self, Write};

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::analysis::Answer;
use crate::analysis::table::{Column, Value};
use crate::range::DayRange;

use super::{Page, Renderer, text, words};

/// The version that stands in every document.
pub const VERSION: u32 = 1;

/// JSON, indented.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl Renderer for Json {
    fn extension(&self) -> &'static str {
        "json"
    }

    fn render(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
        write(&document(page), out)
    }
}

/// Writes a document, indented and harmless to print.
pub(super) fn write(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let json = serde_json::to_string_pretty(document)?;
    out.write_all(escaped(&json).as_bytes())?;
    out.write_all(b"\n")
}

/// The document with every character that steers a screen as `\uXXXX`: the same values, harmless to print. Outside
/// of strings the only such characters are the line ends of the indentation.
fn escaped(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && text::steers(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    generated_at: String,
    range: Range,
    complete: bool,
    thresholds: [(); 0],
    reports: Vec<Report<'a>>,
}

#[derive(Serialize)]
pub(super) struct Range {
    since: String,
    until: String,
}

pub(super) fn range(range: DayRange) -> Range {
    Range { since: range.since().to_string(), until: range.until().to_string() }
}

#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    title: &'a str,
    columns: Vec<ColumnName<'a>>,
    rows: Vec<Row<'a>>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct ColumnName<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    data_type: &'static str,
}

struct Row<'a> {
    columns: &'a [Column],
    values: &'a [Value],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for (column, value) in self.columns.iter().zip(self.values) {
            map.serialize_entry(&column.name, &Cell(value))?;
        }
        map.end()
    }
}

struct Cell<'a>(&'a Value);

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_none(),
            Value::Integer(value) => serializer.serialize_i64(*value),
            // JSON has no word for what is not finite; serde_json writes null.
            Value::Number(value) => serializer.serialize_f64(*value),
            Value::Text(value) => serializer.serialize_str(value),
            Value::Boolean(value) => serializer.serialize_bool(*value),
            Value::Date(day) => serializer.serialize_str(&day.to_string()),
            Value::Timestamp(moment) => serializer.serialize_str(&moment.to_string()),
        }
    }
}

fn document<'a>(page: &Page<'a>) -> Document<'a> {
    Document {
        version: VERSION,
        generated_at: page.generated_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        range: range(page.scope.range),
        complete: page.scope.complete,
        thresholds: [],
        reports: page.answers.iter().map(|answer| report(page, answer)).collect(),
    }
}

fn report<'a>(page: &Page<'a>, answer: &'a Answer) -> Report<'a> {
    let columns = &answer.table.columns;
    let name = |column: &'a Column| ColumnName { name: &column.name, data_type: column.data_type.name() };
    // A report may be passed on alone, so each carries what is true of the whole range.
    let incomplete = words::incomplete(page.scope);
    let before = words::incomplete_before(answer);
    let notes = page.scope.notes.iter().cloned().chain(before).chain(answer.query.header.notes.clone());
    Report {
        name: &answer.query.name,
        title: &answer.query.header.title,
        columns: columns.iter().map(name).collect(),
        rows: answer.table.rows.iter().map(|values| Row { columns, values }).collect(),
        notes: incomplete.into_iter().chain(notes).collect(),
    }
}
