//! Reports as JSON that other programs rely on.
//!
//! Owns the shape, version 1: additions keep the version, anything else raises it. Every row is whole, in the
//! query's order, and never cut. Must not take its shape from the analysis' own types.

use std::io::{self, BufWriter, Write};

use jiff::civil::Date;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::analysis::table::{Column, Value};
use crate::analysis::trusted::LeftOut;
use crate::analysis::{Answer, Scope};
use crate::range::DayRange;

use super::verdicts::Told;
use super::{Page, Renderer, command, text, words};

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

/// Writes a document, indented and harmless to print. It is never in memory as a whole: a report may have a million rows.
pub(super) fn write(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut out = Harmless(BufWriter::new(out));
    serde_json::to_writer_pretty(&mut out, document)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes JSON on, every character that steers a screen as `\uXXXX`: the same values, harmless to print. Outside of
/// strings the only such characters are the line ends of the indentation.
struct Harmless<W: Write>(W);

impl<W: Write> Write for Harmless<W> {
    /// Takes whole characters only, which is what a serializer gives.
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(json).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let mut written = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| *c != '\n' && text::steers(*c)) {
            self.0.write_all(&json[written..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(self.0, "\\u{unit:04x}")?;
            }
            written = at + c.len_utf8();
        }
        self.0.write_all(&json[written..])?;
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    generated_at: String,
    range: Range,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
    thresholds: Vec<Told>,
    reports: Vec<Report<'a>>,
}

/// What a page was compared with, and which days were left out of it and of the range.
#[derive(Serialize)]
struct Comparison {
    range: Range,
    complete: bool,
    missing: Vec<String>,
    missing_in_range: Vec<String>,
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
    detail: Option<Detail<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<Uncounted<'a>>,
    notes: Vec<String>,
}

/// How the sessions behind a row are listed: the command's words, then for each of the columns the flag and
/// `COLUMN=VALUE`, or the column alone where the row's value is null.
#[derive(Serialize)]
struct Detail<'a> {
    command: Vec<String>,
    flag: &'static str,
    columns: Vec<&'a str>,
}

/// How many of the range's sessions the report does not count as their networks are trusted, and what these are.
#[derive(Serialize)]
struct Uncounted<'a> {
    sessions: i64,
    networks: Vec<Trusted<'a>>,
}

#[derive(Serialize)]
struct Trusted<'a> {
    network: String,
    label: &'a str,
    expires: Option<String>,
    sessions: i64,
}

impl<'a> Uncounted<'a> {
    fn new(left_out: &'a LeftOut) -> Self {
        let networks = left_out.networks.iter().map(|(network, sessions)| Trusted {
            network: network.addresses(),
            label: network.label(),
            expires: network.expires().map(|last| last.to_string()),
            sessions: *sessions,
        });
        Self { sessions: left_out.sessions(), networks: networks.collect() }
    }
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
        comparison: page.earlier.map(|earlier| comparison(page.scope, earlier)),
        thresholds: page.verdicts.iter().map(Told::new).collect(),
        reports: page.answers.iter().map(|answer| report(page, answer)).collect(),
    }
}

fn comparison(scope: &Scope, earlier: &Scope) -> Comparison {
    let days = |days: &[Date]| days.iter().map(Date::to_string).collect();
    Comparison {
        range: range(earlier.range),
        complete: earlier.complete,
        missing: days(&earlier.missing),
        missing_in_range: days(&scope.missing),
    }
}

fn report<'a>(page: &Page<'a>, answer: &'a Answer) -> Report<'a> {
    let columns = &answer.table.columns;
    let name = |column: &'a Column| ColumnName { name: &column.name, data_type: column.data_type.name() };
    let details = &answer.query.header.details;
    let detail = command::words(page, answer).map(|command| Detail {
        command,
        flag: command::FLAG,
        columns: details.iter().map(|detail| detail.column.as_str()).collect(),
    });
    Report {
        name: &answer.query.name,
        title: &answer.query.header.title,
        columns: columns.iter().map(name).collect(),
        rows: answer.table.rows.iter().map(|values| Row { columns, values }).collect(),
        detail,
        left_out: answer.left_out.as_ref().map(Uncounted::new),
        notes: words::notes(page, answer),
    }
}
