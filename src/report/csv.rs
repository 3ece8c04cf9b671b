//! A report as comma-separated values, for spreadsheets and for programs that read nothing better.
//!
//! RFC 4180: a row of column names, then every row, raw and never cut. A file holds one report. Owns what makes a
//! spreadsheet run no formula of a session's. Must not know how figures look to people.

use std::borrow::Cow;
use std::io::{self, Write};

use csv::{Terminator, WriterBuilder};

use crate::analysis::table::Value;

use super::{Page, Renderer, layout, text};

/// Comma-separated values.
#[derive(Debug, Clone, Copy, Default)]
pub struct Csv;

impl Renderer for Csv {
    fn extension(&self) -> &'static str {
        "csv"
    }

    fn holds_several(&self) -> bool {
        false
    }

    fn render(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
        let [answer] = page.answers else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a CSV file holds one report"));
        };
        let table = &answer.table;
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        writer.write_record(table.columns.iter().map(|column| harmless(&column.name).into_owned()))?;
        for row in &table.rows {
            writer.write_record(row.iter().map(field))?;
        }
        writer.flush()
    }
}

fn field(value: &Value) -> String {
    match value {
        Value::Text(text) => harmless(text).into_owned(),
        other => layout::exact(other),
    }
}

/// The text, with what steers a screen written out and with an apostrophe before what a spreadsheet takes for a
/// formula. Wide forms count too: East Asian versions read them as the narrow ones.
fn harmless(value: &str) -> Cow<'_, str> {
    let formula = value
        .trim_start_matches(' ')
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let shown = text::visible(value);
    if formula { format!("'{shown}").into() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_get_an_apostrophe_and_other_text_none() {
        for (value, shown) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-", "'-"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\\u{9}=1"),
            ("\r=1", "'\\u{d}=1"),
            ("  =1", "'  =1"),
            ("＝1", "'＝1"),
            ("a=1", "a=1"),
            ("", ""),
            ("a\u{0}\u{202e}b", "a\\u{0}\\u{202e}b"),
        ] {
            assert_eq!(harmless(value), shown);
        }
    }
}
