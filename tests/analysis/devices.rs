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
