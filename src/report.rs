//! Reports: answers of the analysis as pages for people and for other programs.
//!
//! Owns how figures look. One trait, [`Renderer`], for every format; those for people share the cells of
//! [`layout`], the sentences of [`words`] and the escaping of [`text`]. Must not know which engine answered, nor
//! where the page goes.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::analysis::threshold::Verdict;
use crate::analysis::{Answer, Scope};

pub mod changes;
pub mod chart;
pub mod command;
pub mod csv;
pub mod explanation;
pub mod headline;
pub mod html;
pub mod json;
pub mod layout;
pub mod listing;
pub mod mail;
pub mod markdown;
pub mod parquet;
pub mod terminal;
pub mod text;
pub mod verdicts;
pub mod words;

/// How many rows of a ranking people are shown.
pub const MOST_ROWS: usize = 20;

/// What is shown together: answers over one range.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// When the page was made.
    pub generated_at: Timestamp,
    /// What was read, and how complete that is.
    pub scope: &'a Scope,
    /// What it was compared with, if it was.
    pub earlier: Option<&'a Scope>,
    /// The reports, in order.
    pub answers: &'a [Answer],
    /// What came of the thresholds on them.
    pub verdicts: &'a [Verdict],
    /// The flags by which the command line reads the same lake and catalogue, one word each.
    pub sources: &'a [String],
    /// The flags by which it trusts the same networks.
    pub trust: &'a [String],
}

/// A format.
pub trait Renderer {
    /// The ending of a file in this format, without the dot.
    fn extension(&self) -> &'static str;

    /// Whether a page can hold more than one report.
    fn holds_several(&self) -> bool {
        true
    }

    /// Whether a page is text, which a screen can show.
    fn is_text(&self) -> bool {
        true
    }

    /// Writes the page.
    ///
    /// # Errors
    /// Whatever `out` answers.
    fn render(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()>;
}
