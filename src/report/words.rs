//! The sentences that the formats for people have in common: the stamp of a page and what stands below a table.
//!
//! Says them once, so that every format says the same. They are not yet escaped for any of them. Must not know
//! how a format sets them.

use jiff::civil::Date;

use crate::analysis::header::{MIN_SESSIONS, Rate};
use crate::analysis::trusted::{LeftOut, Network};
use crate::analysis::{Answer, Scope};
use crate::range::DayRange;

use super::layout::compared::{FELL, ROSE, UNTESTED};
use super::layout::{Layout, Role};
use super::{Page, text};

/// What stands above every page.
pub const HEADING: &str = "Session risk";
/// In which zone every moment is shown.
pub const ZONE: &str = "all times UTC";
/// What stands in the place of a table without rows.
pub const NO_ROWS: &str = "No rows.";

/// How many labels of trusted networks a sentence names.
const MOST_LABELS: usize = 8;

/// What a page says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The days, first and last.
    pub range: String,
    /// How many days these are.
    pub length: String,
    /// When the newest session was created.
    pub newest: String,
    /// With which days these are compared, if they are.
    pub compared: Option<String>,
    /// What makes the figures less than they seem, a sentence each.
    pub warnings: Vec<String>,
}

/// The page's stamp.
pub fn stamp(page: &Page<'_>) -> Stamp {
    let scope = page.scope;
    let days = scope.range.len();
    let length = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    let newest = scope.newest.map_or_else(
        || "no session yet".to_owned(),
        |moment| format!("newest session {}", moment.strftime("%Y-%m-%d %H:%M")),
    );
    let compared = page.earlier.map(|earlier| format!("compared with {}", earlier.range));
    let warnings = incomplete(scope).into_iter().chain(scope.notes.iter().cloned());
    let warnings = warnings.chain(page.earlier.and_then(earlier_incomplete)).collect();
    let range = format!("{} to {}", scope.range.since(), scope.range.until());
    Stamp { range, length, newest, compared, warnings }
}

/// Which days of the range are missing or still open, if any are.
pub fn incomplete(scope: &Scope) -> Option<String> {
    match &scope.missing[..] {
        [] if scope.complete => None,
        [] => Some("Incomplete: not every day of the range is whole yet.".to_owned()),
        missing => Some(format!("Incomplete: {}.", missing_days(missing, scope.range))),
    }
}

/// Which days of the earlier window are missing or still open, if any are.
pub fn earlier_incomplete(earlier: &Scope) -> Option<String> {
    let range = earlier.range;
    match &earlier.missing[..] {
        [] => None,
        missing if missing.len() >= range.len() => {
            Some(format!("Nothing is compared: the lake has no complete day from {range}."))
        }
        missing => {
            Some(format!("Compared with less than {range}: {}, and left out.", missing_days(missing, range)))
        }
    }
}

fn missing_days(missing: &[Date], range: DayRange) -> String {
    let days = range.len();
    let noun = if days == 1 { "day" } else { "days" };
    format!("{} of {days} {noun} missing or still open: {}", missing.len(), text::spans(missing))
}

/// With what the figures were compared and what the marks mean; none where nothing was.
pub fn comparison(answer: &Answer) -> Vec<String> {
    let Some(compared) = &answer.compared else { return Vec::new() };
    let range = compared.range;
    let meaning = if answer.query.header.rates.is_empty() {
        format!(
            "State tells new rows, those of {range} that are gone, and those that are in both; n/a where the lake cannot tell."
        )
    } else {
        format!(
            "Before is the share from {range}, and the change is in percentage points. {ROSE} and {FELL} are more than \
             chance: p under 0.05 in a test of two proportions, after Benjamini and Hochberg over the rows. \
             {UNTESTED} rests on too few sessions to tell."
        )
    };
    std::iter::once(meaning).chain(compared.notes.iter().cloned()).collect()
}

/// Which of the days before the range that a report looks back to are missing or still open, if any are.
pub fn incomplete_before(answer: &Answer) -> Option<String> {
    let (days, missing) = (answer.query.header.days_before(), &answer.missing_before);
    (!missing.is_empty()).then(|| {
        let of = if days == 1 { "day" } else { "days" };
        let are = if missing.len() == 1 { "is" } else { "are" };
        format!(
            "Of the {days} {of} before the range {} {are} missing or still open: {}.",
            missing.len(),
            text::spans(missing)
        )
    })
}

/// What the answer does not count as its network is trusted, and which networks are so no more; nothing where the
/// report leaves none out.
pub fn trusted(answer: &Answer) -> Vec<String> {
    let earlier = answer.compared.as_ref().and_then(|compared| compared.left_out.as_ref());
    left_out(answer.left_out.as_ref(), earlier)
}

/// How many sessions of a window and of an earlier one are left out, from where, and what is not left out any more.
pub fn left_out(here: Option<&LeftOut>, earlier: Option<&LeftOut>) -> Vec<String> {
    let Some(here) = here else { return Vec::new() };
    let earlier = earlier.map_or(0, LeftOut::sessions);
    let mut sentences = Vec::new();
    if !here.networks.is_empty() || earlier > 0 {
        let networks = here.networks.len();
        let noun = if networks == 1 { "network" } else { "networks" };
        let by_label = by_label(&here.networks);
        let by_label = if by_label.is_empty() { by_label } else { format!(" ({by_label})") };
        let sessions = text::count(here.sessions());
        let mut sentence = format!(
            "Left out: {sessions} of the range's sessions, from {networks} trusted {noun}{by_label}."
        );
        if earlier > 0 {
            sentence.push_str(&format!(" Of the earlier window's: {}.", text::count(earlier)));
        }
        sentences.push(sentence);
    }
    let last_day = |network: &Network| Some(format!("{} after {}", network.label(), network.expires()?));
    let expired: Vec<String> = here.expired.iter().filter_map(last_day).collect();
    if !expired.is_empty() {
        sentences
            .push(format!("No longer trusted, so that their sessions count again: {}.", expired.join(", ")));
    }
    sentences
}

/// How many sessions are left out for each label, the most first.
fn by_label(networks: &[(Network, i64)]) -> String {
    let mut labels: Vec<(&str, i64)> = Vec::new();
    for (network, sessions) in networks {
        match labels.iter_mut().find(|(label, _)| *label == network.label()) {
            Some((_, sum)) => *sum += sessions,
            None => labels.push((network.label(), *sessions)),
        }
    }
    labels.retain(|(_, sessions)| *sessions > 0);
    labels.sort_by_key(|(_, sessions)| std::cmp::Reverse(*sessions));
    let others: i64 = labels.iter().skip(MOST_LABELS).map(|(_, sessions)| sessions).sum();
    let others = (others > 0).then(|| format!("others {}", text::count(others)));
    let named = labels.iter().take(MOST_LABELS);
    let named = named.map(|(label, sessions)| format!("{label} {}", text::count(*sessions)));
    named.chain(others).collect::<Vec<_>>().join(", ")
}

/// All that a program's reader must know of a report. It may be passed on alone, so each carries what is true of the
/// whole range.
pub fn notes(page: &Page<'_>, answer: &Answer) -> Vec<String> {
    let earlier = page.earlier.and_then(earlier_incomplete);
    let notes = incomplete(page.scope).into_iter().chain(page.scope.notes.iter().cloned()).chain(earlier);
    let notes =
        notes.chain(incomplete_before(answer)).chain(trusted(answer)).chain(answer.said.iter().cloned());
    notes.chain(comparison(answer)).chain(answer.query.header.notes.iter().cloned()).collect()
}

/// That rows were left out, if any were.
pub fn cut(shown: usize, all: usize) -> Option<String> {
    (shown < all).then(|| format!("{shown} of {} rows; --format json has them all.", text::count(all as i64)))
}

/// What stands before the command that lists the sessions behind the first row.
pub const FIRST_ROW: &str = "The sessions behind the first row:";
/// What stands in its place where a line cannot hold it.
pub const LONG_COMMAND: &str =
    "The command for the sessions behind a row is too long for this width; --format json has it.";

/// What the mark of small rows means, if one of the rows that are shown bears it.
pub fn small(answer: &Answer, layout: &Layout) -> Option<String> {
    let parameter = answer.query.header.parameter(MIN_SESSIONS)?;
    let least = answer.min_sessions()?;
    let marked = layout.rows.iter().any(|row| row.small);
    marked.then(|| format!("{MIN_SESSIONS} = {}: {}.", text::count(least), parameter.text))
}

/// Of what the shares are, and what the brackets hold; none without rates.
pub fn shares(answer: &Answer, layout: &Layout) -> Option<&'static str> {
    let of_known = layout.columns.iter().any(|column| column.role == Role::Unknown);
    let words = if of_known {
        "Shares are of the sessions where the signal is known; [low–high] is the 95\u{a0}% Wilson interval."
    } else {
        "[low–high] is the share's 95\u{a0}% Wilson interval."
    };
    (!answer.query.header.rates.is_empty()).then_some(words)
}

/// What a rate counts, by the names of the columns.
pub fn definition(rate: &Rate) -> String {
    let Rate { numerator, denominator, total, .. } = rate;
    if denominator == total {
        return format!("{numerator} / {denominator}");
    }
    format!("{numerator} / {denominator}, of {total}; unknown is {total} − {denominator}")
}
