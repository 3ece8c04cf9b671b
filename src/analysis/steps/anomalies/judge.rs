//! How far a figure of a day is from what is usual on its weekday.
//!
//! Usual is the median of the same weekday in the weeks before. What is far is told by the modified z-score
//! ([`modified_z`]), with a MAD that is no smaller than chance alone would make it. Must not know how a day is told.
//!
//! The MAD of eight days is small by luck now and then, and would call the ninth exceptional. So it is at least what the
//! noise of counting makes it: the square root of a count, and of a share the binomial standard error. Where the figure
//! strays more than that from day to day, the noise is taken as many times as it does, over the days of all weekdays.

use std::array;
use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::PI;

use jiff::civil::Date;

use super::before;
use crate::analysis::steps::robust::{NORMAL, deviation, median, modified_z};

/// The days of a week.
const WEEK: i64 = 7;

/// What is exceptional.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Over how many weeks before a day it is compared.
    pub(super) weeks: i64,
    /// How many of them must tell of the figure.
    pub(super) min_weeks: usize,
    /// The smallest count, and the fewest sessions of a share.
    pub(super) min_sessions: i64,
    /// From which score on.
    pub(super) min_score: f64,
    /// From how many percent of what is usual on.
    pub(super) min_change: f64,
}

/// A figure, day by day: a count, and of a share also of how many.
#[derive(Debug, Default)]
pub(super) struct Series {
    days: BTreeMap<Date, (i64, i64)>,
    is_share: bool,
    /// The most that was counted on a day.
    largest: i64,
}

/// A figure on one day.
#[derive(Debug, Clone, Copy)]
struct Reading {
    value: f64,
    /// Of how many it is a share; none for a count.
    of: Option<f64>,
}

/// A day beside those of its weekday before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judged {
    /// The day's own figure.
    pub(super) value: f64,
    /// The median of the others.
    pub(super) usual: f64,
    /// The smallest and the largest value that are not exceptional.
    pub(super) low: f64,
    pub(super) high: f64,
    /// How far it is from what is usual, below zero if it is less.
    pub(super) score: f64,
    /// How many days it was compared with.
    pub(super) weeks: usize,
}

impl Judged {
    pub(super) fn is_exceptional(&self) -> bool {
        self.value < self.low || self.value > self.high
    }
}

impl Series {
    pub(super) fn add(&mut self, day: Date, counted: i64, assessed: Option<i64>) {
        self.is_share = assessed.is_some();
        let (of_day, of) = self.days.entry(day).or_default();
        *of_day += counted;
        self.largest = self.largest.max(*of_day);
        *of += assessed.unwrap_or(0);
    }

    /// The days of which a row tells.
    pub(super) fn days(&self) -> impl Iterator<Item = Date> {
        self.days.keys().copied()
    }
}

impl Reading {
    /// The standard deviation that counting alone gives it, where so much is usual. That of the larger of both, since a
    /// small one hardly tells its own; and never that of nothing, which would be none at all.
    fn noise(&self, usual: f64) -> f64 {
        match self.of {
            None => self.value.max(usual).max(1.0).sqrt(),
            Some(of) => (variance(self.value).max(variance(usual)).max(1.0 / of) / of).sqrt(),
        }
    }

    /// The lowest and the highest value that would be within so many times its noise of what is usual.
    fn within(&self, usual: f64, times: f64) -> (f64, f64) {
        let Some(of) = self.of else {
            // Upwards the noise is the value's own: x − usual = times · √x.
            let high = usual + times * (times / 2.0 + (usual + times * times / 4.0).sqrt());
            return (usual - times * usual.max(1.0).sqrt(), high.max(usual + times));
        };
        // Towards a half the noise is the value's own, too: (x − usual)² = a · x (1 − x), as in Wilson's interval.
        let a = times * times / of;
        let centre = (usual + a / 2.0) / (1.0 + a);
        let half = (a * (variance(usual) + a / 4.0)).sqrt() / (1.0 + a);
        let fixed = times * (variance(usual).max(1.0 / of) / of).sqrt();
        ((centre - half).min(usual - fixed), (centre + half).max(usual + fixed))
    }
}

fn variance(share: f64) -> f64 {
    share * (1.0 - share)
}

/// Judges days by the rules.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) rules: Rules,
    /// The days of which all is known.
    pub(super) known: BTreeSet<Date>,
}

impl Judge {
    /// Whether enough days before it are known.
    pub(super) fn can_tell(&self, day: Date) -> bool {
        let weeks = (1..=self.rules.weeks).filter(|week| self.known.contains(&before(day, week * WEEK)));
        self.known.contains(&day) && weeks.count() >= self.rules.min_weeks
    }

    /// The day beside what is usual; none where too little is known, or the figure is too small.
    pub(super) fn judge(&self, series: &Series, day: Date) -> Option<Judged> {
        let least = self.rules.min_sessions;
        // Most countries are small on every day.
        if !series.is_share && series.largest < least {
            return None;
        }
        let here = self.reading(series, day)?;
        // The day's own weekday in the weeks before, then the six days after each of them.
        let weekdays: [Vec<Reading>; 7] = array::from_fn(|later| {
            let back = |week: i64| week * WEEK - later as i64;
            (1..=self.rules.weeks).filter_map(|week| self.reading(series, before(day, back(week)))).collect()
        });
        let own = values(&weekdays[0]);
        let usual = median(&own).filter(|_| own.len() >= self.rules.min_weeks)?;
        if here.of.is_none() && here.value.max(usual) < least as f64 {
            return None;
        }
        let deviation = deviation(&own, usual)?;
        let (restlessness, uncertainty) = (self.restlessness(&weekdays), uncertainty(own.len()));
        let mad = deviation.max(NORMAL * restlessness * here.noise(usual)) * uncertainty;
        let times = self.rules.min_score * uncertainty;
        let (low, high) = here.within(usual, times * restlessness);
        let least = (times * deviation / NORMAL).max(self.rules.min_change * usual / 100.0);
        let most = if here.of.is_some() { 1.0 } else { f64::INFINITY };
        Some(Judged {
            value: here.value,
            usual,
            low: low.min(usual - least).max(0.0),
            high: high.max(usual + least).min(most),
            score: modified_z(here.value, usual, mad),
            weeks: own.len(),
        })
    }

    /// The figure on a day, if it is known.
    fn reading(&self, series: &Series, day: Date) -> Option<Reading> {
        let of_day = series.days.get(&day).copied();
        // Counts stay far below 2^53.
        let reading = if series.is_share {
            let (counted, of) = of_day.filter(|(_, of)| *of >= self.rules.min_sessions)?;
            Reading { value: counted as f64 / of as f64, of: Some(of as f64) }
        } else {
            Reading { value: of_day.map_or(0.0, |(counted, _)| counted as f64), of: None }
        };
        self.known.contains(&day).then_some(reading)
    }

    /// How many times more than by counting alone the figure strays from its weekdays' medians; at least once.
    fn restlessness(&self, weekdays: &[Vec<Reading>]) -> f64 {
        let enough = weekdays.iter().filter(|readings| readings.len() >= self.rules.min_weeks);
        let times = enough.flat_map(|readings| {
            let usual = median(&values(readings)).unwrap_or_default();
            readings.iter().map(move |reading| (reading.value - usual).abs() / reading.noise(usual))
        });
        median(&times.collect::<Vec<_>>()).map_or(1.0, |times| (times / NORMAL).max(1.0))
    }
}

/// How many times farther a further day lies from the median of a few than these do: a median of n values has itself about
/// π / 2n of their variance, and they are nearer to it than to that of all days, as n − 1 is to n.
fn uncertainty(days: usize) -> f64 {
    let days = days as f64;
    ((1.0 + PI / (2.0 * days)) * days / (days - 1.0)).sqrt()
}

fn values(readings: &[Reading]) -> Vec<f64> {
    readings.iter().map(|reading| reading.value).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    const RULES: Rules = Rules { weeks: 8, min_weeks: 4, min_sessions: 30, min_score: 3.5, min_change: 10.0 };

    fn last() -> Date {
        "2026-11-17".parse().unwrap()
    }

    /// All days of the weeks before the last one, and that one.
    fn known() -> BTreeSet<Date> {
        (0..=RULES.weeks * WEEK).map(|back| before(last(), back)).collect()
    }

    /// How many of so many trials hit.
    fn hits(random: &mut fastrand::Rng, trials: i64, chance: f64) -> i64 {
        (0..trials).filter(|_| random.f64() < chance).count() as i64
    }

    #[test]
    fn what_lies_within_the_bounds_is_what_has_no_large_score_or_is_no_large_change() {
        let judge = Judge { rules: RULES, known: known() };
        let mut random = fastrand::Rng::with_seed(5);
        let mut exceptional = 0;
        for nth in 0..3_000 {
            let (is_share, most) = (nth % 2 == 0, [40, 400, 90_000][random.usize(..3)]);
            let (usual, restless) = (random.i64(0..=most), random.i64(1..=most / 4));
            let mut series = Series::default();
            for day in &judge.known {
                let counted = (usual + random.i64(-restless..=restless)).clamp(0, most);
                let counted = if *day == last() { random.i64(0..=most) } else { counted };
                series.add(*day, counted, is_share.then_some(most));
            }
            let Some(judged) = judge.judge(&series, last()) else { continue };
            let Judged { value, usual, low, high, score, .. } = judged;
            let by_score = score.abs() > RULES.min_score && (value - usual).abs() > 0.1 * usual;
            // Rounding may tell them apart where a value is the bound itself.
            let on_a_bound = [low, high].iter().any(|bound| (value - bound).abs() < 1e-9 * bound.max(1.0));
            assert!(judged.is_exceptional() == by_score || on_a_bound, "{judged:?}");
            assert!(low <= usual && usual <= high && (!is_share || high <= 1.0), "{judged:?}");
            exceptional += i32::from(by_score);
        }
        assert!((500..2_500).contains(&exceptional), "{exceptional}");
    }

    /// Of pure chance, half of it on weekends, hardly one day in ten thousand is exceptional, however small the figure.
    #[test]
    fn noise_is_not_told() {
        let rules = Rules { min_sessions: 1, ..RULES };
        let judge = Judge { rules, known: known() };
        let mut random = fastrand::Rng::with_seed(6);
        let (mut all, mut exceptional) = (0, 0);
        for expected in [0.2, 1.0, 3.0, 10.0, 30.0, 60.0] {
            for nth in 0..400 {
                let mut series = Series::default();
                for (back, day) in (0..).zip(&judge.known) {
                    let of = if back % 7 < 2 { 150 } else { 300 };
                    let counted = hits(&mut random, of, expected / 300.0);
                    series.add(*day, counted, (nth % 2 == 0).then_some(of));
                }
                if let Some(judged) = judge.judge(&series, last()) {
                    all += 1;
                    exceptional += i32::from(judged.is_exceptional());
                }
            }
        }
        assert!(all > 1_500 && exceptional <= 1, "{exceptional} of {all}");
    }
}
