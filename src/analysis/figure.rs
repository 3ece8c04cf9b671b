//! Figures as people write them: the same in a step's sentences and in every format of a report.
//!
//! Must not know what is counted.

/// A whole number with thousands apart: `12,345`.
pub fn count(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    if value < 0 { format!("-{shown}") } else { shown }
}

/// A share as a percentage with one decimal: `6.5 %`. A share that is not 0 or 1 is never shown as if it were.
pub fn percent(share: f64) -> String {
    format!("{} %", bare_percent(share))
}

/// The same without its sign.
pub fn bare_percent(share: f64) -> String {
    if share > 0.0 && share < 0.000_5 {
        "<0.1".to_owned()
    } else if (0.999_5..1.0).contains(&share) {
        ">99.9".to_owned()
    } else {
        format!("{:.1}", share * 100.0)
    }
}
