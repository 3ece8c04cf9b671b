//! How long it takes until sessions are started: median and 95th percentile of counted waits.
//!
//! Must not know how the waits were measured.

use std::collections::BTreeMap;

use super::quantile::nearest_rank;
use super::{Call, Outcome, Step, StepError, null_last, owned, table_of};
use crate::analysis::table::{Type, Value};

pub(super) const STEP: Step = Step {
    name: "time_to_start",
    does: "Median and 95th percentile of the seconds until the start, by nearest rank, for each device type.",
    columns: &[("device_type", Type::Text), ("seconds", Type::Integer), ("sessions", Type::Integer)],
    parameters: &[],
    run,
};

const DEVICE_TYPE: usize = 0;
const SECONDS: usize = 1;
const SESSIONS: usize = 2;

const GIVEN: [(&str, Type); 5] = [
    ("device_type", Type::Text),
    ("sessions", Type::Integer),
    ("started", Type::Integer),
    ("median_seconds", Type::Integer),
    ("p95_seconds", Type::Integer),
];

/// The waits of one device type.
#[derive(Default)]
struct Waits {
    sessions: i64,
    started: i64,
    /// Seconds, and how many sessions waited so long.
    counted: BTreeMap<i64, i64>,
}

fn run(call: &Call<'_>) -> Result<Outcome, StepError> {
    let mut by_type: BTreeMap<Option<&str>, Waits> = BTreeMap::new();
    for row in call.rows() {
        let waits = by_type.entry(call.text(row, DEVICE_TYPE)).or_default();
        let sessions = call.count(row, SESSIONS)?;
        waits.sessions += sessions;
        if let Some(seconds) = call.integer(row, SECONDS) {
            waits.started += sessions;
            *waits.counted.entry(seconds).or_default() += sessions;
        }
    }
    let mut by_type: Vec<(Option<&str>, Waits)> = by_type.into_iter().collect();
    by_type.sort_by(|(a, left), (b, right)| {
        right.sessions.cmp(&left.sessions).then_with(|| null_last(*a).cmp(&null_last(*b)))
    });
    let mut table = table_of(&GIVEN);
    for (device_type, waits) in by_type {
        let counted: Vec<(i64, i64)> = waits.counted.into_iter().collect();
        table.rows.push(vec![
            owned(device_type),
            Value::Integer(waits.sessions),
            Value::Integer(waits.started),
            nearest_rank(&counted, 50).into(),
            nearest_rank(&counted, 95).into(),
        ]);
    }
    Ok(table.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::super::tests::{ran, refused, text};
    use super::*;

    fn row(device_type: Value, seconds: Value, sessions: i64) -> Vec<Value> {
        vec![device_type, seconds, Value::Integer(sessions)]
    }

    fn wait(device_type: &str, seconds: i64, sessions: i64) -> Vec<Value> {
        row(text(device_type), Value::Integer(seconds), sessions)
    }

    #[test]
    fn each_device_type_has_its_quantiles_and_those_not_started_count_as_sessions_only() {
        let rows = vec![
            wait("desktop", 60, 1),
            wait("desktop", 10, 18),
            wait("desktop", 7200, 1),
            row(text("desktop"), Value::Null, 5),
            wait("tablet", 3, 1),
            wait("tablet", -4, 1),
            row(Value::Null, Value::Null, 25),
            row(text(""), Value::Integer(0), 2),
        ];
        let int = Value::Integer;
        let expected = vec![
            // 20 started: the 10th and the 19th in order. As many sessions as the unknown, which come last.
            vec![text("desktop"), int(25), int(20), int(10), int(60)],
            vec![Value::Null, int(25), int(0), Value::Null, Value::Null],
            vec![text(""), int(2), int(2), int(0), int(0)],
            // A start before the creation, by an odd clock, is a wait as any other.
            vec![text("tablet"), int(2), int(2), int(-4), int(3)],
        ];
        assert_eq!(ran("time_to_start", rows, &[]), expected);
    }

    #[test]
    fn no_row_gives_no_row_and_the_order_of_rows_does_not_matter() {
        assert!(ran("time_to_start", Vec::new(), &[]).is_empty());
        let mut random = fastrand::Rng::with_seed(2);
        let mut any = |_| wait(["a", "b", "c"][random.usize(..3)], random.i64(0..90), random.i64(0..4));
        let mut rows: Vec<Vec<Value>> = (0..200).map(&mut any).collect();
        let first = ran("time_to_start", rows.clone(), &[]);
        fastrand::Rng::with_seed(3).shuffle(&mut rows);
        assert_eq!(ran("time_to_start", rows, &[]), first);
    }

    #[test]
    fn a_count_that_is_none_is_refused_by_its_row() {
        for count in [Value::Null, Value::Integer(-1)] {
            let rows = vec![wait("desktop", 1, 1), vec![text("desktop"), Value::Integer(1), count]];
            assert_eq!(
                refused("time_to_start", rows),
                "the step `time_to_start` needs a count in the column `sessions`, and row 2 has none"
            );
        }
    }
}
