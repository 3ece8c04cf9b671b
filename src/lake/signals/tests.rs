//! What is news, and what is not.

use super::*;
use crate::session::decode::{Decoder, Seen};

/// Sessions of a day, each made by a function of its number.
fn sessions(day: &str, count: usize, attributes: impl Fn(usize) -> String) -> Sightings {
    of((0..count).map(|nth| (day.to_owned(), attributes(nth))))
}

/// Sessions in this order, each of a day.
fn of(sessions: impl Iterator<Item = (String, String)>) -> Sightings {
    let mut decoder = Decoder::default();
    let seen = Seen { environment: None, at: "2026-11-30T00:00:00Z".parse().unwrap() };
    for (nth, (day, attributes)) in sessions.enumerate() {
        let text = format!(
            r#"{{"type":"inquiry-session","id":"iqse_{nth}","attributes":{{"created-at":"{day}T10:00:00Z",{attributes}}}}}"#,
        );
        decoder.value(text.as_bytes(), &seen).unwrap();
    }
    let mut sightings = Sightings::default();
    sightings.see(&decoder.take().unwrap());
    sightings
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn usual(_: usize) -> String {
    r#""status":"expired","threat-level":"low","is-vpn":false"#.to_owned()
}

/// A record that has seen usual sessions.
fn record() -> SignalsRecord {
    let mut record = SignalsRecord::default();
    assert_eq!(record.take_in(&sessions("2026-11-20", 30, usual)), [], "the first run has no news");
    record
}

fn told(record: &mut SignalsRecord, seen: &Sightings) -> Vec<String> {
    record.take_in(seen).iter().map(ToString::to_string).collect()
}

#[test]
fn a_new_attribute_a_new_value_and_a_new_name_are_told_once() {
    let mut record = record();
    let seen = sessions("2026-11-21", 30, |nth| match nth {
        7 => r#""status":"canceled","threat-level":"low","is-vpn":false,"gps-country-code":"DE""#.to_owned(),
        8 => r#""status":"expired","threat-level":"low","is-vpn":false,"liveness":0.5"#.to_owned(),
        9 => r#""status":"expired","threat-level":"low","is-vpn":"perhaps""#.to_owned(),
        _ => usual(nth),
    });
    assert_eq!(
        told(&mut record, &seen),
        [
            "new since the last run: the attribute \"gps_country_code\"",
            "new since the last run: status has the value \"canceled\"",
            "new since the last run: the attribute \"liveness\"",
        ]
    );
    assert_eq!(record.take_in(&seen), []);
    let days = |first, last| Days { first_seen: date(first), last_seen: date(last) };
    assert_eq!(record.attributes["is_vpn"].days, days("2026-11-20", "2026-11-21"));
    assert_eq!(record.attributes["status"].values["canceled"], days("2026-11-21", "2026-11-21"));
    assert_eq!(record.unknown.keys().collect::<Vec<_>>(), ["liveness"]);
}

#[test]
fn the_order_of_sessions_does_not_matter() {
    let session = |day: usize| {
        let values = match day {
            3 | 9 | 14 => r#""status":"expired","is-vpn":true,"threat-level":"high""#,
            1 | 20 => r#""status":"active","is-vpn":null"#,
            _ => r#""status":"expired","is-vpn":null,"threat-level":null"#,
        };
        (format!("2026-11-{day:02}"), values.to_owned())
    };
    let record = |days: &mut dyn Iterator<Item = usize>| {
        let mut record = SignalsRecord::default();
        record.take_in(&of(days.map(session)));
        record
    };
    let newest_first = record(&mut (1..=20).rev());
    let days = |first, last| Days { first_seen: date(first), last_seen: date(last) };
    assert_eq!(newest_first.attributes["is_vpn"].days, days("2026-11-03", "2026-11-14"));
    assert_eq!(newest_first.attributes["status"].values["active"], days("2026-11-01", "2026-11-20"));
    assert_eq!(newest_first.attributes["threat_level"].values["high"], days("2026-11-03", "2026-11-14"));
    assert_eq!(newest_first, record(&mut (1..=20)));
    assert_eq!(newest_first, record(&mut (0..20).map(|nth| nth * 7 % 20 + 1)));
}

#[test]
fn an_attribute_that_is_absent_throughout_is_told_once_until_it_comes_back() {
    let mut record = record();
    let without = |_| r#""status":"expired","threat-level":"low""#.to_owned();
    let null = |_| r#""status":"expired","threat-level":"low","is-vpn":null"#.to_owned();
    assert_eq!(record.take_in(&sessions("2026-11-21", 30, null)), [], "null is not absent");
    assert_eq!(record.take_in(&sessions("2026-11-21", ENOUGH_ROWS - 1, without)), [], "too few to tell");
    let gone = [News::Absent("is_vpn".to_owned())];
    assert_eq!(record.take_in(&sessions("2026-11-21", 30, without)), gone);
    assert_eq!(record.take_in(&sessions("2026-11-22", 30, without)), []);
    assert_eq!(record.attributes["is_vpn"].absent_since, Some(date("2026-11-21")));
    assert_eq!(record.take_in(&sessions("2026-11-23", 30, usual)), []);
    assert_eq!(record.take_in(&sessions("2026-11-24", 30, without)), gone);
}

#[test]
fn what_only_old_sessions_have_is_no_news_but_is_known() {
    let mut record = record();
    let old = |_| r#""status":"pending","threat-level":"low","is-vpn":false"#.to_owned();
    assert_eq!(record.take_in(&sessions("2026-10-01", 30, old)), []);
    assert_eq!(record.attributes["status"].values["pending"].first_seen, date("2026-10-01"));
    // A session within the look-back whose status changed is news.
    let changed = |_| r#""status":"voided","threat-level":"low","is-vpn":false"#.to_owned();
    assert_eq!(told(&mut record, &sessions("2026-11-15", 30, changed)).len(), 1);
}

#[test]
fn the_record_is_bounded_whatever_the_api_says() {
    let odd = |nth| format!(r#""status":"odd-{nth}","user-agent":"a person","name-{nth}":"a secret""#);
    let mut record = record();
    let told = told(&mut record, &sessions("2026-11-21", 500, odd));
    assert!(told.len() <= 2 * MOST + 2, "{}", told.len());
    let long = "x".repeat(LONGEST + 1);
    record.take_in(&sessions("2026-11-21", 30, |_| format!(r#""status":"{long}","{long}":1"#)));
    let json = serde_json::to_string(&record).unwrap();
    assert!(json.len() < 20_000, "{}", json.len());
    assert!(!json.contains("person") && !json.contains("secret") && !json.contains(&long));
    assert!(record.attributes.contains_key("user_agent"), "that there is one is no secret");
}
