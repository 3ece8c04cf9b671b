//! The answers about hours, connections, networks and countries, over rows whose figures can be told by hand.

use serde_json::{Value as Json, json};
use session_risk::analysis::Answer;
use session_risk::analysis::bind::Arguments;

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
