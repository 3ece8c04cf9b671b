//! Text that people read: hostile values made harmless, figures in their usual form, lines of a width.
//!
//! [`visible`] is the first step of every format that a person's screen interprets; formats with characters of
//! their own (HTML, Markdown, CSV) escape those afterwards. Must not know tables or terminals.

use std::borrow::Cow;

use jiff::ToSpan;
use jiff::civil::Date;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::analysis::figure::bare_percent;
pub use crate::analysis::figure::{count, percent};

/// The value with every character that steers a screen written out as `\u{…}`: control characters (and with them
/// escape sequences), marks that reorder text, and characters that cannot be seen.
pub fn visible(value: &str) -> Cow<'_, str> {
    if !value.contains(steers) {
        return Cow::Borrowed(value);
    }
    let mut shown = String::with_capacity(value.len() + 16);
    for c in value.chars() {
        if steers(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character does something to a screen other than being seen on it. The joiners U+200C and U+200D are
/// left: scripts and emoji need them.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}'       // marks, the zero-width space
            | '\u{2028}'..='\u{202e}'                              // line ends, embeddings, overrides
            | '\u{2060}'..='\u{206f}'                              // invisible operators, isolates
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'                 // byte order mark, annotations
            | '\u{e0000}'..='\u{e007f}') // tags
}

/// How many columns of a terminal the text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text cut to a width, with `…` where it was cut.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if width(text) <= most {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > most {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    Cow::Owned(kept)
}

/// The text in lines of at most that width, broken at spaces where there are any.
pub fn wrap(text: &str, most: usize) -> Vec<String> {
    let parts: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    fill(&parts, " ", most)
}

/// The parts in lines of at most that width; a part is only broken if it is wider than a line by itself.
pub fn fill(parts: &[&str], separator: &str, most: usize) -> Vec<String> {
    let most = most.max(1);
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if width(line) + width(separator) + width(part) <= most => {
                line.push_str(separator);
                line.push_str(part);
            }
            _ if width(part) <= most => lines.push((*part).to_owned()),
            _ if part.contains(' ') => lines.extend(wrap(part, most)),
            _ => lines.extend(broken(part, most)),
        }
    }
    lines
}

fn broken(word: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for c in word.chars() {
        match lines.last_mut() {
            Some(line) if line.is_empty() || width(line) + c.width().unwrap_or(0) <= most => line.push(c),
            _ => lines.push(c.to_string()),
        }
    }
    lines
}

/// Rows as lines of aligned columns; those from `figures_from` on are figures, aligned at their end.
pub fn columns(rows: &[Vec<String>], figures_from: usize) -> Vec<String> {
    let most = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..most).map(widest).collect();
    let line = |row: &Vec<String>| {
        let cell = |(at, cell): (usize, &String)| {
            let gap = " ".repeat(widths[at] - width(cell));
            if at < figures_from { format!("{cell}{gap}") } else { format!("{gap}{cell}") }
        };
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Days in words, neighbours drawn together, at most four spans of them.
pub fn spans(days: &[Date]) -> String {
    let mut spans: Vec<(Date, Date)> = Vec::new();
    for day in days {
        match spans.last_mut() {
            Some((_, last)) if last.checked_add(1.day()).is_ok_and(|next| next == *day) => *last = *day,
            _ => spans.push((*day, *day)),
        }
    }
    const MOST: usize = 4;
    let span = |(first, last): &(Date, Date)| {
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    };
    let mut words: Vec<String> = spans.iter().take(MOST).map(span).collect();
    if spans.len() > MOST {
        words.push(format!("and {} more gaps", spans.len() - MOST));
    }
    words.join(", ")
}

/// A number that is no count: with two decimals, but whole where it is large and no fraction matters.
pub fn number(value: f64) -> String {
    if (100.0..1e15).contains(&value.abs()) {
        return count(value.round() as i64);
    }
    format!("{value:.2}")
}

/// An interval of shares in percent: `[5.8–7.3]`.
pub fn interval(low: f64, high: f64) -> String {
    format!("[{}–{}]", bare_percent(low), bare_percent(high))
}

/// A column's name in words, to stand first: `vpn_rate` is `VPN rate`, `high_rate` is `High rate`.
pub fn label(name: &str) -> String {
    let words = words(name);
    // A unit is written small wherever it stands.
    if ["km", "km/h"].contains(&words.as_str()) {
        return words;
    }
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A column's name in words, to stand inside a phrase: `high_rate` is `high rate`.
pub fn words(name: &str) -> String {
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}

fn word(word: &str) -> String {
    match word {
        "vpn" | "ip" | "os" | "gps" | "id" | "sdk" | "isp" => word.to_uppercase(),
        "tor" => "Tor".to_owned(),
        "kmh" => "km/h".to_owned(),
        other => visible(other).into_owned(),
    }
}
