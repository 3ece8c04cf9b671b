//! The key is in no output at any level, and what machines read is for machines.

use std::fs;

use serde_json::Value;
use session_risk::sandbox::SandboxOptions;

use crate::harness::{Home, Invocation, faults, sandbox, sandbox_with, unlimited};
use crate::scripted::{Answer, KEY, Scripted, link, session};

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

/// Runs a command that speaks as much as it can, in both formats, and searches everything that it left.
#[track_caller]
fn assert_silent_about(key: &str, fetch: impl Fn(&Home) -> Invocation<'_>) {
    // The part that nobody could guess, in case something is cut off or coloured.
    let secret = &key[key.len() - 16..];
    for format in ["text", "json"] {
        let home = Home::new();
        let outcome = fetch(&home)
            .key(key)
            .args("-vvv --summary summary.json --metrics-file metrics.prom --log-format")
            .arg(format)
            .run();
        outcome.assert_no_panic();
        let level = if format == "json" { "\"TRACE\"" } else { "TRACE" };
        assert!(outcome.stderr.contains(level), "it does not speak: {outcome:#?}");
        let said = [
            ("stdout".to_owned(), outcome.stdout.into_bytes()),
            ("stderr".to_owned(), outcome.stderr.into_bytes()),
        ];
        let written = ["summary.json", "metrics.prom"]
            .map(|name| (name.to_owned(), fs::read(home.path(name)).unwrap()));
        for (place, bytes) in home.lake().files().into_iter().chain(said).chain(written) {
            assert!(!holds(&bytes, secret), "the key is in {place}");
        }
    }
}

#[test]
fn the_key_is_in_no_output_of_an_export_that_succeeds() {
    let api = sandbox(150, 2);
    assert_silent_about(api.key(), |home| home.fetch(&api));
}

#[test]
#[should_panic(expected = "the key is in _session_risk/lake.json")]
fn a_word_that_is_in_the_lake_would_be_found() {
    let api = sandbox(150, 2);
    let environment = api.environment().to_owned();
    assert_silent_about(&environment, |home| {
        home.fetch(&api).env("SESSION_RISK_API_KEY_FILE", "the.key").change(|_| {
            home.write("the.key", api.key());
        })
    });
}

#[test]
fn the_key_is_in_no_output_whatever_goes_wrong() {
    let faulty = sandbox_with(SandboxOptions { sessions: 400, faults: faults(0.08), seed: 7, ..unlimited() });
    assert_silent_about(faulty.key(), |home| home.fetch(&faulty));
    assert_silent_about(faulty.forbidden_key(), |home| home.fetch(&faulty));
    assert_silent_about("persona_production_ThatNobodyKnowsHere", |home| home.fetch(&faulty));

    let web = Scripted::answering([Answer::new(200, "text/html", "<html>")]);
    assert_silent_about(KEY, |home| home.fetch(&web));
    let elsewhere = Answer::new(307, "text/html", "").with("Location", "http://127.0.0.1:9/api/v1");
    let moved = Scripted::answering([elsewhere]);
    assert_silent_about(KEY, |home| home.fetch(&moved));
    assert!(web.asked().iter().all(|asked| asked.header("authorization") == Some(&format!("Bearer {KEY}"))));
}

#[test]
fn the_key_is_in_no_output_of_a_run_and_its_report() {
    let api = sandbox(300, 3);
    assert_silent_about(api.key(), |home| {
        home.command("run --lake lake --format json --include-today --base-url").arg(api.base_url())
    });
}

#[test]
fn a_key_from_a_file_is_sent_and_kept_secret_too() {
    let api = sandbox(150, 2);
    let home = Home::new();
    home.write("the.key", &format!("{}\n", api.key()));
    let outcome = home.fetch(&api).without_key().args("-vvv --api-key-file the.key").succeeds();
    assert!(!outcome.stderr.contains(api.key()));
    assert_eq!(home.lake().sessions().len(), 150);
    assert!(home.lake().files().values().all(|bytes| !holds(bytes, api.key())));
}

#[test]
fn every_line_for_machines_is_a_json_object() {
    let api = sandbox_with(SandboxOptions { sessions: 400, faults: faults(0.05), seed: 3, ..unlimited() });
    let day = "2026-11-20T10:00:00.000Z";
    let away = format!("https://elsewhere.example{}", link("iqse_1"));
    let odd = Scripted::answering([
        Answer::page(&[session("iqse_1", day), session("iqse_\u{1b}[31m\n", "never")], Some(&away)),
        Answer::page(&[session("iqse_2", day)], None),
    ]);
    for verbose in ["", "-v", "-vv", "-vvv"] {
        let home = Home::new();
        for (fetch, status) in [
            (home.fetch(&api), 0),
            (home.fetch(&api).key("persona_sandbox_wrong"), 5),
            (home.command("report nosuch --lake lake"), 2),
            (home.command("report --lake elsewhere"), 4),
            (home.fetch(&odd), 2),
        ] {
            let outcome = fetch.args("--log-format json").args(verbose).ends_with(status);
            assert!(!outcome.stderr.is_empty());
            for line in outcome.stderr.lines() {
                let parsed: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
                assert!(parsed["level"].is_string() && parsed["timestamp"].is_string(), "{line}");
            }
        }
        let outcome = Home::new().fetch(&odd).args("--log-format json").args(verbose).run();
        assert!(
            outcome.stderr.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()),
            "{outcome:#?}"
        );
    }
}

#[test]
fn no_value_of_a_session_is_in_a_log_or_in_what_machines_watch() {
    let home = Home::new();
    let personal = |nth: u32, more: &str| {
        let known = "\"ip-address\":\"192.0.2.1\"";
        let told = format!(
            "\"ip-address\":\"192.0.2.77\",\"user-agent\":\"Mozilla of Anna\",\"gps-latitude\":48.123456{more}"
        );
        session(&format!("iqse_{nth}"), "2026-11-20T10:00:00.000Z").replace(known, &told)
    };
    let odd = ",\"is-tor\":\"Anna said so\",\"new-signal\":\"Anna was here\"";
    for resources in [vec![personal(1, "")], vec![personal(1, odd), personal(2, ",\"threat-level\":\"odd\"")]]
    {
        let api = Scripted::listing(resources);
        let outcome = home
            .fetch(&api)
            .args("-vvv --full --summary summary.json --metrics-file metrics.prom")
            .succeeds();
        let lake = home.lake().files();
        let watched = ["summary.json", "metrics.prom"].map(|name| fs::read(home.path(name)).unwrap());
        let records = lake.iter().filter(|(name, _)| name.ends_with(".json")).map(|(_, bytes)| bytes.clone());
        for bytes in watched.into_iter().chain(records).chain([outcome.stderr.into_bytes()]) {
            for value in ["192.0.2.77", "Anna", "48.123456"] {
                assert!(!holds(&bytes, value), "{value} is in {}", String::from_utf8_lossy(&bytes));
            }
        }
    }
}

#[test]
fn hostile_ids_do_not_steer_the_terminal() {
    let odd = Scripted::answering([Answer::page(&[session("iqse_\u{1b}[31m\n\u{9b}2J", "never")], None)]);
    let home = Home::new();
    let outcome = home.fetch(&odd).args("-vvv").run().says(&["quarantined", "iqse_"]);
    let steers = |letter: char| letter.is_control() && letter != '\n';
    assert!(!outcome.stderr.contains(steers), "{:?}", outcome.stderr);
}
