//! Whether two shares differ by more than chance: a test of two proportions, corrected for the number of rows.
//!
//! Pure arithmetic. Must not know tables, keys or windows.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Under this many expected cases the normal approximation says nothing (W. G. Cochran, "Some methods for
/// strengthening the common χ² tests", Biometrics 10, 1954).
pub const LEAST_EXPECTED: f64 = 5.0;

/// Adjusted p-values below this are more than chance.
pub const ALPHA: f64 = 0.05;

/// What was counted on one side: hits among trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// What is so.
    pub hits: u64,
    /// What was assessed; at least as many.
    pub trials: u64,
}

/// The two-sided p-value of the z-test of two proportions with the pooled share: how often two samples of one
/// population would differ as much. None where one of the four cells is expected to hold fewer than
/// [`LEAST_EXPECTED`], and so always where all or none are hits.
pub fn two_proportions(one: Counts, other: Counts) -> Option<f64> {
    // Counts stay far below 2^53.
    let [hits, trials, other_hits, other_trials] =
        [one.hits, one.trials, other.hits, other.trials].map(|count| count as f64);
    let (all_hits, all) = (hits + other_hits, trials + other_trials);
    let least_expected = all_hits.min(all - all_hits) * trials.min(other_trials) / all;
    // Where nothing was assessed it is no number.
    if least_expected.is_nan() || least_expected < LEAST_EXPECTED {
        return None;
    }
    let pooled = all_hits / all;
    let error = (pooled * (1.0 - pooled) * (1.0 / trials + 1.0 / other_trials)).sqrt();
    let z = (hits / trials - other_hits / other_trials) / error;
    Some(two_sided(z))
}

/// The p-values with their false discovery rate controlled over all that are there (Y. Benjamini and Y. Hochberg,
/// "Controlling the false discovery rate", J. R. Statist. Soc. B 57, 1995), in the order given: each is the lowest
/// rate at which its row would count as a discovery.
pub fn adjusted(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut known: Vec<(usize, f64)> =
        values.iter().enumerate().filter_map(|(at, value)| value.map(|value| (at, value))).collect();
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    let all = known.len() as f64;
    let mut adjusted = vec![None; values.len()];
    let mut least = 1.0_f64;
    for (rank, (at, value)) in known.into_iter().enumerate().rev() {
        least = least.min(value * all / (rank + 1) as f64);
        adjusted[at] = Some(least);
    }
    adjusted
}

/// How likely a standard normal variable lies at least as far from 0 as this.
pub fn two_sided(z: f64) -> f64 {
    complementary_error(z.abs() * FRAC_1_SQRT_2)
}

/// erfc(x) for x ≥ 0, to about 13 digits: 1 less the series, in which nothing cancels, or the continued fraction
/// where it converges fast (M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 7.1.6 and 7.1.14).
fn complementary_error(x: f64) -> f64 {
    let bell = (-x * x).exp() / PI.sqrt();
    if x < 2.0 {
        let (mut term, mut sum, mut odd) = (x, x, 1.0);
        while term > sum * f64::EPSILON / 4.0 {
            odd += 2.0;
            term *= 2.0 * x * x / odd;
            sum += term;
        }
        return 1.0 - 2.0 * bell * sum;
    }
    bell / (1..=60).rev().fold(x, |rest, step| x + f64::from(step) / 2.0 / rest)
}
