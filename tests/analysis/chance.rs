use session_risk::analysis::compare::chance::{ALPHA, Counts, adjusted, two_proportions, two_sided};

fn p(hits: u64, trials: u64, other_hits: u64, other_trials: u64) -> Option<f64> {
    let counts = |hits, trials| Counts { hits, trials };
    two_proportions(counts(hits, trials), counts(other_hits, other_trials))
}

#[test]
fn the_p_value_is_that_of_published_worked_examples() {
    // B. Illowsky and S. Dean, "Collaborative Statistics", hypothesis testing of two proportions: 20 of 200 and 12 of
    // 200 adults with hives after medication A and B, two-tailed p-value 0.1404.
    assert!((p(20, 200, 12, 200).unwrap() - 0.1404).abs() < 5e-5);
    // A. Agresti, "An Introduction to Categorical Data Analysis" (2nd ed. 2007), table 2.3, heart attacks among
    // physicians: 189 of 11,034 with placebo and 104 of 11,037 with aspirin, X² = 25.01 with one degree of freedom.
    // The square of the pooled z is Pearson's X².
    let between = two_sided(25.015_f64.sqrt())..two_sided(25.005_f64.sqrt());
    assert!(between.contains(&p(189, 11_034, 104, 11_037).unwrap()));
}

#[test]
fn the_normal_distribution_is_that_of_the_tables() {
    // M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions" (1964), table 7.1, erf x.
    for (x, erf) in
        [(0.02, 0.022_564_574_7), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (1.5, 0.966_105_146_5)]
    {
        let ours = 1.0 - two_sided(x * std::f64::consts::SQRT_2);
        assert!((ours - erf).abs() < 5e-11, "{x}: {ours}");
    }
    // The quantiles that every book has.
    for (z, p) in
        [(1.959_963_984_540_054, 0.05), (2.575_829_303_548_901, 0.01), (3.290_526_731_491_926, 0.001)]
    {
        assert!((two_sided(z) - p).abs() < 1e-14, "{z}: {}", two_sided(z));
        assert_eq!(two_sided(z), two_sided(-z));
    }
    assert_eq!((two_sided(0.0), two_sided(60.0)), (1.0, 0.0));
}

/// Simpson's rule over the density, from |z| as far as a double has anything.
pub(crate) fn tail(z: f64) -> f64 {
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let steps = 40_000;
    let width = 14.0 / f64::from(steps);
    let at = |step: i32| density(z + f64::from(step) * width);
    let inner = |from: i32| (from..steps).step_by(2).map(at).sum::<f64>();
    2.0 * width / 3.0 * (at(0) + 4.0 * inner(1) + 2.0 * inner(2) + at(steps))
}

#[test]
fn the_p_value_is_that_of_pearsons_table_and_an_integral() {
    let mut random = fastrand::Rng::with_seed(6);
    let mut compared = 0;
    for _ in 0..300 {
        let trials = [random.u64(1..4000), random.u64(1..4000)];
        let rate = random.f64();
        let hits = trials.map(|trials| (0..trials).filter(|_| random.f64() < rate).count() as u64);
        let all = (trials[0] + trials[1]) as f64;
        let mut expected_least = f64::INFINITY;
        let mut chi_squared = 0.0;
        for (side, trials) in trials.into_iter().enumerate() {
            let misses = (trials - hits[side]) as f64;
            let all_hits = (hits[0] + hits[1]) as f64;
            for (observed, column) in [(hits[side] as f64, all_hits), (misses, all - all_hits)] {
                let expected = trials as f64 * column / all;
                expected_least = expected_least.min(expected);
                chi_squared += (observed - expected).powi(2) / expected;
            }
        }
        let ours = p(hits[0], trials[0], hits[1], trials[1]);
        // What lies on the limit itself may fall to either side by rounding.
        if (expected_least - 5.0).abs() > 1e-9 {
            assert_eq!(ours.is_some(), expected_least >= 5.0, "{hits:?} of {trials:?}");
        }
        if let Some(ours) = ours {
            let theirs = tail(chi_squared.sqrt());
            assert!((ours - theirs).abs() <= 1e-9 * theirs + 1e-15, "{ours} and {theirs}");
            assert_eq!(Some(ours), p(hits[1], trials[1], hits[0], trials[0]));
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared}");
}

#[test]
fn too_few_are_not_tested() {
    for (hits, trials, other_hits, other_trials) in [
        (0, 0, 0, 0),
        (0, 0, 500, 1000),
        (1, 1, 0, 1_000_000),
        (0, 5000, 0, 5000),
        (5000, 5000, 5000, 5000),
        (4, 1000, 5, 1000),
        (996, 1000, 995, 1000),
    ] {
        assert_eq!(p(hits, trials, other_hits, other_trials), None);
    }
    assert_eq!(p(5, 1000, 5, 1000), Some(1.0));
}

#[test]
fn the_adjusted_values_are_those_of_benjamini_and_hochberg_1995() {
    // Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", J. R. Statist. Soc. B 57 (1995), 289-300,
    // the example: 15 p-values of a trial of thrombolysis, of which the procedure rejects the four smallest at 0.05. The
    // adjusted values are those of scipy.stats.false_discovery_control, whose documentation has this example.
    let p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
        0.6528, 0.7590, 1.0,
    ];
    let expected = [
        0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.06385714, 0.06385714, 0.0645, 0.0765, 0.486, 0.58118182,
        0.714875, 0.75323077, 0.81321429, 1.0,
    ];
    let ours = adjusted(&p.map(Some));
    for (ours, expected) in ours.iter().zip(expected) {
        assert!((ours.unwrap() - expected).abs() < 5e-9, "{ours:?}, {expected}");
    }
    assert_eq!(ours.iter().filter(|p| p.unwrap() <= 0.05).count(), 4);
}

/// The lowest level at which the step-up procedure rejects a hypothesis, found by trying every level that matters.
pub(crate) fn naive_adjusted(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let known: Vec<f64> = values.iter().copied().flatten().collect();
    let rejects = |level: f64, value: f64| {
        let passes = |limit: f64| {
            let rank = known.iter().filter(|other| **other <= limit).count() as f64;
            limit * known.len() as f64 / rank <= level
        };
        known.iter().any(|limit| *limit >= value && passes(*limit))
    };
    let mut levels: Vec<f64> = Vec::new();
    for value in &known {
        let rank = known.iter().filter(|other| *other <= value).count() as f64;
        levels.push(value * known.len() as f64 / rank);
    }
    levels.sort_by(f64::total_cmp);
    let adjust = |value: f64| levels.iter().copied().find(|level| rejects(*level, value)).unwrap();
    values.iter().map(|value| value.map(adjust)).collect()
}

#[test]
fn the_adjusted_values_are_those_of_a_naive_reckoning_with_ties_and_gaps() {
    let mut random = fastrand::Rng::with_seed(60);
    for rows in (0..40).chain([120]) {
        let value =
            |random: &mut fastrand::Rng| (random.f64() > 0.2).then(|| (random.f64() * 50.0).floor() / 50.0);
        let values: Vec<Option<f64>> = (0..rows).map(|_| value(&mut random)).collect();
        assert_eq!(adjusted(&values), naive_adjusted(&values), "{values:?}");
    }
    assert_eq!(adjusted(&[None, Some(0.04), None]), [None, Some(0.04), None]);
}

#[test]
fn where_nothing_changed_few_are_called_more_than_chance() {
    let mut random = fastrand::Rng::with_seed(1995);
    let mut draw = || (0..400).filter(|_| random.f64() < 0.1).count() as u64;
    let families = 400;
    let (mut single, mut named) = (0, 0);
    for _ in 0..families {
        let values: Vec<Option<f64>> = (0..20).map(|_| p(draw(), 400, draw(), 400)).collect();
        single += values.iter().filter(|p| p.unwrap() < ALPHA).count();
        named += usize::from(adjusted(&values).iter().any(|p| p.unwrap() < ALPHA));
    }
    // One in twenty by itself, and one family of twenty in twenty after the correction.
    let share = single as f64 / f64::from(families * 20);
    assert!((0.04..0.06).contains(&share), "{share}");
    assert!((8..=36).contains(&named), "{named} of {families}");
}
