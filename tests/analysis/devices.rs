//! The answers about inquiries, devices and handoffs, over rows whose figures can be told by hand.

use serde_json::{Value as Json, json};
use session_risk::analysis::bind::Arguments;

use super::queries::{ask, lines_of, set};
use crate::small_lake::SmallLake;

#[test]
fn sessions_per_inquiry_is_a_distribution_over_inquiries() {
    let sessions = |inquiry: &str, count: usize| vec![json!({"inquiry_id": inquiry}); count];
    let mut rows =
        [sessions("inq_a", 1), sessions("inq_b", 3), sessions("inq_c", 1), sessions("inq_d", 25)].concat();
    rows.extend(vec![json!({}); 4]);
    let answer = ask("sessions_per_inquiry", &SmallLake::new(rows), &Arguments::new());
    assert_eq!(lines_of(&answer, &["sessions", "inquiries", "total"]), ["1 2 4", "3 1 4", "25 1 4"]);
    assert_eq!(lines_of(&answer, &["share"]), ["0.5", "0.25", "0.25"]);
}

#[test]
fn addresses_per_device_counts_distinct_known_addresses_countries_and_inquiries() {
    let session = |hour: u32, device: Json, address: Json, country: Json, inquiry: Json| json!({"created_at": format!("2026-11-20T{hour:02}:00:00Z"), "device_id": device, "ip_address": address, "country_code": country, "inquiry_id": inquiry});
    let lake = SmallLake::new([
        session(9, json!("dev_a"), json!("192.0.2.1"), json!("DE"), json!("inq_1")),
        session(8, json!("dev_a"), json!("192.0.2.1"), json!("FR"), json!("inq_1")),
        session(7, json!("dev_a"), json!("192.0.2.2"), json!("DE"), json!("inq_2")),
        session(6, json!("dev_a"), json!("2001:db8::1"), Json::Null, Json::Null),
        // Without an address it counts for nothing here.
        session(5, json!("dev_a"), Json::Null, json!("BR"), json!("inq_9")),
        session(4, json!("dev_b"), json!("192.0.2.1"), Json::Null, Json::Null),
        session(3, json!("dev_b"), json!("192.0.2.3"), Json::Null, Json::Null),
        session(2, Json::Null, json!("192.0.2.4"), json!("DE"), json!("inq_3")),
        session(1, json!("dev_c"), json!("192.0.2.5"), json!("DE"), json!("inq_4")),
    ]);
    let columns = ["device_id", "sessions", "inquiries", "addresses", "countries"];
    let two = ask("addresses_per_device", &lake, &set("min_addresses", 2));
    assert_eq!(lines_of(&two, &columns), ["dev_a 4 2 3 2", "dev_b 2 0 2 0"]);
    assert_eq!(lines_of(&two, &["first_seen", "last_seen"])[0], "2026-11-20T06:00:00Z 2026-11-20T09:00:00Z");
    let least = |least| lines_of(&ask("addresses_per_device", &lake, &set("min_addresses", least)), &columns);
    assert_eq!((least(1).len(), least(3).len(), least(4).len()), (3, 1, 0));
    assert_eq!(least(1)[2], "dev_c 1 1 1 1");
}

#[test]
fn handoff_methods_are_shares_of_the_sessions_that_tell_one() {
    let session = |method: Json, level: Json| json!({"device_handoff_method": method, "threat_level": level});
    let mut rows = vec![session(json!("qr"), json!("high")); 3];
    rows.push(session(json!("sms"), Json::Null));
    rows.push(session(json!("SMS"), json!("low")));
    rows.push(session(json!(""), json!("low")));
    rows.extend(vec![session(Json::Null, json!("high")); 10]);
    let answer = ask("handoff_methods", &SmallLake::new(rows), &Arguments::new());
    assert_eq!(
        lines_of(&answer, &["device_handoff_method", "sessions", "handoffs", "high", "assessed"]),
        ["qr 3 6 3 3", " 1 6 0 1", "SMS 1 6 0 1", "sms 1 6 0 0"]
    );
    assert_eq!(lines_of(&answer, &["share", "high_rate"])[0], "0.5 1");
}

/// A session of an inquiry: its handoff method, device, type and system.
fn session(inquiry: &str, handoff: Json, device: Json, kind: Json, system: Json) -> Json {
    json!({"inquiry_id": inquiry, "device_handoff_method": handoff, "device_id": device, "device_type": kind, "os_name": system})
}

const CHANGES: [&str; 5] = ["inquiry_id", "sessions", "devices", "device_types", "systems"];

#[test]
fn device_changes_names_inquiries_with_several_known_devices_types_or_systems() {
    let plain = |inquiry: &str, device: Json, kind: Json, system: Json| {
        session(inquiry, Json::Null, device, kind, system)
    };
    let rows = [
        plain("inq_all", json!("dev_a"), json!("desktop"), json!("Mac")),
        plain("inq_all", json!("dev_b"), json!("smartphone"), json!("iOS")),
        plain("inq_all", Json::Null, json!("tablet"), json!("iOS")),
        plain("inq_device", json!("dev_a"), json!("desktop"), json!("Mac")),
        plain("inq_device", json!("dev_c"), json!("desktop"), json!("Mac")),
        plain("inq_type", Json::Null, json!("desktop"), Json::Null),
        plain("inq_type", Json::Null, json!("tablet"), Json::Null),
        // What is not known is no change, nor is the same twice, nor a session alone.
        plain("inq_unknown", json!("dev_a"), json!("desktop"), Json::Null),
        plain("inq_unknown", Json::Null, Json::Null, json!("Mac")),
        plain("inq_same", json!("dev_a"), json!("desktop"), json!("Mac")),
        plain("inq_same", json!("dev_a"), json!("desktop"), json!("Mac")),
        plain("inq_alone", json!("dev_d"), json!("desktop"), json!("Mac")),
        json!({"device_id": "dev_e"}),
        json!({"device_id": "dev_f"}),
    ];
    let answer = ask("device_changes", &SmallLake::new(rows), &Arguments::new());
    // More systems come first, then more types.
    assert_eq!(lines_of(&answer, &CHANGES), ["inq_all 3 2 3 2", "inq_device 2 2 1 1", "inq_type 2 0 2 0"]);
}

#[test]
fn a_handoff_is_no_device_change_nor_is_what_goes_on_where_it_led() {
    let phone = |inquiry: &str, handoff: Json| {
        session(inquiry, handoff, json!("dev_phone"), json!("smartphone"), json!("iOS"))
    };
    let desk =
        |inquiry: &str| session(inquiry, Json::Null, json!("dev_desk"), json!("desktop"), json!("Mac"));
    let other =
        |inquiry: &str| session(inquiry, Json::Null, json!("dev_other"), json!("desktop"), json!("Windows"));
    let rows = [
        desk("inq_handed"),
        phone("inq_handed", json!("sms")),
        desk("inq_goes_on"),
        phone("inq_goes_on", json!("qr")),
        phone("inq_goes_on", Json::Null),
        desk("inq_third"),
        phone("inq_third", json!("qr")),
        phone("inq_third", Json::Null),
        other("inq_third"),
        // A handoff in another inquiry says nothing of this one.
        desk("inq_other"),
        phone("inq_other", Json::Null),
    ];
    let answer = ask("device_changes", &SmallLake::new(rows), &Arguments::new());
    assert_eq!(lines_of(&answer, &CHANGES), ["inq_other 2 2 2 2", "inq_third 2 2 1 2"]);
}
