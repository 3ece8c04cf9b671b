//! Exceptional days: each figure of a day beside those of the same weekday in the weeks before it.
//!
//! Owns which rows are told and their order. How far a day strays is [`judge`]'s, what is said of it [`words`]'. A day
//! that is not complete, or of which no row tells, has no figure: neither is it judged nor is another one by it. A
//! subject without a row on a day of which others tell is none on it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::Date;

use super::{Call, Outcome, Setting, Step, StepError, owned, table_of};
use crate::analysis::table::{Type, Value};

mod judge;
mod words;

use judge::{Judge, Judged, Rules, Series};

pub(super) const STEP: Step = Step {
    name: "anomalies",
    does: "The days on which a figure is far from its median on the same weekday of the weeks before, and why.",
    columns: &[
        ("created_date", Type::Date),
        ("figure", Type::Text),
        ("subject", Type::Text),
        ("counted", Type::Integer),
        ("assessed", Type::Integer),
    ],
    parameters: &[
        Setting {
            name: "weeks",
            default: 8,
            range: (2, 52),
            text: "a day is compared with its weekday in so many weeks before it",
        },
        Setting {
            name: "min_weeks",
            default: 4,
            range: (2, 52),
            text: "a day that fewer of these weeks tell of is not judged",
        },
        Setting {
            name: "min_sessions",
            default: 30,
            range: (1, 1_000_000),
            text: "a count that is smaller, usually too, and a share of fewer sessions are not judged",
        },
        Setting {
            name: "min_score",
            default: 35,
            range: (1, 1000),
            text: "tenths: a day whose score is no larger is not exceptional",
        },
        Setting {
            name: "min_change",
            default: 10,
            range: (0, 1000),
            text: "percent of what is usual: a day that differs by no more is not exceptional",
        },
    ],
    run,
};

const CREATED_DATE: usize = 0;
const FIGURE: usize = 1;
const SUBJECT: usize = 2;
const COUNTED: usize = 3;
const ASSESSED: usize = 4;

const WEEKS: usize = 0;
const MIN_WEEKS: usize = 1;
const MIN_SESSIONS: usize = 2;
const MIN_SCORE: usize = 3;
const MIN_CHANGE: usize = 4;

const GIVEN: [(&str, Type); 10] = [
    ("created_date", Type::Date),
    ("figure", Type::Text),
    ("subject", Type::Text),
    ("value", Type::Number),
    ("usual", Type::Number),
    ("low", Type::Number),
    ("high", Type::Number),
    ("score", Type::Number),
    ("weeks", Type::Integer),
    ("reason", Type::Text),
];

/// The subject of a figure that has none.
const ALL: &str = "all";

/// How many reasons are said before the table, too.
const MOST_SAID: usize = 5;

/// What names a series: its figure, its subject, whether it is a share.
type Name<'a> = (&'a str, Option<&'a str>, bool);

/// A figure on a day that is exceptional.
struct Found<'a> {
    day: Date,
    name: Name<'a>,
    judged: Judged,
}

fn run(call: &Call<'_>) -> Result<Outcome, StepError> {
    let series = series(call)?;
    let told: BTreeSet<Date> = series.values().flat_map(Series::days).collect();
    let rules = Rules {
        weeks: call.setting(WEEKS),
        min_weeks: usize::try_from(call.setting(MIN_WEEKS)).unwrap_or(usize::MAX),
        min_sessions: call.setting(MIN_SESSIONS),
        min_score: call.setting(MIN_SCORE) as f64 / 10.0,
        min_change: call.setting(MIN_CHANGE) as f64,
    };
    let judge = Judge { rules, known: told.difference(&call.days.incomplete).copied().collect() };
    let days: Vec<Date> = call.days.range.days().filter(|day| judge.can_tell(*day)).collect();
    let mut found = Vec::new();
    for (name, series) in &series {
        let judged = days.iter().filter_map(|day| Some((*day, judge.judge(series, *day)?)));
        let exceptional = judged.filter(|(_, judged)| judged.is_exceptional());
        found.extend(exceptional.map(|(day, judged)| Found { day, name: *name, judged }));
    }
    found.sort_by_key(Found::order);
    let mut table = table_of(&GIVEN);
    let mut reasons = Vec::new();
    for Found { day, name, judged } in &found {
        let reason = words::reason(*day, *name, judged);
        if reasons.len() < MOST_SAID {
            reasons.push(reason.clone());
        }
        table.rows.push(vec![
            Value::Date(*day),
            Value::Text(name.0.to_owned()),
            owned(Some(name.1.unwrap_or(ALL))),
            Value::Number(judged.value),
            Value::Number(judged.usual),
            Value::Number(judged.low),
            Value::Number(judged.high),
            Value::Number(judged.score),
            Value::Integer(judged.weeks as i64),
            Value::Text(reason),
        ]);
    }
    let exceptional: BTreeSet<Date> = found.iter().map(|found| found.day).collect();
    let mut said =
        words::summary(call.days.range.len(), days.len(), exceptional.len(), call.setting(MIN_WEEKS));
    said.extend(reasons);
    Ok(Outcome { table, said })
}

/// The rows by what they are of. Rows of the same day are added up.
fn series<'a>(call: &'a Call<'_>) -> Result<BTreeMap<Name<'a>, Series>, StepError> {
    let mut series: BTreeMap<Name<'a>, Series> = BTreeMap::new();
    for row in call.rows() {
        let figure = call.text(row, FIGURE).ok_or_else(|| call.lacks(row, FIGURE, "a name"))?;
        let counted = call.count(row, COUNTED)?;
        let assessed = call.integer(row, ASSESSED);
        if assessed.is_some_and(|assessed| assessed < counted) {
            return Err(call.lacks(row, ASSESSED, "a count of no less than `counted`"));
        }
        let name = (figure, call.text(row, SUBJECT), assessed.is_some());
        series.entry(name).or_default().add(call.date(row, CREATED_DATE)?, counted, assessed);
    }
    Ok(series)
}

impl<'a> Found<'a> {
    /// The highest and the lowest scores first. To the thousandth: scores that are equal by their definition may differ in
    /// their last bits.
    fn order(&self) -> (Reverse<i64>, Reverse<Date>, Name<'a>) {
        let score = Reverse((self.judged.score.abs() * 1000.0).round() as i64);
        (score, Reverse(self.day), self.name)
    }
}

/// The day that lies so many days before another.
fn before(day: Date, days: i64) -> Date {
    day.saturating_sub(days.days())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests;
