//! Decoding: no bytes bring it down, no resource is lost, and the API's three spellings are one.

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use session_risk::persona::page::outline;
use session_risk::session::schema::ATTRIBUTES;
use session_risk::session::{Decoded, Decoder, Seen};

use crate::harness::sandbox;
use crate::lake_files::{Row, row};

/// A Friday noon, when the sandbox's newest sessions are made.
pub(crate) fn seen() -> Seen {
    Seen { environment: Some("env_test".into()), at: "2026-11-20T12:00:00Z".parse().unwrap() }
}

pub(crate) fn rows_of(decoded: &Decoded) -> Vec<Row> {
    (0..decoded.batch.num_rows()).map(|nth| row(&decoded.batch, nth)).collect()
}

fn decoded(body: &[u8]) -> Decoded {
    let mut decoder = Decoder::default();
    decoder.value(body, &seen()).unwrap();
    decoder.take().unwrap()
}

/// JSON values as they should not be, but may.
const ODD: [&str; 26] = [
    "null",
    "true",
    "0",
    "-0",
    "1e999",
    "-1E-400",
    "123456789012345678901234567890",
    "\"\"",
    "\"x\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\u{202e}\\u001b[2J\"",
    "[]",
    "{}",
    "[[[[[[]]]]]]",
    "{\"data\":null}",
    "{\"data\":{\"id\":1}}",
    "{\"data\":{\"id\":\"a\",\"id\":\"b\"}}",
    "{\"\\ud800\":1}",
    "{\"id\":\"\\udfff\"}",
    "\"2026-11-20T08:57:30Z\"",
    "\"2026-11-20T08:57:60Z\"",
    "\"2026-11-20T08:57:30\"",
    "\"-9999-01-01T00:00:00Z\"",
    "\"9999-12-31T23:59:59.999999999+23:59\"",
];

fn odd() -> impl Strategy<Value = String> {
    let deep = (1_usize..5_000).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    prop_oneof![30 => select(&ODD[..]).prop_map(str::to_owned), 1 => deep]
}

/// A member's name: a known one in any spelling, or another.
fn name() -> impl Strategy<Value = String> {
    let known = select(&ATTRIBUTES[..]).prop_map(|attribute| attribute.column.to_owned());
    let kebab = select(&ATTRIBUTES[..]).prop_map(|attribute| attribute.column.replace('_', "-"));
    let other = select(vec![
        "createdAt",
        "isVpn",
        "",
        "inquiry",
        "device",
        "id",
        "data",
        "\\ud800",
        "a\\\"b",
        "Ünknown",
    ]);
    prop_oneof![known, kebab, other.prop_map(str::to_owned)]
}

fn object() -> impl Strategy<Value = String> {
    vec((name(), odd()), 0..6).prop_map(|members| {
        let members: Vec<String> =
            members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

/// An element of `data`: mostly a resource with something odd in it.
fn element() -> impl Strategy<Value = String> {
    let kind = prop_oneof![5 => Just("\"inquiry-session\"".to_owned()), 1 => odd()];
    let id = prop_oneof![5 => "[a-zA-Z]{1,8}".prop_map(|id| format!("\"iqse_{id}\"")), 1 => odd()];
    let attributes = prop_oneof![
        5 => object().prop_map(|rest| rest.replacen('{', "{\"created-at\":\"2026-11-20T08:57:30.145Z\",", 1).replace(",}", "}")),
        2 => object(),
        1 => odd(),
    ];
    let relationships = prop_oneof![3 => object(), 1 => odd()];
    let resource = (kind, id, attributes, relationships).prop_map(|(kind, id, attributes, relationships)| {
        format!(r#"{{"type":{kind},"id":{id},"attributes":{attributes},"relationships":{relationships}}}"#)
    });
    prop_oneof![8 => resource, 1 => odd(), 1 => object()]
}

fn page() -> impl Strategy<Value = String> {
    (vec(element(), 0..6), odd()).prop_map(|(elements, meta)| {
        format!(r#"{{"data":[{}],"links":{{"prev":null,"next":null}},"meta":{meta}}}"#, elements.join(","))
    })
}

/// A page with bytes cut out, put in or doubled.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        select(&ODD[..]).prop_map(|odd| odd.as_bytes().to_vec()),
        select(&b"{}[],:\"\\ \n\t0-eE.tfn"[..]).prop_map(|byte| vec![byte]),
        vec(any::<u8>(), 0..4),
    ];
    (page(), vec((any::<Index>(), 0_usize..8, piece), 1..4)).prop_map(|(page, changes)| {
        let mut bytes = page.into_bytes();
        for (at, cut, piece) in changes {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..(at + cut).min(bytes.len()), piece);
        }
        bytes
    })
}

/// Decodes whatever it is. A body that the client takes for a page gives every element of its list.
pub(crate) fn assert_nothing_lost(body: &[u8]) -> Result<(), TestCaseError> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    let mut decoder = Decoder::default();
    let facts = decoder.value(body, &seen());
    let decoded = decoder.take().unwrap();
    prop_assert_eq!(decoded.absent.len(), decoded.batch.num_rows());
    let Ok(page) = outline(body) else { return Ok(()) };
    let shown = String::from_utf8_lossy(body);
    let elements = serde_json::from_slice::<Raw<'_>>(body).unwrap().data.len();
    let facts = facts.map_err(|error| TestCaseError::fail(format!("{error}: {shown}")))?;
    prop_assert_eq!(facts.resources, elements);
    // What the client hands on is the same.
    let text = std::str::from_utf8(body).unwrap();
    let mut again = Decoder::default();
    prop_assert_eq!(again.resources(page.resources.into_iter().map(|at| &text[at]), &seen()), facts);
    prop_assert_eq!(rows_of(&again.take().unwrap()), rows_of(&decoded));
    prop_assert_eq!(facts.rows, decoded.batch.num_rows());
    prop_assert_eq!(decoded.batch.num_rows() + decoded.quarantined.len(), elements, "{}", shown);
    prop_assert!(decoded.quarantined.iter().all(|unusable| unusable.resource.is_some()), "{}", shown);
    for row in rows_of(&decoded) {
        if let Some(extra) = row["extra"].as_str() {
            prop_assert!(serde_json::from_str::<Box<RawValue>>(extra).is_ok(), "{}", extra);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_bring_the_decoder_down(body in vec(any::<u8>(), 0..300)) {
        assert_nothing_lost(&body)?;
    }

    #[test]
    fn a_page_of_odd_resources_loses_none(body in page()) {
        prop_assert!(outline(body.as_bytes()).is_ok(), "{}", body);
        assert_nothing_lost(body.as_bytes())?;
    }

    #[test]
    fn a_mutilated_page_is_refused_or_loses_nothing(body in mutated()) {
        assert_nothing_lost(&body)?;
    }

    #[test]
    fn every_moment_comes_out_as_it_went_in(
        ms in 1_420_070_400_000_i64..1_795_176_000_000 + 86_400_000,
        below_ms in 0_i64..1_000_000,
        offset in -23 * 60 - 59..=23 * 60 + 59,
    ) {
        let exact = Timestamp::from_millisecond(ms).unwrap();
        let finer = Timestamp::from_nanosecond(i128::from(ms) * 1_000_000 + i128::from(below_ms)).unwrap();
        let zone = jiff::tz::Offset::from_seconds(offset * 60).unwrap();
        for text in [exact.to_string(), finer.to_string(), finer.display_with_offset(zone).to_string()] {
            let page = json!({"data": [{"type": "inquiry-session", "id": "iqse_1", "attributes":
                {"created-at": text, "started-at": text}}]});
            let rows = rows_of(&decoded(page.to_string().as_bytes()));
            let expected = json!(exact.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
            prop_assert_eq!(&rows[0]["created_at"], &expected, "{}", &text);
            prop_assert_eq!(&rows[0]["started_at"], &expected, "{}", &text);
        }
    }
}

#[test]
fn a_moment_that_no_session_can_have_is_quarantined_with_its_reason() {
    for (created_at, reason) in [
        (json!("2014-12-31T23:59:59.999Z"), "2015"),
        (json!("2026-11-21T12:00:00.001Z"), "future"),
        (json!("2026-11-20T12:00:00"), "zone"),
        (json!("2026-11-20"), "zone"),
        (json!(1_795_176_000_000_i64), "date-time"),
        (Value::Null, "no created-at"),
    ] {
        let page = json!({"data": [{"id": "iqse_1", "attributes": {"created-at": created_at}}]});
        let decoded = decoded(page.to_string().as_bytes());
        assert_eq!(decoded.quarantined.len(), 1, "{created_at}");
        assert!(decoded.quarantined[0].reason.contains(reason), "{}", decoded.quarantined[0].reason);
    }
    for created_at in ["2015-01-01T00:00:00Z", "2026-11-21T12:00:00.000Z"] {
        let page = json!({"data": [{"id": "iqse_1", "attributes": {"created-at": created_at}}]});
        assert_eq!(decoded(page.to_string().as_bytes()).batch.num_rows(), 1, "{created_at}");
    }
}

#[tokio::test]
async fn the_three_inflections_decode_to_the_same_rows() {
    let api = sandbox(200, 3);
    let client = reqwest::Client::new();
    let mut batches = Vec::new();
    for inflection in ["kebab", "snake", "camel"] {
        let mut decoder = Decoder::default();
        let mut after = String::new();
        for _ in 0..2 {
            let url = format!("{}/inquiry-sessions?page%5Bsize%5D=100{after}", api.base_url());
            let request = client.get(url).bearer_auth(api.key()).header("Key-Inflection", inflection);
            let body = request.send().await.unwrap().bytes().await.unwrap();
            let name = ["created-at", "created_at", "createdAt"].map(|name| format!("\"{name}\""));
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert_eq!(name.iter().filter(|name| text.contains(*name)).count(), 1, "{inflection}");
            decoder.value(&body, &seen()).unwrap();
            let next = outline(&body).unwrap().next;
            after = next.map_or_else(String::new, |next| format!("&page%5Bafter%5D={}", next.as_str()));
        }
        let decoded = decoder.take().unwrap();
        assert_eq!((decoded.batch.num_rows(), decoded.quarantined.len()), (200, 0));
        assert_eq!(decoded.absent.iter().filter(|mask| **mask & 1 != 0).count(), 0);
        batches.push((decoded.batch, decoded.absent));
    }
    assert!(batches[0] == batches[1] && batches[0] == batches[2]);
    for (nth, attribute) in ATTRIBUTES.iter().enumerate().filter(|(_, a)| a.column != "browser_fingerprint") {
        let column = batches[0].0.column_by_name(attribute.column).unwrap();
        assert!(arrow::array::Array::null_count(column) < 200, "{nth}: no {} to compare", attribute.column);
    }
}

#[test]
fn unknown_attributes_are_the_same_in_every_inflection() {
    let body = |name: &str, created: &str, wrong: &str| json!({"data": [{"id": "iqse_1", "attributes": {created: "2026-11-20T08:00:00Z", name: [1], wrong: "x"}}]});
    let rows = [
        body("face-match-score", "created-at", "is-vpn"),
        body("face_match_score", "created_at", "is_vpn"),
        body("faceMatchScore", "createdAt", "isVpn"),
    ]
    .map(|body| rows_of(&decoded(body.to_string().as_bytes())));
    assert_eq!(rows[0][0]["extra"], json!(r#"{"attributes":{"face_match_score":[1],"is_vpn":"x"}}"#));
    assert!(rows[0] == rows[1] && rows[0] == rows[2]);
}
