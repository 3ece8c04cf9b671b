//! Counts of things in a sentence: `1 session`, `12,345 sessions`.

use indicatif::HumanCount;

/// So many of a thing; the noun is one whose plural takes an s.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", HumanCount(number))
}
