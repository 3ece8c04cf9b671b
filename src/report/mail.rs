//! Reports as a digest for mail programs: one HTML document of tables, with a few rows of each report.
//!
//! Owns what such programs show and what they would do to the rest: no script, no drawing, no style sheet and nothing
//! to fetch; hardly a colour, so that both white and black can lie behind it; no line longer than mail may have, and in
//! all less than is shown of one. What is left out for that is said. Text is escaped by the templates, after
//! [`text::visible`]. Must not know the query engine.

use std::io::{self, Write};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::analysis::Answer;

use super::headline::{Headline, headlines};
use super::layout::Layout;
use super::{Page, Renderer, changes, text, verdicts, words};

mod table;

/// How many rows of a report are shown at most.
const MOST_ROWS: usize = 10;
/// How many bytes a digest may have: Gmail shows the first 102 kB of a mail.
const MOST_BYTES: usize = 98_000;
/// The longest sentence that is not cut.
const LONGEST: usize = 320;
/// How many reports are named that are left out.
const MOST_NAMES: usize = 40;

const SHARES: &str = "[low–high] is a share's 95\u{a0}% Wilson interval. A share is of what is known; of how many it is \
                      not known stands beside it.";

const FONT: &str = "font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:20px;text-align:left";
const RULE: &str = "border-top:1px solid #8a8a8a";
const TITLE: &str = "margin:24px 0 4px;font-size:18px;line-height:24px";
const QUIET: &str = "margin:4px 0;font-size:13px;line-height:18px";

/// One document for a mail's HTML part.
#[derive(Debug, Clone, Copy)]
pub struct Mail {
    /// How many rows of a report are shown at most.
    pub rows: usize,
}

impl Default for Mail {
    fn default() -> Self {
        Self { rows: MOST_ROWS }
    }
}

impl Renderer for Mail {
    fn extension(&self) -> &'static str {
        // Beside the page of the same report.
        "mail.html"
    }

    fn render(&self, page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
        let layouts: Vec<Layout> =
            page.answers.iter().map(|answer| Layout::digest(answer, self.rows)).collect();
        let reports: Vec<(&Answer, &Layout)> = page.answers.iter().zip(&layouts).collect();
        let headlines = headlines(reports.iter().copied());
        // What stands around the reports, with all of them named as left out: no digest has more of that.
        let around = document(page, &headlines, &[], self.rows, &reports).len();
        let fits =
            |sections: &[String]| around + sections.iter().map(String::len).sum::<usize>() <= MOST_BYTES;
        let sections = |rows: usize| -> Vec<String> {
            let section = |(answer, layout): &(&Answer, &Layout)| section(answer, layout, &headlines, rows);
            reports.iter().map(|report| section(report).into_string()).collect()
        };
        let mut rows = self.rows;
        let mut shown = sections(rows);
        while !fits(&shown) && rows > 1 {
            rows -= 1;
            shown = sections(rows);
        }
        while !fits(&shown) && shown.pop().is_some() {}
        let left_out = &reports[shown.len()..];
        out.write_all(document(page, &headlines, &shown, rows, left_out).as_bytes())
    }
}

fn document(
    page: &Page<'_>,
    headlines: &[Headline<'_>],
    sections: &[String],
    rows: usize,
    left_out: &[(&Answer, &Layout)],
) -> String {
    let stamp = words::stamp(page);
    let made = page.generated_at.strftime("%Y-%m-%d %H:%M");
    let parts = [stamp.range, stamp.length].into_iter().chain(stamp.compared);
    let parts: Vec<String> =
        parts.chain([stamp.newest, format!("made {made}"), words::ZONE.to_owned()]).collect();
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="supported-color-schemes" content="light dark";
                meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no";
                title { (words::HEADING) ", " (page.scope.range) }
            }
            body style="margin:0" {
                (NEWLINE)
                table role="presentation" width="100%" cellpadding="8" cellspacing="0" border="0" { tr { td align="center" {
                    table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0"
                        style={ "width:100%;max-width:600px;" (FONT) } { tr { td {
                        (NEWLINE)
                        h1 style="margin:8px 0 4px;font-size:22px;line-height:28px" { (words::HEADING) }
                        (quiet(&parts.join(" · ")))
                        @for warning in &stamp.warnings {
                            p style="margin:8px 0;padding:8px;border:2px solid #b3700f;font-weight:bold" { (prose(warning)) }
                            (NEWLINE)
                        }
                        (crossings(page))
                        (changed(page))
                        (table::headlines(headlines))
                        @if page.answers.iter().any(|answer| !answer.query.header.rates.is_empty()) { (quiet(SHARES)) }
                        @for meaning in &meanings(page) { (quiet(meaning)) }
                        @for section in sections { (PreEscaped(section)) }
                        hr style="margin:24px 0 8px;border:0;border-top:1px solid #8a8a8a";
                        p style=(QUIET) { (in_lines(&left_out_of_it(rows, left_out))) }
                    } } }
                } } }
            }
        }
    };
    document.into_string() + "\n"
}

/// One report: its question, its first rows or, of a series, its last.
fn section(answer: &Answer, layout: &Layout, headlines: &[Headline<'_>], rows: usize) -> Markup {
    let header = &answer.query.header;
    let told = headlines.iter().filter(|headline| std::ptr::eq(headline.layout, layout)).count();
    let facts = layout.facts.iter().map(|(label, figure)| format!("{label}: {}", figure.text));
    html! {
        h2 style=(TITLE) { (prose(&header.title)) }
        (NEWLINE)
        (quiet(&header.question))
        @for fact in facts { p style="margin:4px 0" { (prose(&fact)) } (NEWLINE) }
        @for sentence in &answer.said { p style="margin:4px 0" { (unlinked(&prose(sentence))) } (NEWLINE) }
        @if layout.rows.is_empty() {
            p style="margin:4px 0" { (words::NO_ROWS) }
        } @else if told == layout.rows.len() {
            p style="margin:4px 0" { "Its rates stand above." }
        } @else {
            (table::table(answer, layout, rows))
        }
        (NEWLINE)
        @for note in words::comparison(answer).iter().skip(1) { (quiet(note)) }
        @for sentence in words::trusted(answer) { (quiet(&sentence)) }
        @for note in words::incomplete_before(answer).iter().chain(header.notes.first()) { (quiet(note)) }
    }
}

/// What came of the thresholds, if there are any; those that were crossed or could not be told stand out.
fn crossings(page: &Page<'_>) -> Markup {
    html! {
        @if !page.verdicts.is_empty() {
            h2 style=(TITLE) { (verdicts::HEADING) }
            @for verdict in page.verdicts {
                @let words = unlinked(&prose(&verdicts::words(verdict)));
                p style="margin:4px 0" {
                    @if verdicts::is_remarkable(verdict) { b { (words) } } @else { (words) }
                }
                (NEWLINE)
            }
        }
    }
}

/// What changed since the earlier window, if there is one.
fn changed(page: &Page<'_>) -> Markup {
    html! {
        @if let Some(changes) = changes::changes(page) {
            h2 style=(TITLE) { (changes::HEADING) }
            @for sentence in &changes { p style="margin:4px 0" { (unlinked(&prose(sentence))) } (NEWLINE) }
        }
    }
}

/// What the marks of a comparison mean, once for all reports that say the same.
fn meanings(page: &Page<'_>) -> Vec<String> {
    let mut meanings: Vec<String> = Vec::new();
    for meaning in page.answers.iter().filter_map(|answer| words::comparison(answer).into_iter().next()) {
        if !meanings.contains(&meaning) {
            meanings.push(meaning);
        }
    }
    meanings
}

/// What a reader does not see here, and where it is.
fn left_out_of_it(rows: usize, left_out: &[(&Answer, &Layout)]) -> String {
    let names = left_out.iter().take(MOST_NAMES).map(|(answer, _)| answer.query.name.as_str());
    let mut names: Vec<String> = names.map(|name| text::cut(name, 40).into_owned()).collect();
    if left_out.len() > MOST_NAMES {
        names.push(format!("{} more", left_out.len() - MOST_NAMES));
    }
    let reports = if names.is_empty() {
        String::new()
    } else {
        format!(" For want of room these reports are left out: {}.", names.join(", "))
    };
    format!(
        "A digest, with at most {rows} rows of each report and the first of its notes.{reports} Charts, all notes and \
         how everything is counted are in --format html, all rows in --format json. Made by session-risk."
    )
}

/// Mail breaks a line off after 998 bytes: each of ours ends long before.
const NEWLINE: PreEscaped<&str> = PreEscaped("\n");

fn quiet(sentence: &str) -> Markup {
    html! { p style=(QUIET) { (prose(sentence)) } (NEWLINE) }
}

/// A sentence, cut where it is very long, in lines that mail can hold.
fn prose(sentence: &str) -> String {
    in_lines(&text::cut(&short(sentence, LONGEST), LONGEST))
}

fn in_lines(sentence: &str) -> String {
    const LINE: usize = 90;
    text::wrap(sentence, LINE).join("\n")
}

/// The text made harmless, of so many characters at most: those of no width are many in no width.
fn short(value: &str, most: usize) -> String {
    let visible = text::visible(value);
    match visible.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &visible[..end]),
        None => visible.into_owned(),
    }
}

/// A session's words, escaped. Mail programs make links of what looks like an address of the network: a space of no
/// width in it keeps them from that.
fn unlinked(words: &str) -> PreEscaped<String> {
    let escaped = html! { (words) }.into_string();
    let mut unlinked = String::with_capacity(escaped.len());
    let mut chars = escaped.chars().peekable();
    while let Some(c) = chars.next() {
        unlinked.push(c);
        let links = match c {
            '@' => true,
            ':' => chars.peek() == Some(&'/'),
            '.' => chars.peek().is_some_and(|next| next.is_alphabetic()),
            _ => false,
        };
        if links {
            unlinked.push_str("&#8203;");
        }
    }
    PreEscaped(unlinked)
}
