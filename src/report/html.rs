//! Reports as one HTML file that stands alone: nothing is fetched, nothing is run.
//!
//! Owns the page around the reports and its content policy, which allows this style sheet and nothing else. Text
//! is escaped by the templates, after [`text::visible`]. Must not know the query engine, nor how charts are drawn.

use std::io::{self, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::analysis::Answer;
use crate::analysis::threshold::Verdict;

use super::layout::Layout;
use super::{MOST_ROWS, Page, Renderer, changes, text, verdicts, words};

mod section;
mod table;
mod tiles;

const STYLE: &str = include_str!("html/style.css");

/// One HTML file.
#[derive(Debug, Clone, Copy)]
pub struct Html {
    /// How many rows of a ranking are shown at most.
    pub rows: usize,
}

impl Default for Html {
    fn default() -> Self {
        Self { rows: MOST_ROWS }
    }
}

/// A report on its way to the page.
struct Shown<'a> {
    answer: &'a Answer,
    layout: Layout,
    /// What ids on the page begin with.
    id: String,
}

impl Renderer for Html {
    fn extension(&self) -> &'static str {
        "html"
    }

    fn render(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
        let reports: Vec<Shown<'_>> =
            page.answers.iter().enumerate().map(|(at, answer)| Shown::new(at, answer, self.rows)).collect();
        let document = document(page, &reports).into_string();
        out.write_all(document.as_bytes())?;
        out.write_all(b"\n")
    }
}

impl<'a> Shown<'a> {
    fn new(at: usize, answer: &'a Answer, rows: usize) -> Self {
        Self { answer, layout: Layout::new(answer, rows), id: format!("report-{}", at + 1) }
    }
}

fn document(page: &Page<'_>, reports: &[Shown<'_>]) -> Markup {
    let stamp = words::stamp(page);
    let made = page.generated_at.strftime("%Y-%m-%d %H:%M");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (words::HEADING) ", " (stamp.range) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#figures" { "To the figures" }
                header {
                    h1 { (words::HEADING) }
                    ul.stamp {
                        li { strong { (stamp.range) } }
                        li { (stamp.length) }
                        @if let Some(compared) = &stamp.compared { li { (compared) } }
                        li { (stamp.newest) }
                        li { "made " (made) }
                        li { (words::ZONE) }
                    }
                    @if stamp.warnings.is_empty() {
                        p.sound { "Every day of the range is complete." }
                    } @else {
                        div.warning role="note" {
                            @for warning in &stamp.warnings { p { (text::visible(warning)) } }
                        }
                    }
                    (strip(page.verdicts))
                    @if reports.len() > 1 { (contents(reports)) }
                }
                main #figures {
                    (changed(page))
                    (tiles::tiles(reports))
                    @for report in reports { (section::section(page, report)) }
                }
                footer { p { "Made by session-risk. Figures for programs: " code { "--format json" } "." } }
            }
        }
    }
}

/// What came of the thresholds.
fn strip(verdicts: &[Verdict]) -> Markup {
    html! {
        @if !verdicts.is_empty() {
            section.thresholds aria-labelledby="thresholds" {
                h2 #thresholds { (verdicts::HEADING) }
                ul {
                    @for verdict in verdicts {
                        li class=[verdicts::is_remarkable(verdict).then_some("remarkable")] {
                            (text::visible(&verdicts::words(verdict)))
                        }
                    }
                }
            }
        }
    }
}

fn changed(page: &Page<'_>) -> Markup {
    html! {
        @if let Some(changes) = changes::changes(page) {
            section aria-labelledby="changes" {
                h2 #changes { (changes::HEADING) }
                ul.changes { @for sentence in &changes { li { (text::visible(sentence)) } } }
            }
        }
    }
}

fn contents(reports: &[Shown<'_>]) -> Markup {
    html! {
        nav aria-label="Reports" {
            ul {
                @for report in reports {
                    li { a href={ "#" (report.id) } { (text::visible(&report.answer.query.header.title)) } }
                }
            }
        }
    }
}

/// Nothing from anywhere, and of style only the one sheet, known by its hash.
fn policy() -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}
