//! What a report would run and read: its SQL, parameters, days, files and columns, to read or as JSON.
//!
//! Must not know how a query is bound or planned, nor any answer.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::analysis::{Explanation, Scope};

use super::listing::Plain;
use super::{json, text};

/// A day file and its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSize {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
}

/// Explanations over one range.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a> {
    /// The days, and how complete they are.
    pub scope: &'a Scope,
    /// The files that would be read.
    pub files: &'a [FileSize],
    /// One a report, in order.
    pub explanations: &'a [Explanation],
}

impl Explained<'_> {
    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Writes it for people. SQL and paths stand as they are, to be copied, and are never wrapped.
    ///
    /// # Errors
    /// Whatever `out` answers.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let range = self.scope.range;
        let missing = match self.scope.missing.len() {
            0 => String::new(),
            missing => format!(", {missing} of them missing or still open"),
        };
        writeln!(out, "Days: {range} ({}{missing})", range.len())?;
        let count = |value: u64| text::count(i64::try_from(value).unwrap_or(i64::MAX));
        writeln!(out, "Files: {}, {} bytes", count(self.files.len() as u64), count(self.bytes()))?;
        for file in self.files {
            writeln!(out, "  {}", text::visible(&file.path.display().to_string()))?;
        }
        for explanation in self.explanations {
            writeln!(out, "\n{}", explanation.query.name)?;
            let columns = &explanation.plan.columns;
            writeln!(
                out,
                "Columns: {}",
                if columns.is_empty() { "none".into() } else { columns.join(", ") }
            )?;
            for (name, value) in &explanation.parameters {
                writeln!(out, "Parameter: {name} = {}", text::visible(&value.to_string()))?;
            }
            if let Some(step) = explanation.query.header.then {
                writeln!(out, "Then: {}: {}", step.name, step.does)?;
            }
            writeln!(out, "SQL:")?;
            for line in explanation.sql.lines() {
                writeln!(out, "{}", format!("  {}", text::visible(&line.replace('\t', "    "))).trim_end())?;
            }
        }
        Ok(())
    }

    /// Writes it for other programs.
    ///
    /// # Errors
    /// Whatever `out` answers.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let document = Document {
            version: json::VERSION,
            range: json::range(self.scope.range),
            complete: self.scope.complete,
            files: Files {
                count: self.files.len(),
                bytes: self.bytes(),
                paths: self.files.iter().map(|file| file.path.display().to_string()).collect(),
            },
            reports: self.explanations.iter().map(Report::of).collect(),
        };
        json::write(&document, out)
    }
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    range: json::Range,
    complete: bool,
    files: Files,
    reports: Vec<Report<'a>>,
}

#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    title: &'a str,
    parameters: BTreeMap<&'a str, Plain<'a>>,
    columns: &'a [String],
    sql: &'a str,
    /// Null where the rows are the SQL's own.
    then: Option<&'static str>,
}

impl<'a> Report<'a> {
    fn of(explanation: &'a Explanation) -> Self {
        let parameters = explanation.parameters.iter();
        Self {
            name: &explanation.query.name,
            title: &explanation.query.header.title,
            parameters: parameters.map(|(name, value)| (name.as_str(), Plain(value))).collect(),
            columns: &explanation.plan.columns,
            sql: &explanation.sql,
            then: explanation.query.header.then.map(|step| step.name),
        }
    }
}

#[derive(Serialize)]
struct Files {
    count: usize,
    bytes: u64,
    paths: Vec<String>,
}
