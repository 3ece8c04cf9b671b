//! Each report whose rows go through a step has the rows of an independent reckoning over the same files.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value as Json, json};
use session_risk::analysis::bind::Arguments;
use session_risk::analysis::catalogue::{Catalogue, Query};
use session_risk::analysis::header::Literal;
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::rate::{HIGH, LOW, UNKNOWN};
use session_risk::analysis::table::Table;
use session_risk::analysis::{Scope, answer};

use crate::duckdb::{assert_same_table, job};
use crate::small_lake::{SmallLake, odd_rows};
use crate::user_agents::odd_agent;

const RECKONING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/steps.py");

/// The reports with a step.
fn reports() -> Vec<Query> {
    let mut queries = Catalogue::built_in().unwrap().queries().to_vec();
    queries.retain(|query| query.header.then.is_some());
    assert!(!queries.is_empty());
    queries
}

/// What is read of a lake: two of its days are not complete, whatever lies there of them.
fn scope(lake: &SmallLake) -> Scope {
    let mut scope = lake.scope();
    scope.missing = vec!["2026-11-11".parse().unwrap()];
    scope.before.missing = vec!["2026-10-13".parse().unwrap(), "2026-10-14".parse().unwrap()];
    scope
}

/// One report's table, less the columns of its rates, and the values of its parameters.
fn ours(query: &Query, scope: &Scope, given: &[(&str, i64)]) -> (Table, Json) {
    let given = given.iter().filter(|(name, _)| query.header.parameter(name).is_some());
    let given: Arguments =
        given.map(|(name, value)| ((*name).to_owned(), Literal::Integer(*value))).collect();
    let answer = answer(query, scope, &given, &LocalEngine::new(scope)).unwrap();
    let parameters = answer.parameters.iter().map(|(name, value)| match value {
        Literal::Integer(value) => (name.clone(), json!(value)),
        other => panic!("{name} is {other}"),
    });
    let parameters = Json::Object(parameters.collect());
    let mut table = answer.table;
    let rates = query.header.rates.iter();
    let added: usize = rates.map(|_| ["", LOW, HIGH, UNKNOWN].len()).sum();
    let own = table.columns.len() - added;
    table.columns.truncate(own);
    table.rows.iter_mut().for_each(|row| row.truncate(own));
    (table, parameters)
}

/// The same by the reckoning.
fn reckoned(query: &Query, scope: &Scope, parameters: &Json) -> Json {
    let before = scope.before(query.header.days_before());
    let files = before.files.iter().chain(&scope.files);
    let paths: Vec<&str> = files.map(|file| file.path.to_str().unwrap()).collect();
    let incomplete: Vec<String> = before.missing.iter().chain(&scope.missing).map(Date::to_string).collect();
    let range = [scope.range.since(), scope.range.until()].map(|day| day.to_string());
    job(
        RECKONING,
        &json!({"report": query.name, "files": paths, "parameters": parameters, "range": range, "incomplete": incomplete}),
    )
}

/// Compares one report with the reckoning; gives how many rows it has.
pub(crate) fn assert_same(query: &Query, scope: &Scope, given: &[(&str, i64)]) -> usize {
    let (table, parameters) = ours(query, scope, given);
    assert_same_table(&format!("{} {parameters}", query.name), &table, &reckoned(query, scope, &parameters));
    table.rows.len()
}

/// Odd rows with what the steps look at: moments, places of the address and of the device; and the weeks before them.
pub(crate) fn rows(seed: u64, count: usize) -> Vec<Json> {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x57e9);
    let mut rows = odd_rows(seed, count);
    let mut last = json!("2026-11-20T12:00:00Z");
    for row in &mut rows {
        // Now and then two in one millisecond.
        if random.u8(..8) == 0 {
            row["created_at"] = last;
        }
        last = row["created_at"].clone();
        let created: jiff::Timestamp = last.as_str().unwrap().parse().unwrap();
        // Mostly soon, now and then days or centuries later, or before.
        let wait = match random.u8(..20) {
            0..16 => random.i64(0..300_000),
            16 => random.i64(0..400 * 86_400_000),
            17 => -random.i64(0..40_000_000),
            18 => random.i64(-100_000_000_000..100_000_000_000) * 100,
            _ => 0,
        };
        let started = jiff::Timestamp::from_millisecond(created.as_millisecond() + wait).unwrap();
        row["started_at"] = or_null(&mut random, 0.2, json!(started.to_string()));
        let place = place(&mut random);
        let device = if random.u8(..4) == 0 { self::place(&mut random) } else { place };
        row["latitude"] = or_null(&mut random, 0.05, json!(place.0));
        row["longitude"] = or_null(&mut random, 0.05, json!(place.1));
        let asked = if random.bool() { 0.05 } else { 1.0 };
        let device = (device.0 + random.f64(), device.1 - random.f64() * 3.0);
        row["gps_latitude"] = or_null(&mut random, asked, json!(device.0));
        row["gps_longitude"] = or_null(&mut random, asked, json!(device.1));
        let country = ["US", "DE", "de", "BR", ""][random.usize(..5)];
        row["gps_country_code"] = or_null(&mut random, 0.3, json!(country));
        row["device_handoff_method"] = or_null(&mut random, 0.8, json!("qr"));
        row["user_agent"] = odd_agent(&mut random);
    }
    rows.extend((0..90).flat_map(|back| day(&mut random, back)));
    rows
}

/// The sessions of a day so many days before the last one: fewer on some weekdays, and now and then of one country many
/// more or none.
fn day(random: &mut fastrand::Rng, back: i64) -> Vec<Json> {
    let day = "2026-11-20".parse::<Date>().unwrap().saturating_sub(back.days());
    let mut rows = Vec::new();
    for (country, level) in [("US", 40), ("DE", 12), ("BR", 4), ("", 2)] {
        let level = if back % 7 > 4 { level / 2 } else { level };
        let level = [level, level, level, level * 3, 0, level][random.usize(..6).min(random.usize(..12))];
        let vpn = if random.u8(..9) == 0 { 0.4 } else { 0.06 };
        for _ in 0..random.i64(level - level / 4..=level + level / 4) {
            let mut flag = |rate: f64| {
                let value = json!(random.f64() < rate);
                or_null(random, 0.1, value)
            };
            let mut row = json!({
                "created_at": format!("{day}T12:00:00Z"),
                "country_code": country,
                "is_vpn": flag(vpn),
                "is_tor": flag(0.01),
                "is_proxy": flag(0.03),
                "is_datacenter": flag(0.2),
            });
            let level = ["low", "low", "medium", "high"][random.usize(..4)];
            row["threat_level"] = or_null(random, 0.1, json!(level));
            rows.push(row);
        }
    }
    rows
}

fn or_null(random: &mut fastrand::Rng, rate: f64, value: Json) -> Json {
    if random.f64() < rate { Json::Null } else { value }
}

/// A place in degrees: in one of a few cities, anywhere, at an edge of the map, or beyond it.
fn place(random: &mut fastrand::Rng) -> (f64, f64) {
    const CITIES: [(f64, f64); 6] =
        [(52.52, 13.405), (48.857, 2.352), (-17.8, 179.99), (-17.8, -179.99), (40.71, -74.0), (0.0, 0.0)];
    match random.u8(..40) {
        0..34 => CITIES[random.usize(..6)],
        34..38 => (random.f64() * 180.0 - 90.0, random.f64() * 360.0 - 180.0),
        38 => (90.0, -180.0),
        _ => (91.0, 12.0),
    }
}

/// Parameters of the steps, away from their defaults.
const SETTINGS: &[&[(&str, i64)]] = &[
    &[],
    &[
        ("min_burst", 2),
        ("allowance_km", 0),
        ("max_kmh", 1),
        ("far_km", 5),
        ("min_known", 1),
        ("min_inquiries", 2),
        ("min_shared", 2),
        ("hub_limit", 3),
        ("versions_behind", 1),
        ("min_newest", 1),
        ("weeks", 4),
        ("min_weeks", 2),
        ("min_sessions", 1),
        ("min_score", 10),
        ("min_change", 0),
    ],
    &[
        ("min_burst", 25),
        ("allowance_km", 4000),
        ("max_kmh", 90_000),
        ("far_km", 9000),
        ("min_known", 60),
        ("min_inquiries", 6),
        ("min_shared", 7),
        ("hub_limit", 9),
        ("versions_behind", 20),
        ("min_newest", 6),
        ("weeks", 8),
        ("min_weeks", 7),
        ("min_sessions", 20),
        ("min_score", 50),
        ("min_change", 30),
    ],
];

#[test]
#[ignore = "needs python3 with pyarrow"]
fn every_step_gives_the_rows_of_an_independent_reckoning_over_odd_lakes() {
    for query in reports() {
        let mut told = 0;
        for seed in 1..=4 {
            let lake = SmallLake::new(rows(seed, 1200));
            told += SETTINGS.iter().map(|given| assert_same(&query, &scope(&lake), given)).sum::<usize>();
        }
        assert!(told > 10, "{} gave {told} rows", query.name);
    }
}

#[test]
#[ignore = "needs python3 with pyarrow"]
fn every_step_gives_the_rows_of_an_independent_reckoning_over_no_session_one_session_and_nulls() {
    for query in reports() {
        for lake in [vec![], vec![json!({"is_vpn": true})], vec![json!({}); 40], rows(9, 1), rows(10, 2)] {
            assert_same(&query, &scope(&SmallLake::new(lake)), &[]);
        }
    }
}

#[test]
#[ignore = "needs python3 with pyarrow"]
#[should_panic(expected = "there")]
fn a_difference_from_the_reckoning_is_seen() {
    let query = &reports()[0];
    let [lake, other] = [1, 2].map(|seed| SmallLake::new(rows(seed, 400)));
    let (table, parameters) = ours(query, &scope(&lake), &[]);
    assert_same_table(&query.name, &table, &reckoned(query, &scope(&other), &parameters));
}
