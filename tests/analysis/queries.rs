use std::fmt::Write;

use serde_json::{Value as Json, json};
use session_risk::analysis::bind::{self, Arguments};
use session_risk::analysis::catalogue::{Catalogue, Query};
use session_risk::analysis::header::Literal;
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::table::Value;
use session_risk::analysis::{Answer, Engine, Reads, answer, answers};
use session_risk::report::layout::exact;

use super::chain;
use crate::small_lake::{SmallLake, full_rows};

pub(super) fn ask(name: &str, lake: &SmallLake, given: &Arguments) -> Answer {
    let query = &Catalogue::built_in().unwrap().select(&[name.to_owned()]).unwrap()[0];
    answer(query, &lake.scope(), given, &LocalEngine::new(&lake.scope())).unwrap()
}

/// The rows as one line each, for reading in a snapshot.
fn lines(answer: &Answer) -> String {
    let mut lines =
        answer.table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(" | ");
    for row in &answer.table.rows {
        let cells: Vec<String> = row.iter().map(|value| format!("{value:?}")).collect();
        write!(lines, "\n{}", cells.join(" | ")).unwrap();
    }
    lines
}

/// Some columns of each row in a line, null as `null`.
pub(super) fn lines_of(answer: &Answer, columns: &[&str]) -> Vec<String> {
    let cell = |row: usize, column: &str| {
        assert!(answer.table.position(column).is_some(), "there is no column {column}");
        match answer.table.value(row, column) {
            Value::Null => "null".to_owned(),
            value => exact(value),
        }
    };
    let line = |row| columns.iter().map(|column| cell(row, column)).collect::<Vec<_>>().join(" ");
    (0..answer.table.rows.len()).map(line).collect()
}

/// One parameter with a whole number for its value.
pub(super) fn set(name: &str, value: i64) -> Arguments {
    Arguments::from([(name.to_owned(), Literal::Integer(value))])
}

fn count(answer: &Answer, column: &str) -> i64 {
    answer.table.value(0, column).as_integer().unwrap()
}

#[test]
fn reports_that_are_asked_together_say_what_each_says_alone() {
    let lake = SmallLake::new(full_rows(20, 400));
    let (catalogue, scope, none) = (Catalogue::built_in().unwrap(), lake.scope(), Arguments::new());
    let engine = LocalEngine::new(&scope);
    let asked: Vec<_> = catalogue.queries().iter().map(|query| (query, &none)).collect();
    assert!(catalogue.queries().iter().filter(|query| query.header.few_groups).count() > 2);
    for (together, (query, _)) in answers(&asked, &scope, &engine).unwrap().iter().zip(&asked) {
        let alone = answer(query, &scope, &none, &engine).unwrap();
        assert_eq!(together.query.name, query.name);
        assert_eq!(lines(together), lines(&alone), "{}", query.name);
    }
}

#[test]
fn queries_that_only_tell_ids_apart_give_the_same_rows_for_numbers_in_their_place() {
    let lake = SmallLake::new(full_rows(21, 1500));
    let engine = LocalEngine::new(&lake.scope());
    let catalogue = Catalogue::built_in().unwrap();
    let mut rows = 0;
    for query in catalogue.queries().iter().filter(|query| !query.header.distinct.is_empty()) {
        let sql = bind::bind(&query.sql, &query.header, lake.scope().range, 0, &Arguments::new()).unwrap();
        let numbers = engine.query(&sql, query.header.reads()).unwrap();
        let texts = engine.query(&sql, Reads { distinct: &[], ..query.header.reads() }).unwrap();
        assert_eq!(numbers.rows, texts.rows, "{}", query.name);
        rows += numbers.rows.len();
    }
    assert!(rows > 100);
}

#[test]
fn network_risk_counts_what_is_known_and_anonymised_by_three_valued_or() {
    let flags = [Json::Null, json!(false), json!(true)];
    let rows = (0..27)
        .map(|n| json!({"is_vpn": flags[n % 3], "is_proxy": flags[n / 3 % 3], "is_tor": flags[n / 9]}));
    let answer = ask("network_risk", &SmallLake::new(rows), &Arguments::new());
    assert_eq!((count(&answer, "sessions"), count(&answer, "vpn"), count(&answer, "vpn_known")), (27, 9, 18));
    // 27 less the 8 without a true; known besides those only where all three are false.
    assert_eq!((count(&answer, "anonymised"), count(&answer, "anonymised_known")), (19, 20));
    assert_eq!((count(&answer, "datacenter_known"), count(&answer, "datacenter_rate_unknown")), (0, 27));
    assert!(answer.table.value(0, "datacenter_rate").is_null());
}

#[test]
fn threat_by_country_ranks_small_countries_last_and_nulls_explicitly() {
    let session = |code: Json, name: &str, level: Json| json!({"country_code": code, "country_name": name, "threat_level": level});
    let mut rows = vec![session(json!("ZW"), "Zimbabwe", json!("high")); 2];
    rows.extend(vec![session(json!("US"), "United States", json!("low")); 3]);
    rows.push(session(json!("US"), "United States of America", json!("high")));
    rows.push(session(json!("US"), "United States", Json::Null));
    rows.push(session(json!("US"), "United States", json!("extreme")));
    rows.extend(vec![session(Json::Null, "", json!("medium")); 4]);
    rows.extend(vec![session(json!("DE"), "Germany", json!("medium")); 4]);
    let given = Arguments::from([("min_sessions".to_owned(), Literal::Integer(3))]);
    let answer = ask("threat_by_country", &SmallLake::new(rows), &given);
    insta::assert_snapshot!("threat_by_country", lines(&answer));
    assert_eq!((0..4).map(|row| answer.is_small(row)).collect::<Vec<_>>(), [false, false, false, true]);
}

#[test]
fn device_mix_shares_add_up_and_ties_are_in_order() {
    let device = |kind: Json, system: Json| json!({"device_type": kind, "os_name": system});
    let rows = [
        device(json!("desktop"), json!("Mac")),
        device(json!("desktop"), json!("Mac")),
        device(Json::Null, json!("Mac")),
        device(json!("desktop"), Json::Null),
        device(json!(""), json!("Mac")),
        device(Json::Null, Json::Null),
    ];
    insta::assert_snapshot!(
        "device_mix",
        lines(&ask("device_mix", &SmallLake::new(rows), &Arguments::new()))
    );
}

#[test]
fn daily_trend_counts_an_inquiry_once_a_day_and_rates_over_what_is_known() {
    let session = |day: u32, inquiry: Json, vpn: Json, level: Json| json!({"created_at": format!("2026-11-{day:02}T12:00:00Z"), "inquiry_id": inquiry, "is_vpn": vpn, "threat_level": level});
    let rows = [
        session(19, json!("inq_a"), json!(true), json!("high")),
        session(19, json!("inq_a"), json!(false), json!("low")),
        session(19, json!("inq_b"), Json::Null, Json::Null),
        session(19, Json::Null, json!(false), json!("HIGH")),
        session(18, json!("inq_a"), Json::Null, Json::Null),
    ];
    let answer = ask("daily_trend", &SmallLake::new(rows), &Arguments::new());
    insta::assert_snapshot!("daily_trend", lines(&answer));
}

/// Sessions of one address and one device each, by inquiry.
fn shared() -> SmallLake {
    let session = |hour: u32, address: Json, device: Json, inquiry: Json, country: Json| json!({"created_at": format!("2026-11-20T{hour:02}:00:00Z"), "ip_address": address, "device_id": device, "inquiry_id": inquiry, "country_code": country});
    SmallLake::new([
        // Two sessions of one inquiry, as a handoff makes them, are one inquiry.
        session(9, json!("192.0.2.1"), json!("dev_a"), json!("inq_1"), json!("DE")),
        session(8, json!("192.0.2.1"), json!("dev_b"), json!("inq_1"), json!("DE")),
        session(7, json!("192.0.2.1"), json!("dev_a"), json!("inq_2"), json!("FR")),
        session(6, json!("192.0.2.1"), Json::Null, json!("inq_3"), Json::Null),
        session(5, json!("2001:db8::1"), Json::Null, json!("inq_4"), Json::Null),
        session(4, json!("2001:db8::1"), Json::Null, json!("inq_5"), Json::Null),
        session(3, json!("198.51.100.1"), json!("dev_c"), json!("inq_6"), json!("DE")),
        session(2, json!("198.51.100.1"), json!("dev_c"), json!("inq_6"), json!("DE")),
        session(1, Json::Null, json!("dev_a"), json!("inq_7"), Json::Null),
        session(0, Json::Null, json!("dev_d"), Json::Null, json!("DE")),
    ])
}

#[test]
fn inquiries_per_address_counts_inquiries_and_not_sessions_and_leaves_the_unknown_out() {
    let lake = shared();
    insta::assert_snapshot!(
        "inquiries_per_address",
        lines(&ask("inquiries_per_address", &lake, &Arguments::new()))
    );
    let least = |least| Arguments::from([("min_inquiries".to_owned(), Literal::Integer(least))]);
    assert_eq!(ask("inquiries_per_address", &lake, &least(1)).table.rows.len(), 3);
    assert_eq!(ask("inquiries_per_address", &lake, &least(4)).table.rows.len(), 0);
}

#[test]
fn inquiries_per_device_counts_distinct_inquiries_addresses_and_countries() {
    let lake = shared();
    let least = |least| Arguments::from([("min_inquiries".to_owned(), Literal::Integer(least))]);
    assert_eq!(ask("inquiries_per_device", &lake, &Arguments::new()).table.rows.len(), 1);
    insta::assert_snapshot!("inquiries_per_device", lines(&ask("inquiries_per_device", &lake, &least(1))));
}

#[test]
fn started_rate_tells_expired_without_a_start_from_still_open() {
    let session = |device: Json, status: &str, started: bool| {
        let started = if started { json!("2026-11-20T12:01:00Z") } else { Json::Null };
        json!({"device_type": device, "status": status, "started_at": started})
    };
    let rows = [
        session(json!("desktop"), "active", true),
        session(json!("desktop"), "expired", true),
        session(json!("desktop"), "expired", false),
        session(json!("desktop"), "new", false),
        session(Json::Null, "expired", false),
        session(Json::Null, "new", false),
    ];
    insta::assert_snapshot!(
        "started_rate",
        lines(&ask("started_rate", &SmallLake::new(rows), &Arguments::new()))
    );
}

#[test]
fn signal_coverage_counts_false_and_empty_as_known_and_half_a_place_as_not() {
    let rows = [
        json!({"is_vpn": false, "threat_level": "", "latitude": 1.0, "longitude": 2.0}),
        json!({"is_vpn": true, "latitude": 1.0, "gps_latitude": 0.0, "gps_longitude": 0.0}),
    ];
    insta::assert_snapshot!(
        "signal_coverage",
        lines(&ask("signal_coverage", &SmallLake::new(rows), &Arguments::new()))
    );
}

/// Twelve sessions of one address within an hour, of one device in two places.
fn burst() -> impl Iterator<Item = Json> {
    (10..22).map(|minute| json!({"created_at": format!("2026-11-20T12:{minute}:00Z"), "ip_address": "192.0.2.200", "device_id": "dev_far", "latitude": 10.0, "longitude": f64::from(minute % 2) * 20.0}))
}

/// Five Mondays with a session each, and one with many.
fn surge() -> impl Iterator<Item = Json> {
    let mondays = ["09-28", "10-05", "10-12", "10-19", "10-26"].into_iter().chain(["11-02"; 120]);
    mondays.map(|day| json!({"created_at": format!("2026-{day}T12:00:00Z")}))
}

#[test]
fn every_query_answers_over_no_session_one_session_and_odd_ones() {
    for query in Catalogue::built_in().unwrap().queries() {
        let rows = |lake: &SmallLake| ask(&query.name, lake, &Arguments::new()).table.rows.len();
        let (of_none, of_one) = match query.name.as_str() {
            "network_risk" => (1, 1),
            "signal_coverage" => (19, 19),
            // One session shares nothing with another, and this one is of no inquiry and tells nothing.
            "inquiries_per_address" | "inquiries_per_device" | "addresses_per_device" => (0, 0),
            "sessions_per_inquiry" | "handoff_methods" | "device_changes" | "new_countries" => (0, 0),
            "address_velocity" | "impossible_travel" | "clusters" | "anomalies" => (0, 0),
            _ => (0, 1),
        };
        assert_eq!(rows(&SmallLake::new([])), of_none, "{}", query.name);
        assert_eq!(rows(&SmallLake::new([json!({})])), of_one, "{}", query.name);
        let odd = full_rows(1, 500).into_iter().chain(burst()).chain(surge());
        assert!(rows(&SmallLake::new(odd)) >= 1, "{}", query.name);
    }
    let empty = ask("network_risk", &SmallLake::new([]), &Arguments::new());
    assert_eq!((count(&empty, "sessions"), count(&empty, "vpn")), (0, 0));
    assert!(empty.table.value(0, "vpn_rate").is_null());
}

#[test]
fn queries_that_can_be_split_give_the_same_rows_in_the_same_order_share_by_share() {
    let catalogue = Catalogue::built_in().unwrap();
    let split: Vec<&Query> =
        catalogue.queries().iter().filter(|query| query.header.split.is_some()).collect();
    assert!(split.len() >= 3);
    for seed in 1..=3 {
        let lake = SmallLake::new(full_rows(seed, 1500));
        let bytes: u64 = lake.files.iter().map(|file| std::fs::metadata(&file.path).unwrap().len()).sum();
        for query in &split {
            // Without it in its own line a query is run as a whole.
            assert!(query.sql.contains("\nORDER BY"), "{}", query.name);
            let least =
                query.header.parameter("min_burst").map(|burst| (burst.name.clone(), Literal::Integer(2)));
            let least: Arguments = least.into_iter().collect();
            let ask = |engine| answer(query, &lake.scope(), &least, &engine).unwrap().table;
            let whole = ask(LocalEngine::new(&lake.scope()));
            assert!(whole.rows.len() > 1, "{}", query.name);
            let shares = LocalEngine::new(&lake.scope()).in_shares_of(bytes / 5);
            assert_eq!(ask(shares), whole, "{}", query.name);
        }
    }
}

#[test]
fn a_header_that_does_not_fit_its_query_is_an_error_that_names_both() {
    let lake = SmallLake::new([json!({})]);
    for (field, said) in [
        (
            "rate: r = a / n of n",
            "the header of the report `x` does not fit its rows: the rate `r` needs the column `a`",
        ),
        ("key: nope", "the report `x` names the key column `nope`"),
        ("chart: bar nope by n", "the report `x` names the chart column `nope`"),
    ] {
        let sql = format!("-- title: T\n-- question: Q?\n-- {field}\n\nSELECT COUNT(*) AS n FROM sessions");
        let query = Query::parse("x", "x.sql", &sql).unwrap();
        let scope = lake.scope();
        let error = answer(&query, &scope, &Arguments::new(), &LocalEngine::new(&scope)).unwrap_err();
        assert!(chain(&error).starts_with(said), "{}", chain(&error));
    }
}
