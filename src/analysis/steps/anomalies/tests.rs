//! Worked examples: Tuesdays with a few figures each, reckoned by hand.

use super::*;
use crate::analysis::steps::Days;
use crate::analysis::steps::tests::{made, text};
use crate::range::DayRange;

const TUESDAY: &str = "2026-11-17";

/// A range of so many days that ends on that Tuesday, all of them complete but these.
fn days(range: u32, incomplete: &[i64]) -> Days {
    let last = TUESDAY.parse().unwrap();
    let incomplete = incomplete.iter().map(|back| before(last, *back)).collect();
    Days { range: DayRange::ending(last, range), incomplete }
}

fn row(back: i64, figure: &str, subject: Option<&str>, counted: i64, assessed: Option<i64>) -> Vec<Value> {
    let day = Value::Date(before(TUESDAY.parse().unwrap(), back));
    vec![day, text(figure), owned(subject), Value::Integer(counted), assessed.into()]
}

/// The Tuesday, then those before it: so many of a thousand by VPN.
fn vpn(counts: &[i64]) -> Vec<Vec<Value>> {
    (0..).zip(counts).map(|(week, count)| row(7 * week, "vpn_rate", None, *count, Some(1000))).collect()
}

/// The same for sessions, of a country or of all.
fn sessions(country: Option<&str>, counts: &[i64]) -> Vec<Vec<Value>> {
    let figure = if country.is_some() { "country_sessions" } else { "sessions" };
    (0..).zip(counts).map(|(week, count)| row(7 * week, figure, country, *count, None)).collect()
}

fn told(rows: Vec<Vec<Value>>, days: &Days, values: &[(&str, i64)]) -> Vec<Vec<Value>> {
    made("anomalies", rows, days, values).unwrap().table.rows
}

/// How many rows are told of the Tuesday.
fn count(rows: Vec<Vec<Value>>, values: &[(&str, i64)]) -> usize {
    told(rows, &days(1, &[]), values).len()
}

fn assert_close(value: &Value, expected: f64) {
    let value = value.as_number().unwrap();
    assert!((value - expected).abs() < 1e-9 * expected.abs().max(1.0), "{value}, not {expected}");
}

const SURGE: [i64; 8] = [182, 55, 57, 58, 59, 60, 62, 64];
const GONE: [i64; 8] = [0, 110, 115, 118, 120, 124, 126, 131];

/// √((1 + π / 14) · 7 / 6), of seven days.
const UNCERTAINTY: f64 = 1.195_184_527_370_487_7;

#[test]
fn a_share_is_held_against_the_median_of_its_weekday_and_its_own_noise() {
    let told = told(vpn(&SURGE), &days(1, &[]), &[]);
    assert_eq!(told.len(), 1);
    let reason = "On Tuesday 2026-11-17 the VPN share was 18.2 %, where Tuesdays have a median of 5.9 % \
                  (7 earlier Tuesdays; 2.8 % to 9.8 % is usual).";
    let row = &told[0];
    assert_eq!(row[1..3], [text("vpn_rate"), text("all")]);
    assert_eq!(row[3..5], [Value::Number(0.182), Value::Number(0.059)]);
    assert_eq!(row[8..], [Value::Integer(7), text(reason)]);
    // The MAD is 0.002; the noise of 182 in 1,000 is the larger one, and of 59 for what is less than usual.
    let times = 3.5 * UNCERTAINTY;
    assert_close(&row[5], 0.059 - times * (0.059_f64 * 0.941 / 1000.0).sqrt());
    assert_close(&row[7], 0.123 / ((0.182_f64 * 0.818 / 1000.0).sqrt() * UNCERTAINTY));
    // At the upper end the distance is so many times the noise there.
    let high = row[6].as_number().unwrap();
    assert_close(&row[6], 0.059 + times * (high * (1.0 - high) / 1000.0).sqrt());
}

#[test]
fn a_country_that_vanished_is_told_where_the_day_has_sessions_of_others() {
    let brazil = || sessions(Some("BR"), &GONE).split_off(1);
    // Of that day no row tells at all.
    assert_eq!(count(brazil(), &[]), 0);
    let mut rows = brazil();
    rows.extend(sessions(None, &[500; 8]));
    let found = told(rows.clone(), &days(1, &[]), &[]);
    let reason = "On Tuesday 2026-11-17 there was no session from BR, where Tuesdays have a median of 120 \
                  (7 earlier Tuesdays; 75 to 175 is usual).";
    assert_eq!((found.len(), &found[0][2], &found[0][9]), (1, &text("BR"), &text(reason)));
    assert_eq!(found[0][3..5], [Value::Number(0.0), Value::Number(120.0)]);
    // The MAD is 5, the noise √120.
    assert_close(&found[0][7], -120.0 / (120.0_f64.sqrt() * UNCERTAINTY));
    assert!(told(rows, &days(1, &[0]), &[]).is_empty(), "a day that is not complete");
}

#[test]
fn days_that_are_not_complete_or_not_there_are_no_zeros_of_the_baseline() {
    let said = made("anomalies", sessions(None, &[100; 5]), &days(1, &[7, 14]), &[]).unwrap().said;
    let why = "None of 1 day could be judged: they are not complete, have no session, or have fewer than 4 earlier days \
               of their weekday to go by.";
    assert_eq!(said, [why]);
    let mut rows = sessions(Some("BR"), &[0, 100, 1, 100, 1, 100, 1, 100, 100]);
    rows.extend(sessions(None, &[900; 9]));
    let told = told(rows, &days(1, &[14, 28, 42]), &[]);
    assert_eq!((told.len(), &told[0][4], &told[0][8]), (1, &Value::Number(100.0), &Value::Integer(5)));
}

#[test]
fn only_its_own_weekday_before_a_day_counts_and_only_so_many_weeks() {
    let mut rows = sessions(None, &[100; 9]);
    rows.extend((1..60).filter(|back| back % 7 != 0).map(|back| row(back, "sessions", None, 900, None)));
    assert!(told(rows.clone(), &days(28, &[]), &[]).is_empty());
    // The ninth week before is not looked at, nor is a week after.
    rows.push(row(63, "sessions", None, 9000, None));
    rows.push(row(-7, "sessions", None, 9000, None));
    assert!(told(rows.clone(), &days(28, &[]), &[]).is_empty());
    rows[0][3] = Value::Integer(300);
    assert_eq!(count(rows.clone(), &[("min_weeks", 8)]), 1);
    assert_eq!(count(rows.clone(), &[("min_weeks", 9)]), 0);
    assert_eq!(count(sessions(None, &[300, 100, 100, 100]), &[]), 0, "three earlier Tuesdays");
    assert_eq!(count(sessions(None, &[300, 100, 100, 100, 100]), &[]), 1);
    assert_eq!(count(sessions(None, &[300, 100, 100, 100, 100]), &[("weeks", 3)]), 0);
}

#[test]
fn neither_steady_nor_small_nor_restless_figures_are_told() {
    // The MAD is none at all; the noise of 100 is 10.
    assert_eq!(count(sessions(None, &[130, 100, 100, 100, 100, 100, 100, 100]), &[]), 0);
    assert_eq!(count(sessions(None, &[160, 100, 100, 100, 100, 100, 100, 100]), &[]), 1);
    // Far beyond any noise, and yet hardly a change.
    let steady = [1_050_000, 1_000_000, 1_000_100, 1_000_000, 1_000_200, 1_000_000];
    assert_eq!(count(sessions(None, &steady), &[]), 0);
    assert_eq!(count(sessions(None, &steady), &[("min_change", 4)]), 1);
    assert_eq!(count(sessions(None, &[29, 0, 0, 0, 0, 0]), &[]), 0);
    assert_eq!(count(sessions(None, &[30, 0, 0, 0, 0, 0]), &[]), 1);
    assert_eq!(count(sessions(None, &[9, 0, 0, 0, 0, 0]), &[("min_sessions", 1)]), 0);
    // By the bare formula 0.6745 · (400 − 160) / 40 = 4.05.
    assert_eq!(count(sessions(None, &[400, 100, 120, 140, 160, 180, 200, 220]), &[]), 0);
    // A steady Tuesday of a figure that strays by a quarter on all other days.
    let mut rows = sessions(None, &[1300, 1000, 1001, 1002, 1000, 1001, 1002]);
    assert_eq!(count(rows.clone(), &[]), 1);
    let strays = (1..50).filter(|back| back % 7 != 0);
    rows.extend(strays.map(|back| row(back, "sessions", None, 1000 + 250 * (back / 7 % 3 - 1), None)));
    assert_eq!(count(rows, &[]), 0);
}

#[test]
fn a_share_of_too_few_sessions_is_neither_judged_nor_compared_with() {
    let share = |of: i64| {
        (0..6).map(move |week| row(7 * week, "tor_rate", None, if week == 0 { of } else { 0 }, Some(of)))
    };
    assert_eq!(count(share(29).collect(), &[]), 0);
    assert_eq!(count(share(30).collect(), &[]), 1);
    let mut rows: Vec<Vec<Value>> = share(30).collect();
    for row in &mut rows[4..] {
        row[4] = Value::Integer(29);
    }
    assert_eq!(count(rows, &[]), 0, "three earlier Tuesdays");
}

#[test]
fn the_farthest_is_told_first_and_days_are_counted() {
    let mut rows = vpn(&SURGE);
    rows.extend(sessions(Some("BR"), &GONE));
    rows.extend(sessions(None, &[5000; 8]));
    let outcome = made("anomalies", rows, &days(2, &[]), &[]).unwrap();
    let subjects: Vec<&Value> = outcome.table.rows.iter().map(|row| &row[2]).collect();
    assert_eq!(subjects, [&text("BR"), &text("all")]);
    let scores: Vec<f64> = outcome.table.rows.iter().filter_map(|row| row[7].as_number()).collect();
    assert!(scores[0] < -scores[1] && scores[1] > 8.0, "{scores:?}");
    assert_eq!(outcome.said[0], "1 of 2 days could be judged, and something stood out on 1 of them.");
    assert!(outcome.said[1].starts_with("The others are not complete"), "{:?}", outcome.said);
    assert_eq!(
        outcome.said[2..].iter().map(|said| text(said)).collect::<Vec<_>>(),
        [outcome.table.rows[0][9].clone(), outcome.table.rows[1][9].clone()]
    );
    let nothing = made("anomalies", sessions(None, &[5000; 8]), &days(1, &[]), &[]).unwrap();
    assert_eq!(nothing.said, ["1 of 1 day could be judged, and nothing stood out."]);
}

#[test]
fn rows_of_one_day_are_added_up_in_any_order() {
    let mut rows: Vec<Vec<Value>> = vpn(&SURGE).into_iter().chain(sessions(Some("BR"), &GONE)).collect();
    let whole = told(rows.clone(), &days(1, &[]), &[]);
    for row in &mut rows {
        let halves = row[3..].iter().map(|count| count.as_integer().map(|count| count / 2).into());
        let half: Vec<Value> = row[..3].iter().cloned().chain(halves).collect();
        for at in [3, 4] {
            let rest = row[at].as_integer().zip(half[at].as_integer()).map(|(all, half)| all - half);
            row[at] = rest.into();
        }
        *row = [half, row.clone()].concat();
    }
    let mut rows: Vec<Vec<Value>> =
        rows.iter().flat_map(|row| row.chunks(5).map(<[Value]>::to_vec)).collect();
    fastrand::Rng::with_seed(4).shuffle(&mut rows);
    assert_eq!(told(rows, &days(1, &[]), &[]), whole);
}

#[test]
fn what_cannot_be_counted_is_refused_by_its_row() {
    let refused = |row: Vec<Value>| made("anomalies", vec![row], &days(1, &[]), &[]).unwrap_err().to_string();
    assert_eq!(
        refused(row(0, "vpn_rate", None, 3, Some(2))),
        "the step `anomalies` needs a count of no less than `counted` in the column `assessed`, and row 1 has none"
    );
    for (column, needed) in [(CREATED_DATE, "a date"), (FIGURE, "a name"), (COUNTED, "a count")] {
        let mut row = row(0, "sessions", None, 3, None);
        row[column] = Value::Null;
        assert!(refused(row).contains(&format!("needs {needed} in the column")), "{column}");
    }
    let none = made("anomalies", Vec::new(), &days(28, &[]), &[]).unwrap();
    assert_eq!((none.table.rows.len(), none.said.len()), (0, 1));
}
