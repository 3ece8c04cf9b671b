//! Quantiles of counted values, by nearest rank.
//!
//! The p-th percentile of n values is the one at the place ⌈p·n / 100⌉ in their order: the smallest value that at
//! least p percent of the values do not exceed (type 1 of R. J. Hyndman and Y. Fan, "Sample quantiles in statistical
//! packages", The American Statistician 50, 1996). It is always one of the values, never one between two of them.

/// The percentile of values that each stand for a count of equal ones. They must be in order; none for no value.
///
/// `percent` is above 0 and at most 100.
pub(super) fn nearest_rank<T: Copy>(ordered: &[(T, i64)], percent: i64) -> Option<T> {
    let all: i128 = ordered.iter().map(|(_, count)| i128::from(*count)).sum();
    // Rounded up: neither is below zero.
    let rank = (all * i128::from(percent) + 99) / 100;
    let mut passed = 0;
    let reaches = |(_, count): &&(T, i64)| {
        passed += i128::from(*count);
        *count > 0 && passed >= rank
    };
    ordered.iter().find(reaches).map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[i64], percent: i64) -> Option<i64> {
        let counted: Vec<(i64, i64)> = values.iter().map(|value| (*value, 1)).collect();
        nearest_rank(&counted, percent)
    }

    /// Wikipedia, "Percentile", the worked examples of the nearest-rank method.
    #[test]
    fn the_published_worked_examples_come_out() {
        let five = [15, 20, 35, 40, 50];
        let told = [(5, 15), (30, 20), (40, 20), (50, 35), (100, 50)];
        assert_eq!(told.map(|(percent, _)| of(&five, percent)), told.map(|(_, value)| Some(value)));
        let ten = [3, 6, 7, 8, 8, 10, 13, 15, 16, 20];
        let told = [(25, 7), (50, 8), (75, 15), (100, 20)];
        assert_eq!(told.map(|(percent, _)| of(&ten, percent)), told.map(|(_, value)| Some(value)));
        let eleven = [3, 6, 7, 8, 8, 9, 10, 13, 15, 16, 20];
        let told = [(25, 7), (50, 9), (75, 15), (100, 20)];
        assert_eq!(told.map(|(percent, _)| of(&eleven, percent)), told.map(|(_, value)| Some(value)));
    }

    #[test]
    fn no_value_has_no_quantile_and_a_count_of_none_is_no_value() {
        assert_eq!(of(&[], 50), None);
        assert_eq!(nearest_rank(&[(7, 0)], 50), None);
        assert_eq!(nearest_rank(&[(1, 0), (7, 1), (9, 0)], 100), Some(7));
        assert_eq!(of(&[4], 1), Some(4));
    }

    #[test]
    fn counted_values_are_as_if_each_was_written_out() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..500 {
            let mut values: Vec<i64> = (0..random.usize(1..60)).map(|_| random.i64(-5..20)).collect();
            values.sort_unstable();
            let counted: Vec<(i64, i64)> =
                values.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as i64)).collect();
            let percent = random.i64(1..=100);
            // The definition itself: the smallest value that enough of them do not exceed.
            let enough = |value: &&i64| {
                let not_above = values.iter().filter(|other| other <= value).count();
                not_above as i64 * 100 >= percent * values.len() as i64
            };
            assert_eq!(nearest_rank(&counted, percent), values.iter().find(enough).copied());
        }
    }
}
