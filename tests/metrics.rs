//! The metrics file, read as Prometheus reads it, and the news of signals.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use session_risk::sandbox::SandboxOptions;

use crate::harness::{Home, sandbox_with, unlimited};
use crate::scripted::{Answer, KEY, Scripted, link, session};

/// Series by name and labels.
type Series = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Reads the text format by the rules of its documents and of the textfile collector.
#[track_caller]
fn parse(text: &str) -> Series {
    assert!(text.ends_with('\n'));
    let (mut series, mut families, mut family) = (Series::new(), BTreeSet::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(name.starts_with("session_risk_") && words.ends_with('.'), "{line}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
            assert!(families.insert(name.to_owned()), "{name} comes twice");
            let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
            assert_eq!(lines.next(), Some(format!("# TYPE {name} {kind}").as_str()));
            family = name.to_owned();
            continue;
        }
        let (name, rest) = line.split_once('{').unwrap();
        assert_eq!(name, family, "a series without its HELP and TYPE");
        // Without a timestamp: the collector refuses those.
        let (labels, value) = rest.rsplit_once("} ").unwrap();
        let labels = parse_labels(labels);
        let value: f64 = value.parse().unwrap();
        assert!(value.is_finite() && value >= 0.0, "{line}");
        assert_eq!(series.insert((name.to_owned(), labels), value), None, "{line} comes twice");
    }
    series
}

fn parse_labels(text: &str) -> BTreeMap<String, String> {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap();
        let (mut value, mut letters) = (String::new(), after.char_indices());
        let end = loop {
            match letters.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => match letters.next().unwrap().1 {
                    'n' => value.push('\n'),
                    letter @ ('\\' | '"') => value.push(letter),
                    other => panic!("\\{other} in {text}"),
                },
                (_, letter) => value.push(letter),
            }
        };
        assert_eq!(labels.insert(name.to_owned(), value), None, "{text}");
        rest = after[end + 1..].trim_start_matches(',');
    }
    labels
}

fn metrics(home: &Home, file: &str) -> Series {
    parse(&fs::read_to_string(home.path(file)).unwrap())
}

/// The value of the one series of a name, or that with a further label's value.
#[track_caller]
fn value(series: &Series, name: &str, further: Option<&str>) -> Option<f64> {
    let name = format!("session_risk_{name}");
    let is_it = |labels: &BTreeMap<String, String>| {
        further.is_none_or(|value| labels.values().any(|label| label == value))
    };
    let mut found = series.iter().filter(|((of, labels), _)| *of == name && is_it(labels));
    let value = found.next().map(|(_, value)| *value);
    assert_eq!(found.next(), None, "{name} {further:?} is not one series");
    value
}

#[test]
fn the_metrics_are_those_of_the_readme_and_say_what_the_records_say() {
    let home = Home::new();
    let api = sandbox_with(SandboxOptions { sessions: 700, days: 9, limit: Some(500), ..unlimited() });
    let odd = session("iqse_odd", "2026-11-20T10:00:00.000Z").replace("\"is-vpn\":false", "\"is-vpn\":7");
    home.fetch(&Scripted::listing(vec![odd])).args("--metrics-file odd.prom").succeeds();
    fs::remove_dir_all(home.path("lake")).unwrap();
    home.fetch(&api).args("--rate-window 2s --metrics-file fetch.prom").succeeds();
    let found = metrics(&home, "fetch.prom");
    let run = home.lake().last_run();
    for (name, field) in [
        ("run_requests", "requests"),
        ("run_retries", "retries"),
        ("run_too_many_requests", "too_many_requests"),
        ("run_waited_seconds", "waited_seconds"),
        ("run_rows", "rows"),
        ("run_new_rows", "new"),
        ("run_changed_rows", "changed"),
        ("run_quarantined_rows", "quarantined"),
        ("run_days_written", "days_written"),
        ("budget_limit_requests", "rate_limit"),
        ("budget_pace_requests", "pace"),
        ("budget_left_requests", "budget_left"),
    ] {
        assert_eq!(value(&found, name, None), run[field].as_f64(), "{name}");
    }
    assert_eq!(value(&found, "run_exit_status", None), Some(0.0));
    assert_eq!(value(&found, "requests_total", None), run["requests"].as_f64());
    let began = value(&found, "run_start_timestamp_seconds", None).unwrap();
    let ended = value(&found, "run_end_timestamp_seconds", None).unwrap();
    let succeeded = value(&found, "last_success_timestamp_seconds", None).unwrap();
    assert!(began <= succeeded && succeeded <= ended);
    let status: Value =
        serde_json::from_str(&home.command("status --lake lake --format json").succeeds().stdout).unwrap();
    assert_eq!(value(&found, "lake_sessions", None), status["sessions"].as_f64());
    assert_eq!(value(&found, "lake_bytes", None), status["bytes"].as_f64());
    for state in ["sealed", "open", "stale", "imported", "without_sessions"] {
        assert_eq!(value(&found, "lake_days", Some(state)), status["days"][state].as_f64(), "{state}");
    }
    assert_eq!(value(&found, "lake_days", Some("hole")), Some(0.0));
    let odd = metrics(&home, "odd.prom");
    assert_eq!(value(&odd, "run_wrong_types", Some("is_vpn")), Some(1.0));

    let readme = include_str!("../README.md");
    let table = readme.split("| metric |").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut named: BTreeSet<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    // A report's, not a fetch's: the tests of thresholds look at it.
    assert!(named.remove("session_risk_run_thresholds"));
    let given: BTreeSet<&str> = found.keys().chain(odd.keys()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(named, given, "the README's table");
}

#[test]
fn a_run_that_failed_writes_them_too_and_keeps_the_last_success() {
    let home = Home::new();
    let page = Answer::page(&[session("iqse_1", "2026-11-20T10:00:00.000Z")], None);
    let fetch = |api: &Scripted| home.fetch(api).args("--metrics-file ./night.prom");
    let refused = || Scripted::answering([Answer::error(401, "Unauthorized", "withdrawn")]);
    fetch(&refused()).ends_with(5);
    let never = metrics(&home, "night.prom");
    assert_eq!(value(&never, "run_exit_status", None), Some(5.0));
    assert_eq!(value(&never, "last_success_timestamp_seconds", None), None);
    fetch(&Scripted::answering([page.clone()])).succeeds();
    let succeeded = value(&metrics(&home, "night.prom"), "last_success_timestamp_seconds", None);
    assert!(succeeded.is_some());
    let withdrawn = Answer::error(401, "Unauthorized", "withdrawn");
    let half = Scripted::serving(move |_, nth| if nth == 0 { page_to_go_on() } else { withdrawn.clone() });
    for (api, rows) in [(refused(), None), (half, Some(1.0))] {
        fetch(&api).args("--full").ends_with(5);
        let failed = metrics(&home, "night.prom");
        assert_eq!(value(&failed, "run_exit_status", None), Some(5.0));
        assert_eq!(value(&failed, "run_rows", None), rows);
        assert_eq!(value(&failed, "last_success_timestamp_seconds", None), succeeded);
        assert!(value(&failed, "lake_sessions", None) >= Some(1.0));
    }
}

fn page_to_go_on() -> Answer {
    Answer::page(&[session("iqse_2", "2026-11-21T10:00:00.000Z")], Some(&link("iqse_2")))
}

#[test]
fn a_run_and_an_import_tell_apart_which_command_and_which_lake_they_speak_of() {
    let home = Home::new();
    let api = Scripted::listing(vec![session("iqse_1", "2026-11-20T10:00:00.000Z")]);
    let run = home.command("run network_risk --lake lake --metrics-file run.prom --base-url");
    run.arg(api.base_url()).key(KEY).succeeds();
    home.write("in\"put", &session("iqse_2", "2026-11-20T11:00:00.000Z"));
    home.command("import in\"put --metrics-file import.prom --lake").arg("odd \"lake\\").succeeds();
    for (file, command, lake) in [("run.prom", "run", "lake"), ("import.prom", "import", "odd \"lake\\")] {
        let found = metrics(&home, file);
        assert!(value(&found, "last_success_timestamp_seconds", None).is_some(), "{file}");
        for (name, labels) in found.keys() {
            assert_eq!((labels["command"].as_str(), labels["lake"].as_str()), (command, lake), "{name}");
        }
    }
    assert_eq!(value(&metrics(&home, "import.prom"), "budget_pace_requests", None), None);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = home.path("run.prom").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "the collector runs as somebody else");
    }
    let left: Vec<_> =
        fs::read_dir(home.path(".")).unwrap().map(|found| found.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".partial")), "{left:?}");
}

#[test]
fn a_metrics_file_that_nobody_would_read_or_that_cannot_be_written_is_refused() {
    let home = Home::new();
    let api = Scripted::listing(vec![session("iqse_1", "2026-11-20T10:00:00.000Z")]);
    let fetch = |flags: &str| home.fetch(&api).args(flags);
    fetch("--metrics-file metrics.txt").is_refused(2, &["--metrics-file", ".prom"]);
    fetch("--metrics-file nowhere/a.prom").is_refused(2, &["nowhere/a.prom", "folder does not exist"]);
    assert!(api.asked().is_empty());
    fetch("").succeeds();
    fetch("--metrics-file lake/a.prom").is_refused(2, &["would lie in the lake"]);
}

#[test]
fn a_signal_that_is_new_is_told_once_and_stands_in_the_status() {
    let home = Home::new();
    let at = |nth: usize, day: u32| session(&format!("iqse_{nth}"), &format!("2026-11-{day}T10:00:00.000Z"));
    let fetch = |resources: Vec<String>| home.fetch(&Scripted::listing(resources)).args("--full").succeeds();
    let quiet = |stderr: &str| !stderr.contains("new since") && !stderr.contains("absent from");
    assert!(quiet(&fetch(vec![at(1, 19)]).stderr), "the first run has no news");
    assert!(quiet(&fetch(vec![at(2, 20), at(1, 19)]).stderr));
    let new = at(3, 20)
        .replace("\"is-vpn\":false", "\"threat-level\":\"critical\",\"liveness-score\":0.5,\"is-vpn\":false");
    let status = at(2, 20).replace("expired", "revoked");
    let told = fetch(vec![new.clone(), status.clone(), at(1, 19)])
        .says(&["new since the last run", "\"threat_level\""])
        .says(&["new since the last run", "\"liveness_score\""])
        .says(&["new since the last run", "status", "\"revoked\""]);
    assert_eq!(told.stderr.matches("new since").count(), 3, "{told:#?}");
    assert!(quiet(&fetch(vec![new, status, at(1, 19)]).stderr));
    home.write("input", &at(9, 21).replace("expired", "imported"));
    home.command("import input --lake lake").succeeds().says(&["status", "\"imported\""]);
    let without: Vec<String> = (100..150).map(|nth| at(nth, 22).replace(",\"is-vpn\":false", "")).collect();
    let narrower = home.fetch(&Scripted::listing(without)).ends_with(7);
    narrower.says(&["is_vpn had values, and is absent from every"]);

    let status: Value =
        serde_json::from_str(&home.command("status --lake lake --format json").succeeds().stdout).unwrap();
    let days = |first: &str, last: &str| json!({"first_seen": first, "last_seen": last});
    let signals = &status["signals"];
    assert_eq!(signals["sessions"], days("2026-11-19", "2026-11-22"));
    assert_eq!(signals["attributes"]["status"]["values"]["revoked"], days("2026-11-20", "2026-11-20"));
    assert_eq!(signals["attributes"]["is_vpn"]["absent_since"], json!("2026-11-22"));
    assert_eq!(signals["unknown"], json!({"liveness_score": days("2026-11-20", "2026-11-20")}));
    let record = String::from_utf8(home.lake().files()["_session_risk/signals.json"].clone()).unwrap();
    for personal in ["192.0.2", "iqse_", "inq_", "0.5"] {
        assert!(!record.contains(personal), "{personal} is in {record}");
    }
}
