//! What each page of `data-samples/` becomes: rows, what was absent and what was null, `extra`, wrong types and
//! quarantine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use arrow::array::{Array, RecordBatch, cast::AsArray};
use arrow::datatypes::{DataType, Float64Type, TimestampMillisecondType};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use session_risk::persona::page::outline;
use session_risk::session::decode::column_at;
use session_risk::session::schema::{ATTRIBUTES, Kind, RELATIONSHIPS};
use session_risk::session::{Decoded, Decoder, PageFacts, Seen};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data-samples");
const ENVIRONMENT: &str = "env_Sample";
const FETCHED_AT: &str = "2026-11-21T06:30:00.250Z";

/// The columns of an API of before `is-vpn`, location and network attributes.
const NEWER: [&str; 8] = [
    "is_vpn",
    "gps_latitude",
    "gps_longitude",
    "gps_precision",
    "gps_country_code",
    "ip_connection_type",
    "ip_isp",
    "network_organization",
];

/// The pages by role, sorted.
pub(crate) fn names() -> Vec<String> {
    let entries = std::fs::read_dir(FOLDER).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // The lake has tests of its own.
    names.retain(|name| name != "README.md" && name != "lake");
    names.sort();
    names
}

fn text_of(name: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap()
}

fn decode(page: &str) -> (PageFacts, Decoded) {
    let mut decoder = Decoder::default();
    let seen = Seen { environment: Some(ENVIRONMENT.into()), at: FETCHED_AT.parse().unwrap() };
    let facts = decoder.value(page.as_bytes(), &seen).unwrap();
    (facts, decoder.take().unwrap())
}

fn sample(name: &str) -> Sample {
    let page = text_of(&format!("sessions-{name}.json"));
    let (facts, decoded) = decode(&page);
    assert_eq!((facts.rows, facts.rows), (decoded.batch.num_rows(), decoded.absent.len()));
    assert_eq!(facts.resources, facts.rows + decoded.quarantined.len());
    Sample { page, decoded }
}

/// A page and what it became.
struct Sample {
    page: String,
    decoded: Decoded,
}

impl Sample {
    fn value(&self, row: usize, column: &str) -> Json {
        value(&self.decoded.batch, row, column)
    }

    fn text(&self, row: usize, column: &str) -> String {
        self.value(row, column).as_str().unwrap_or_else(|| panic!("{column} of row {row}")).to_owned()
    }

    fn ids(&self) -> Vec<String> {
        (0..self.decoded.batch.num_rows()).map(|row| self.text(row, "session_id")).collect()
    }

    /// The columns whose attribute or relationship was not there, `browser_fingerprint` left out: no API of
    /// today has it.
    fn absent(&self, row: usize) -> BTreeSet<&'static str> {
        let mut absent = absent(self.decoded.absent[row]);
        absent.remove("browser_fingerprint");
        absent
    }

    /// The attributes and relationships that are null without being absent.
    fn nulls(&self, row: usize) -> BTreeSet<&'static str> {
        let places = 0..ATTRIBUTES.len() + RELATIONSHIPS.len();
        let gone = absent(self.decoded.absent[row]);
        places
            .map(column_at)
            .filter(|column| self.value(row, column).is_null() && !gone.contains(column))
            .collect()
    }

    fn wrong_types(&self) -> BTreeMap<&'static str, u64> {
        self.decoded.wrong_types.clone()
    }

    fn extras(&self) -> Vec<Json> {
        (0..self.decoded.batch.num_rows()).map(|row| self.value(row, "extra")).collect()
    }

    /// Whether every value is what a general JSON parser finds under the same name.
    fn assert_every_value_as_it_came(&self) {
        let page: Json = serde_json::from_str(&self.page).unwrap();
        let data = page["data"].as_array().unwrap();
        assert_eq!(data.len(), self.decoded.batch.num_rows());
        for (row, resource) in data.iter().enumerate() {
            assert_eq!(self.value(row, "session_id"), resource["id"]);
            assert_eq!(self.value(row, "environment_id"), ENVIRONMENT);
            assert_eq!(self.value(row, "fetched_at"), FETCHED_AT);
            for (name, column) in RELATIONSHIPS {
                assert_eq!(
                    self.value(row, column),
                    resource["relationships"][name]["data"]["id"],
                    "{column}"
                );
            }
            for attribute in ATTRIBUTES {
                let came = &resource["attributes"][attribute.column.replace('_', "-")];
                let expected = match attribute.kind {
                    Kind::Number => json!(came.as_f64()),
                    _ => came.clone(),
                };
                assert_eq!(self.value(row, attribute.column), expected, "{} of row {row}", attribute.column);
            }
        }
    }
}

fn absent(mask: u64) -> BTreeSet<&'static str> {
    let places = ATTRIBUTES.len() + RELATIONSHIPS.len();
    assert_eq!(mask >> places, 0, "a bit that no column has");
    (0..places).filter(|place| mask & (1 << place) != 0).map(column_at).collect()
}

fn value(batch: &RecordBatch, row: usize, column: &str) -> Json {
    let array = batch.column_by_name(column).unwrap_or_else(|| panic!("no column {column}"));
    if array.is_null(row) {
        return Json::Null;
    }
    match array.data_type() {
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        _ => {
            let ms = array.as_primitive::<TimestampMillisecondType>().value(row);
            json!(Timestamp::from_millisecond(ms).unwrap().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
        }
    }
}

fn set<const N: usize>(columns: [&'static str; N]) -> BTreeSet<&'static str> {
    columns.into()
}

/// The page with the names of its attributes and relationships in another inflection.
fn inflected(page: &str, inflect: impl Fn(&str) -> String) -> String {
    let line = |line: &str| match line.strip_prefix("        \"").and_then(|rest| rest.split_once("\":")) {
        Some((name, value)) if !name.contains('"') => format!("        \"{}\":{value}\n", inflect(name)),
        _ => format!("{line}\n"),
    };
    page.lines().map(line).collect()
}

#[test]
fn ordinary_sessions_become_rows_with_every_value_as_it_came() {
    let page = sample("ordinary");
    page.assert_every_value_as_it_came();
    assert_eq!(page.ids()[1], "iqse_OrdinaryPhone0000000002");
    assert_eq!(page.value(1, "created_at"), "2026-11-20T13:12:09.000Z");
    assert_eq!(page.value(1, "started_at"), "2026-11-20T13:12:11.482Z");
    assert_eq!(page.value(1, "ip_address"), "2001:db8:40::a1");
    assert_eq!(page.value(1, "is_vpn"), true);
    assert_eq!(page.value(1, "gps_longitude"), 13.404954);
    assert_eq!(page.value(1, "gps_country_code"), "DE");
    assert_eq!(page.value(2, "latitude"), 52.0);
    assert_eq!(page.value(3, "region_name"), "São Paulo");
    assert_eq!(page.value(3, "network_id"), "net_OrdinaryOffice0000000004");
    assert_eq!(page.value(0, "inquiry_id"), page.value(1, "inquiry_id"));
    for row in 0..4 {
        assert_eq!(page.absent(row), set([]));
    }
    assert_eq!(page.extras(), [Json::Null, Json::Null, Json::Null, Json::Null]);
    assert!(page.wrong_types().is_empty());
}

#[test]
fn nulls_stay_null_and_are_not_taken_for_absent() {
    let page = sample("nulls");
    page.assert_every_value_as_it_came();
    for row in 0..4 {
        assert_eq!(page.absent(row), set([]));
    }
    assert_eq!(
        page.nulls(0).len(),
        ATTRIBUTES.len() + RELATIONSHIPS.len() - 1 - 3,
        "all but status, created_at and inquiry_id, and the fingerprint that is absent"
    );
    assert_eq!(
        page.nulls(1),
        set([
            "expired_at",
            "device_name",
            "mobile_sdk_name",
            "mobile_sdk_full_version",
            "device_handoff_method",
            "is_proxy",
            "is_tor",
            "is_datacenter",
            "is_vpn",
            "threat_level",
            "gps_latitude",
            "gps_longitude",
            "gps_precision",
            "gps_country_code",
            "ip_connection_type",
            "ip_isp",
            "network_organization",
            "network_id",
        ])
    );
    assert_eq!(page.value(2, "is_tor"), false);
    assert_eq!(page.value(2, "is_datacenter"), true);
    assert!(page.nulls(2).is_superset(&set(["is_proxy", "is_vpn", "device_id"])));
    assert_eq!(page.value(3, "expired_at"), "2026-11-20T18:00:00.000Z");
    assert!(page.nulls(3).contains("ip_address"));
    assert_eq!(page.extras(), [Json::Null, Json::Null, Json::Null, Json::Null]);
}

#[test]
fn absent_keys_are_null_and_counted_apart_from_null() {
    let page = sample("absent-keys");
    page.assert_every_value_as_it_came();
    let blocked = set(["ip_address", "user_agent", "latitude", "longitude", "gps_latitude", "gps_longitude"]);
    assert_eq!(page.absent(0), blocked);
    assert_eq!(page.nulls(0), set(["started_at", "expired_at"]));
    assert_eq!(page.absent(1), set(["device_id", "network_id"]));
    let mut older = set(["started_at", "expired_at", "inquiry_id", "device_id", "network_id"]);
    older.extend(NEWER);
    assert_eq!(page.absent(2), older);
    assert_eq!(page.value(2, "browser_fingerprint"), "0a1b2c3d4e5f");
    assert!(!absent(page.decoded.absent[2]).contains("browser_fingerprint"));
    assert!(absent(page.decoded.absent[0]).contains("browser_fingerprint"));
    let all_but_two = ATTRIBUTES.len() + RELATIONSHIPS.len() - 2;
    assert_eq!(absent(page.decoded.absent[3]).len(), all_but_two);
    assert_eq!(page.nulls(3), set([]));
    assert_eq!(page.value(3, "status"), "expired");
    assert_eq!(page.extras(), [Json::Null, Json::Null, Json::Null, Json::Null]);
}

#[test]
fn unknown_attributes_and_relationships_are_kept_in_extra_and_unknown_values_as_they_are() {
    let page = sample("unknown-attributes");
    page.assert_every_value_as_it_came();
    assert_eq!(
        page.text(0, "extra"),
        r#"{"attributes":{"account_age_days":12345678901234567890,"face_match_score":0.93,"risk_tags":["new-device", "night"],"sim_country_code":null,"velocity":{"per-hour": 3, "isBurst": false}}}"#
    );
    assert_eq!(
        page.text(1, "extra"),
        r#"{"relationships":{"account":{"data": {"type": "account", "id": "act_Unknown0000000000000002"}},"session_groups":{"data": []}}}"#
    );
    assert_eq!(page.value(2, "extra"), Json::Null);
    assert_eq!(page.text(2, "session_id").len(), 64);
    for (column, value) in [
        ("status", "paused"),
        ("device_type", "smart glasses"),
        ("os_name", "visionOS"),
        ("device_handoff_method", "nfc"),
        ("threat_level", "critical"),
        ("gps_precision", "approximate"),
        ("ip_connection_type", "satellite"),
        ("country_code", "XX"),
    ] {
        assert_eq!(page.value(2, column), value, "{column}");
    }
    assert!(page.wrong_types().is_empty());
}

#[test]
fn wrong_types_become_null_are_counted_and_stay_in_extra_as_they_came() {
    let page = sample("wrong-types");
    assert_eq!(
        page.ids(),
        ["iqse_WrongBooleans0000000001", "iqse_WrongMomentsNumbers0002", "iqse_WrongTexts0000000000003"]
    );
    let extras = [
        r#"{"attributes":{"is_datacenter":"","is_proxy":"true","is_tor":1,"is_vpn":[false]}}"#,
        r#"{"attributes":{"expired_at":"2026-11-17T11:00:00.000","gps_latitude":false,"is_vpn":"false","latitude":"45.5","longitude":1e999,"started_at":1795165050145}}"#,
        r#"{"attributes":{"country_code":840,"ip_address":{"v4": "192.0.2.30"},"os_full_version":10.15,"status":2,"threat_level":true,"user_agent":["Chrome", "131"]},"relationships":{"device":{"data": []},"inquiry":{"data": {"type": "inquiry", "id": 17}},"network":"net_WrongCable0000000000001"}}"#,
    ];
    assert_eq!(page.extras(), extras);
    let once = [
        "country_code",
        "device_id",
        "expired_at",
        "gps_latitude",
        "inquiry_id",
        "ip_address",
        "is_datacenter",
        "is_proxy",
        "is_tor",
        "latitude",
        "longitude",
        "network_id",
        "os_full_version",
        "started_at",
        "status",
        "threat_level",
        "user_agent",
    ];
    let mut counted: BTreeMap<&str, u64> = once.into_iter().map(|column| (column, 1)).collect();
    counted.insert("is_vpn", 2);
    assert_eq!(page.wrong_types(), counted);
    for (row, columns) in [
        (0, &["is_proxy", "is_tor", "is_datacenter", "is_vpn"][..]),
        (1, &["started_at", "expired_at", "latitude", "longitude", "gps_latitude", "is_vpn"]),
        (2, &["status", "ip_address", "user_agent", "os_full_version", "threat_level", "country_code"]),
        (2, &["inquiry_id", "device_id", "network_id"]),
    ] {
        for column in columns {
            assert_eq!(page.value(row, column), Json::Null, "{column} of row {row}");
            assert!(!page.absent(row).contains(column), "{column} was there");
        }
    }
    // What stands beside a wrong value is kept, and another zone than UTC is a zone.
    assert_eq!(page.value(0, "threat_level"), "low");
    assert_eq!(page.value(1, "created_at"), "2026-11-16T10:00:00.000Z");
    assert_eq!(page.value(1, "is_proxy"), false);
    assert_eq!(page.value(2, "browser_name"), "Chrome");
    assert_eq!(page.value(2, "latitude"), 45.5);
}

#[test]
fn what_cannot_be_a_row_is_quarantined_with_its_reason_and_its_text() {
    let page = sample("wrong-types");
    let quarantined: Vec<_> =
        page.decoded.quarantined.iter().map(|one| (one.session_id.as_deref(), one.reason)).collect();
    assert_eq!(
        quarantined,
        [
            (None, "it has no id"),
            (Some("iqse_WrongZonelessCreatedAt5"), "its created-at is not a date-time with a zone"),
            (Some("iqse_WrongClockOfZero0000006"), "its created-at lies before 2015"),
        ]
    );
    let marks =
        ["inq_Wrong000000000000000000000D", "\"2026-11-16T07:00:00.000\"", "\"1970-01-01T00:00:00.000Z\""];
    for (quarantined, mark) in page.decoded.quarantined.iter().zip(marks) {
        let kept = quarantined.resource.as_ref().unwrap().get();
        assert!(kept.contains(mark) && page.page.contains(kept), "{kept}");
    }
    for name in ["ordinary", "nulls", "absent-keys", "unknown-attributes", "odd-text"] {
        assert!(sample(name).decoded.quarantined.is_empty(), "{name}");
    }
}

#[test]
fn odd_text_is_kept_byte_for_byte() {
    let page = sample("odd-text");
    assert_eq!(page.decoded.batch.num_rows(), 6);
    let expected = [
        (
            0,
            "user_agent",
            "quote \" backslash \\ slash / back\u{8} form\u{c} line\n return\r tab\t e\u{301} \u{e9} \u{1f600} \u{1f600}",
        ),
        (0, "device_name", "nul\0 bell\u{7} escape\u{1b}[31mred\u{1b}[0m delete\u{7f} c1\u{9b}31m"),
        (0, "country_name", "C\u{f4}te d\u{2019}Ivoire"),
        (0, "region_name", "\u{e9} e\u{301}"),
        (1, "device_name", "evil\u{202e}gnp.exe\u{2066}"),
        (1, "country_name", "\u{5d9}\u{5e9}\u{5e8}\u{5d0}\u{5dc}"),
        (1, "region_name", "\u{645}\u{646}\u{637}\u{642}\u{629} \u{627}\u{644}\u{631}\u{64a}\u{627}\u{636}"),
        (
            1,
            "network_organization",
            "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{141}\u{f3}d\u{17a} \u{6771}\u{4eac} \u{1f1e9}\u{1f1ea}",
        ),
        (2, "user_agent", "<script>alert(1)</script><img src=x onerror=alert(1)>"),
        (2, "device_name", "=HYPERLINK(\"https://example.com\",\"open\")"),
        (2, "browser_name", "| **bold** | [link](javascript:alert(1)) |"),
        (2, "ip_isp", "@SUM(1+1)"),
        (2, "network_organization", "'; DROP TABLE sessions; --"),
        (2, "os_name", "-1+2"),
        (2, "country_code", "${HOME}"),
        (5, "ip_address", ""),
        (5, "user_agent", " "),
        (5, "os_name", "\u{a0}"),
        (5, "device_type", "null"),
        (5, "country_code", "us "),
        (5, "region_name", "  two  spaces  "),
        (5, "device_id", ""),
    ];
    for (row, column, text) in expected {
        assert_eq!(page.text(row, column), text, "{column} of row {row}");
    }
    let long = page.text(3, "user_agent");
    assert_eq!((long.len(), long.matches("token/0123456789").count()), (8_000, 469));
    assert!(page.page.contains(&format!("\"{long}\"")));
}

#[test]
fn half_of_a_surrogate_pair_is_no_text_and_stays_in_extra_as_it_came() {
    let page = sample("odd-text");
    assert_eq!(page.value(4, "device_name"), Json::Null);
    assert_eq!(page.value(4, "browser_name"), Json::Null);
    assert_eq!(
        page.text(4, "extra"),
        r#"{"attributes":{"browser_name":"\udc00","device_name":"half \ud83d of a pair"}}"#
    );
    assert_eq!(page.wrong_types(), BTreeMap::from([("browser_name", 1), ("device_name", 1)]));
    assert_eq!(page.value(4, "ip_address"), "198.51.100.89");
    for row in [0, 1, 2, 3, 5] {
        assert_eq!(page.value(row, "extra"), Json::Null);
    }
}

#[test]
fn every_sample_becomes_the_same_rows_in_each_inflection() {
    let camel = |name: &str| {
        let mut words = name.split('-');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |camel, word| camel + &word[..1].to_uppercase() + &word[1..])
    };
    for name in names() {
        let page = text_of(&name);
        let (facts, kebab) = decode(&page);
        for other in [inflected(&page, |name| name.replace('-', "_")), inflected(&page, camel)] {
            assert_ne!(other, page, "{name}");
            let (other_facts, other) = decode(&other);
            assert_eq!(other_facts, facts, "{name}");
            assert_eq!(other.batch, kebab.batch, "{name}");
            assert_eq!(other.absent, kebab.absent, "{name}");
            assert_eq!(other.wrong_types, kebab.wrong_types, "{name}");
            assert_eq!(other.quarantined.len(), kebab.quarantined.len(), "{name}");
        }
    }
}

#[test]
fn every_sample_is_a_page_whose_cursor_can_be_followed() {
    for name in names() {
        let next = outline(text_of(&name).as_bytes()).unwrap().next;
        let expected = (name == "sessions-ordinary.json").then_some("iqse_OrdinaryTablet000000004");
        assert_eq!(next.as_ref().map(|cursor| cursor.as_str()), expected, "{name}");
    }
}

#[test]
fn the_samples_addresses_are_nobodys() {
    let mut seen = 0;
    for name in names() {
        let (_, decoded) = decode(&text_of(&name));
        for row in 0..decoded.batch.num_rows() {
            let Some(address) = value(&decoded.batch, row, "ip_address").as_str().map(str::to_owned) else {
                continue;
            };
            let of_documents = match address.parse() {
                Ok(IpAddr::V4(address)) => address.is_documentation(),
                Ok(IpAddr::V6(address)) => address.segments()[..2] == [0x2001, 0xdb8],
                Err(_) => address.is_empty(),
            };
            assert!(of_documents, "{name}: {address}");
            seen += 1;
        }
    }
    assert!(seen >= 15, "{seen}");
}

#[test]
fn every_sample_is_one_that_a_test_reads_and_its_readme_names() {
    let readme = text_of("README.md");
    let tested = ["absent-keys", "nulls", "odd-text", "ordinary", "unknown-attributes", "wrong-types"]
        .map(|role| format!("sessions-{role}.json"));
    assert_eq!(names(), tested);
    let named: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let mut sorted: Vec<&str> = named.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, names());
}
