//! The answers about hours, connections, networks and countries, over rows whose figures can be told by hand.

use serde_json::{Value as Json, json};
use session_risk::analysis::bind::Arguments;
use session_risk::analysis::catalogue::Catalogue;
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::{Answer, Scope, answer};

use super::queries::{ask, lines_of, set};
use crate::small_lake::SmallLake;

/// The rows over these sessions, with nothing set.
fn of(name: &str, rows: impl IntoIterator<Item = Json>) -> Answer {
    ask(name, &SmallLake::new(rows), &Arguments::new())
}

#[test]
fn hour_of_day_counts_by_the_hour_of_creation_in_utc() {
    let session = |moment: &str, vpn: Json, level: Json| json!({"created_at": format!("2026-11-{moment}Z"), "is_vpn": vpn, "threat_level": level});
    let answer = of(
        "hour_of_day",
        [
            session("20T23:59:59.999", json!(true), json!("high")),
            session("19T23:00:00", json!(false), json!("low")),
            session("20T00:00:00", Json::Null, json!("HIGH")),
            session("18T09:30:00", json!(true), Json::Null),
        ],
    );
    assert_eq!(
        lines_of(&answer, &["hour", "sessions", "high", "assessed", "vpn", "vpn_known"]),
        ["0 1 0 1 0 0", "9 1 0 0 1 1", "23 2 1 2 1 2"]
    );
    assert_eq!(lines_of(&answer, &["high_rate", "vpn_rate"]), ["0 null", "null 1", "0.5 0.5"]);
}

#[test]
fn connection_types_have_shares_that_add_up_and_the_unknown_beside_the_empty() {
    let session = |kind: Json, vpn: Json, level: Json| json!({"ip_connection_type": kind, "is_vpn": vpn, "is_tor": false, "is_proxy": false, "threat_level": level});
    let answer = of(
        "connection_types",
        [
            session(json!("datacenter"), json!(true), json!("high")),
            session(json!("datacenter"), json!(false), json!("low")),
            session(json!("datacenter"), Json::Null, Json::Null),
            session(json!("mobile"), json!(false), json!("low")),
            session(Json::Null, Json::Null, Json::Null),
            session(json!(""), Json::Null, json!("high")),
        ],
    );
    let columns =
        ["ip_connection_type", "sessions", "total", "anonymised", "anonymised_known", "high", "assessed"];
    assert_eq!(
        lines_of(&answer, &columns),
        ["datacenter 3 6 1 2 1 2", " 1 6 0 0 1 1", "mobile 1 6 0 1 0 1", "null 1 6 0 0 0 0"]
    );
    assert_eq!(lines_of(&answer, &["share", "anonymised_rate"])[0], "0.5 0.5");
}

#[test]
fn networks_are_pairs_of_names_and_small_ones_are_marked_and_last() {
    let session = |isp: Json, organization: Json, inquiry: &str, level: Json, hosted: Json| json!({"ip_isp": isp, "network_organization": organization, "inquiry_id": inquiry, "threat_level": level, "is_datacenter": hosted});
    let large =
        |level: &str, hosted: bool| session(json!("A"), json!("Fleet"), "inq_1", json!(level), json!(hosted));
    let lake = SmallLake::new([
        large("low", true),
        large("low", true),
        session(json!("A"), json!("Fleet"), "inq_2", json!("high"), json!(false)),
        session(json!("A"), json!("Bank"), "inq_3", json!("high"), Json::Null),
        session(json!("A"), json!("Bank"), "inq_3", json!("high"), Json::Null),
        session(json!("A"), json!("Bank"), "inq_3", json!("high"), Json::Null),
        session(json!("A"), Json::Null, "inq_4", json!("low"), json!(true)),
        session(Json::Null, Json::Null, "inq_5", Json::Null, Json::Null),
    ]);
    let answer = ask("networks", &lake, &set("min_sessions", 3));
    let columns =
        ["ip_isp", "network_organization", "sessions", "inquiries", "high", "assessed", "datacenter"];
    assert_eq!(
        lines_of(&answer, &columns),
        ["A Fleet 3 2 1 3 2", "A Bank 3 1 3 3 0", "A null 1 1 0 1 1", "null null 1 1 0 0 0"]
    );
    // Of the bank nobody knows whether it is a data centre.
    assert_eq!((0..4).map(|row| answer.is_small(row)).collect::<Vec<_>>(), [false, true, true, true]);
    let all = ask("networks", &lake, &set("min_sessions", 1));
    assert_eq!(lines_of(&all, &["network_organization"]), ["Fleet", "null", "Bank", "null"]);
}

/// A session at a longitude, at a moment of 2026-11-20 in UTC.
fn at(time: &str, longitude: Json) -> Json {
    json!({"created_at": format!("2026-11-20T{time}Z"), "longitude": longitude, "country_code": "XX"})
}

#[test]
fn off_hours_go_by_the_sun_at_the_addresss_longitude() {
    for (time, longitude, is_night) in [
        ("00:00:00", 0.0, true),
        ("05:59:59.999", 0.0, true),
        ("06:00:00", 0.0, false),
        ("23:59:59.999", 0.0, false),
        // Tokyo is nine hours ahead, New York five behind.
        ("15:00:00", 139.7, true),
        ("14:59:59", 139.7, false),
        ("05:00:00", -74.0, true),
        ("04:59:59", -74.0, false),
        ("10:59:59", -74.0, true),
        ("11:00:00", -74.0, false),
        // A zone begins in the middle between two multiples of 15.
        ("23:00:00", 7.5, true),
        ("23:00:00", 7.49, false),
        ("00:00:00", -7.5, true),
        ("00:00:00", -7.51, false),
        // Both ends of the world have noon at midnight.
        ("12:00:00", 180.0, true),
        ("12:00:00", -180.0, true),
        ("18:00:00", 180.0, false),
        ("18:00:00", -180.0, false),
    ] {
        let answer = of("off_hours", [at(time, json!(longitude))]);
        let expected = format!("1 {} 1", i32::from(is_night));
        let columns = ["sessions", "off_hours", "local_known"];
        assert_eq!(lines_of(&answer, &columns), [expected], "{time} at {longitude}");
    }
}

#[test]
fn off_hours_of_no_longitude_are_unknown_and_never_day() {
    let odd = [Json::Null, json!(180.01), json!(-500), json!(1e300), json!(-1e300)];
    let answer = of("off_hours", odd.map(|longitude| at("12:00:00", longitude)));
    assert_eq!(lines_of(&answer, &["sessions", "off_hours", "local_known"]), ["5 0 0"]);
    assert_eq!(lines_of(&answer, &["off_hours_rate", "off_hours_rate_unknown"]), ["null 5"]);
}

#[test]
fn a_night_may_begin_before_midnight_and_end_on_any_hour() {
    let lake = SmallLake::new((0..24).map(|hour| at(&format!("{hour:02}:30:00"), json!(0))));
    for (from, until, hours) in [(22, 5, 8), (0, 0, 1), (23, 23, 1), (1, 0, 24), (0, 23, 24), (23, 22, 24)] {
        let mut given = set("night_from", from);
        given.extend(set("night_until", until));
        let answer = ask("off_hours", &lake, &given);
        assert_eq!(lines_of(&answer, &["off_hours"]), [hours.to_string()], "{from} to {until}");
    }
}

#[test]
fn off_hours_rank_countries_of_few_known_hours_last() {
    let session = |code: &str, hour: u32| json!({"created_at": format!("2026-11-20T{hour:02}:00:00Z"), "longitude": 0, "country_code": code});
    let lake = SmallLake::new([session("AA", 2), session("AA", 3), session("BB", 12), session("BB", 1)]);
    assert_eq!(lines_of(&ask("off_hours", &lake, &set("min_sessions", 2)), &["country_code"]), ["AA", "BB"]);
    let mut rows = vec![session("BB", 12); 3];
    rows.extend(vec![session("AA", 2); 2]);
    let answer = ask("off_hours", &SmallLake::new(rows), &set("min_sessions", 3));
    assert_eq!(lines_of(&answer, &["country_code", "off_hours"]), ["BB 0", "AA 2"]);
    assert_eq!([answer.is_small(0), answer.is_small(1)], [false, true]);
}

/// A session of a country; the range of the tests begins on 2026-10-24.
fn from(code: &str, day: &str, level: &str) -> Json {
    json!({"country_code": code, "created_at": format!("2026-{day}T12:00:00Z"), "threat_level": level})
}

const HISTORY: [&str; 5] = ["country_code", "history", "sessions", "sessions_before", "high_rate"];

#[test]
fn new_countries_are_those_that_the_days_before_do_not_have() {
    let mut rows = vec![from("US", "11-20", "low"), from("FR", "11-20", "high"), from("FR", "11-19", "low")];
    rows.extend(vec![from("US", "10-23", "low"); 10]);
    rows.extend(vec![from("FR", "10-23", "high"); 9]);
    // The first of the 28 days before, and the day before that.
    rows.extend([from("DE", "09-26", "low"), from("DE", "10-24", "low")]);
    rows.extend([from("BR", "09-25", "low"), from("BR", "11-01", "high"), from("BR", "11-02", "high")]);
    // Nobody came from there in the range.
    rows.push(from("JP", "10-01", "low"));
    rows.extend([json!({}), json!({"country_name": "Germany"})]);
    let lake = SmallLake::new(rows);
    let answer = ask("new_countries", &lake, &Arguments::new());
    assert_eq!(lines_of(&answer, &HISTORY), ["BR new 2 0 1", "FR rare 2 9 0.5", "DE rare 1 1 0"]);
    assert_eq!(
        lines_of(&answer, &["first_seen"]),
        ["2026-11-01T12:00:00Z", "2026-10-23T12:00:00Z", "2026-09-26T12:00:00Z"]
    );
    let rare = |below: i64| lines_of(&ask("new_countries", &lake, &set("rare_below", below)), &HISTORY[..1]);
    assert_eq!(rare(1), ["BR"]);
    assert_eq!(rare(2), ["BR", "DE"]);
    assert_eq!(rare(11), ["BR", "FR", "DE", "US"]);
}

#[test]
fn no_country_is_new_for_certain_where_days_before_are_missing() {
    let lake =
        SmallLake::new([from("BR", "11-01", "low"), from("FR", "11-01", "low"), from("FR", "10-23", "low")]);
    let history = |scope: &Scope| {
        let query = &Catalogue::built_in().unwrap().select(&["new_countries".to_owned()]).unwrap()[0];
        let answer = answer(query, scope, &Arguments::new(), &LocalEngine::new(scope)).unwrap();
        (answer.missing_before.len(), lines_of(&answer, &HISTORY[..2]))
    };
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let mut scope = lake.scope();
    let days: Vec<_> = scope.range.before(28).unwrap().days().collect();
    // What lies before those days is not looked at.
    scope.before.missing = vec!["2026-09-25".parse().unwrap()];
    assert_eq!(history(&scope), (0, lines(&["BR new", "FR rare"])));
    scope.before.missing = days[..27].to_vec();
    assert_eq!(history(&scope), (27, lines(&["BR perhaps new", "FR rare"])));
    scope.before.missing = days;
    // The last of them is open, and has a session.
    assert_eq!(history(&scope), (28, lines(&["BR null", "FR rare"])));
    scope.before.files.clear();
    assert_eq!(history(&scope), (28, lines(&["BR null", "FR null"])));
}
