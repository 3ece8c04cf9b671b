//! The middle of a few values and how far they stray from it, so that one that is quite wrong moves neither.
//!
//! Must not know what the values are.

/// By what a median absolute deviation is divided to be as large as the standard deviation, were the values normally
/// distributed: that distribution's upper quartile.
pub(super) const NORMAL: f64 = 0.6745;

/// The median: the value in the middle, or the mean of the two there. None for no value.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut ordered = values.to_vec();
    ordered.sort_by(f64::total_cmp);
    let middle = ordered.len() / 2;
    let upper = *ordered.get(middle)?;
    Some(if ordered.len().is_multiple_of(2) { f64::midpoint(ordered[middle - 1], upper) } else { upper })
}

/// The MAD: the median of the values' distances from a middle. None for no value.
pub(super) fn deviation(values: &[f64], middle: f64) -> Option<f64> {
    median(&values.iter().map(|value| (value - middle).abs()).collect::<Vec<_>>())
}

/// The modified z-score: how many standard deviations a value lies from the median, told by the MAD. Its authors call a
/// value beyond 3.5 an outlier (B. Iglewicz and D. C. Hoaglin, "How to detect and handle outliers", ASQC, 1993).
pub(super) fn modified_z(value: f64, median: f64, mad: f64) -> f64 {
    NORMAL * (value - median) / mad
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wikipedia, "Median absolute deviation", the worked example.
    #[test]
    fn the_published_worked_example_comes_out() {
        let values = [1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0];
        assert_eq!(median(&values), Some(2.0));
        assert_eq!(deviation(&values, 2.0), Some(1.0));
        // 0.6745 × (9 − 2) / 1: an outlier. That of 6 is 2.698, and is none.
        assert!((modified_z(9.0, 2.0, 1.0) - 4.7215).abs() < 1e-12);
        assert!((modified_z(6.0, 2.0, 1.0) - 2.698).abs() < 1e-12);
    }

    #[test]
    fn of_an_even_number_the_middle_is_between_two_and_one_wild_value_moves_nothing() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[4.0, 1.0, 3e9, 2.0]), Some(3.0));
        assert_eq!(deviation(&[4.0, 1.0, 3e9, 2.0], 3.0), Some(1.5));
        assert_eq!((median(&[7.0]), median(&[]), deviation(&[], 0.0)), (Some(7.0), None, None));
    }
}
