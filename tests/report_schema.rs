//! `schemas/report.schema.json` is what the JSON of reports is, as a validator of others sees it.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value as Json, json};
use session_risk::cli::report::Format;
use tempfile::TempDir;

use crate::report::{lake, options, page};
use crate::small_lake::{SmallLake, odd_rows};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/report.schema.json");

/// Runs the validator. A machine without it fails: this tier is only run where it is installed.
pub(crate) fn validate(document: &Json) -> Output {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("document.json");
    fs::write(&path, document.to_string()).unwrap();
    let python = std::env::var_os("SESSION_RISK_PYTHON").unwrap_or_else(|| "python3".into());
    let check = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report_schema.py");
    let output = Command::new(&python).args([check, SCHEMA]).arg(path).output();
    output.unwrap_or_else(|error| panic!("{} cannot be started: {error}", python.display()))
}

fn document(lake: &SmallLake) -> Json {
    serde_json::from_str(&page(&options(&[], Format::Json, 80), &lake.scope())).unwrap()
}

#[test]
#[ignore = "needs python3 with jsonschema"]
fn the_documents_of_all_reports_fit_the_schema() {
    for (lake, least) in [
        (lake(), 10),
        (SmallLake::new(odd_rows(3, 900)), 10),
        (SmallLake::new([]), 1),
        (SmallLake::new([json!({}), json!({"is_vpn": true})]), 3),
    ] {
        let output = validate(&document(&lake));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let counted: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert!(
            counted["reports"].as_u64() >= Some(3) && counted["rows"].as_u64() >= Some(least),
            "{counted}"
        );
    }
}

#[test]
#[ignore = "needs python3 with jsonschema"]
fn a_document_of_another_shape_is_refused() {
    let sound = document(&lake());
    assert!(validate(&sound).status.success());
    let planted: [(&str, Json, &str); 9] = [
        ("/version", json!(2), "1 was expected"),
        ("/generated_at", json!("yesterday"), "'yesterday'"),
        ("/range/since", json!("2026-02-30"), "'2026-02-30' is not a 'date'"),
        ("/complete", json!("yes"), "'yes' is not of type 'boolean'"),
        ("/thresholds", json!([1]), "1 is not of type 'object'"),
        ("/reports/0/columns/0/type", json!("bigint"), "'bigint' is not one of"),
        ("/reports/0/rows/0/vpn", json!([1]), "[1] is not of type"),
        ("/reports/0/rows/0/vpn", json!("1"), "vpn of network_risk is '1', which is no integer"),
        ("/reports/0/rows/0", json!({"vpn": 1}), "has the columns ['vpn']"),
    ];
    for (place, wrong, said) in planted {
        let mut document = sound.clone();
        *document.pointer_mut(place).unwrap() = wrong;
        let output = validate(&document);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains(said), "{place}: {stderr}");
    }
    let mut document = sound;
    document["extra"] = json!(1);
    assert!(!validate(&document).status.success());
}
