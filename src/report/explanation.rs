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

/// A window's days, and what of them would be read.
#[derive(Debug, Clone)]
pub struct Window<'a> {
    /// The days, and how complete they are.
    pub scope: &'a Scope,
    /// The files of these days, which every report reads.
    pub files: Vec<FileSize>,
    /// The files of days before them, which only those reports read that look back.
    pub before: Vec<FileSize>,
}

impl Window<'_> {
    fn write_text(&self, label: &str, out: &mut dyn Write) -> io::Result<()> {
        let range = self.scope.range;
        writeln!(out, "{label}: {range} ({}{})", range.len(), of_them(self.scope.missing.len()))?;
        write_files("Files", &self.files, out)?;
        if !self.before.is_empty() {
            write_files("Files of days before", &self.before, out)?;
        }
        Ok(())
    }
}

/// Explanations over one range.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a> {
    /// The range.
    pub window: &'a Window<'a>,
    /// The window that it would be compared with, if any.
    pub earlier: Option<&'a Window<'a>>,
    /// One a report, in order.
    pub explanations: &'a [Explanation],
}

impl Explained<'_> {
    /// Writes it for people. SQL and paths stand as they are, to be copied, and are never wrapped.
    ///
    /// # Errors
    /// Whatever `out` answers.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.window.write_text("Days", out)?;
        if let Some(earlier) = self.earlier {
            earlier.write_text("Compared with", out)?;
        }
        for explanation in self.explanations {
            writeln!(out, "\n{}", explanation.query.name)?;
            let columns = &explanation.plan.columns;
            writeln!(
                out,
                "Columns: {}",
                if columns.is_empty() { "none".into() } else { columns.join(", ") }
            )?;
            let (before, missing) =
                (explanation.query.header.days_before(), explanation.missing_before.len());
            if before > 0 {
                writeln!(out, "Days before: {before}{}", of_them(missing))?;
            }
            for (name, value) in &explanation.parameters {
                writeln!(out, "Parameter: {name} = {}", text::visible(&value.to_string()))?;
            }
            if let Some(step) = explanation.query.header.then {
                writeln!(out, "Then: {}: {}", step.name, step.does)?;
            }
            for network in &explanation.without {
                writeln!(out, "Without: {}", text::visible(&network.to_string()))?;
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
            days: Days::of(self.window),
            comparison: self.earlier.map(Days::of),
            reports: self.explanations.iter().map(Report::of).collect(),
        };
        json::write(&document, out)
    }
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    #[serde(flatten)]
    days: Days,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Days>,
    reports: Vec<Report<'a>>,
}

#[derive(Serialize)]
struct Days {
    range: json::Range,
    complete: bool,
    files: Files,
    files_before: Files,
}

impl Days {
    fn of(window: &Window<'_>) -> Self {
        Self {
            range: json::range(window.scope.range),
            complete: window.scope.complete,
            files: Files::of(&window.files),
            files_before: Files::of(&window.before),
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    title: &'a str,
    parameters: BTreeMap<&'a str, Plain<'a>>,
    columns: &'a [String],
    days_before: u32,
    missing_before: usize,
    /// The trusted networks whose sessions it would not see.
    without: Vec<String>,
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
            days_before: explanation.query.header.days_before(),
            missing_before: explanation.missing_before.len(),
            without: explanation.without.iter().map(ToString::to_string).collect(),
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

impl Files {
    fn of(files: &[FileSize]) -> Self {
        Self {
            count: files.len(),
            bytes: bytes(files),
            paths: files.iter().map(|file| file.path.display().to_string()).collect(),
        }
    }
}

fn of_them(missing: usize) -> String {
    if missing == 0 { String::new() } else { format!(", {missing} of them missing or still open") }
}

fn bytes(files: &[FileSize]) -> u64 {
    files.iter().map(|file| file.bytes).sum()
}

fn write_files(label: &str, files: &[FileSize], out: &mut dyn Write) -> io::Result<()> {
    let count = |value: u64| text::count(i64::try_from(value).unwrap_or(i64::MAX));
    writeln!(out, "{label}: {}, {} bytes", count(files.len() as u64), count(bytes(files)))?;
    for file in files {
        writeln!(out, "  {}", text::visible(&file.path.display().to_string()))?;
    }
    Ok(())
}
