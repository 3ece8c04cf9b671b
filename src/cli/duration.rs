//! Durations as people write them: `5ms`, `60s`, `10m`, `2h`.
//!
//! Owns that notation; it knows no setting that uses it.

use std::time::Duration;

/// Text that is not a duration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum DurationError {
    /// No number, no unit, or something else.
    #[error("`{text}` is not a duration; write a whole number and a unit: 5ms, 60s, 10m, 2h")]
    Shape {
        /// What was given.
        text: String,
    },
    /// More than can be counted.
    #[error("`{text}` is too long a duration")]
    TooLong {
        /// What was given.
        text: String,
    },
}

/// Reads a duration such as `60s`.
///
/// # Errors
/// [`DurationError`] if the text is anything but a whole number and one of `ms`, `s`, `m`, `h`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let shape = || DurationError::Shape { text: text.to_owned() };
    let trimmed = text.trim();
    let unit_at = trimmed.find(|char: char| !char.is_ascii_digit()).ok_or_else(shape)?;
    let (number, unit) = trimmed.split_at(unit_at);
    if number.is_empty() {
        return Err(shape());
    }
    let milliseconds = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(shape()),
    };
    // Only digits are left, so the one thing that can go wrong is their number.
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds))
        .map(Duration::from_millis)
        .ok_or_else(|| DurationError::TooLong { text: text.to_owned() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_read() {
        for (text, milliseconds) in
            [("5ms", 5), ("60s", 60_000), ("10m", 600_000), ("2h", 7_200_000), ("0s", 0)]
        {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_millis(milliseconds), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in ["", "60", "s", "1.5s", "-1s", "1d", "five minutes", "1h30m", "5 MS"] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains("60s"), "{text}: {error}");
        }
        assert!(matches!(parse_duration("99999999999999999999h"), Err(DurationError::TooLong { .. })));
        assert!(matches!(parse_duration("9999999999999999h"), Err(DurationError::TooLong { .. })));
    }
}
