//! Killed, refused midway, run side by side: the lake stays sound, and the next run goes on.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use session_risk::sandbox::{Sandbox, SandboxOptions};

use crate::harness::{Home, sandbox, sandbox_with, unlimited};
use crate::scripted::{Answer, Scripted, link, session};

/// Pages of the interrupted exports.
const PAGES: u64 = 160;

fn slow_enough_to_kill() -> Sandbox {
    let latency = Duration::from_millis(5);
    sandbox_with(SandboxOptions { sessions: PAGES as usize * 100, days: 20, latency, ..unlimited() })
}

/// Kills an export once the API was asked so often, runs it again, and compares with one that nobody disturbed.
/// Gives the requests of both runs together.
fn killed_after(requests: u64) -> u64 {
    let undisturbed = Home::new();
    undisturbed.fetch(&slow_enough_to_kill()).succeeds();

    let api = slow_enough_to_kill();
    let home = Home::new();
    let mut first = home.fetch(&api).start();
    first.until(|| api.stats().total() >= requests);
    first.kill();
    let whole_days = home.lake().sessions();
    home.fetch(&api).succeeds().assert_no_panic();

    let (lake, expected) = (home.lake(), undisturbed.lake());
    assert!(lake.without_fetched_at() == expected.without_fetched_at(), "the lakes differ");
    let sessions = lake.sessions();
    assert!(whole_days.iter().all(|(id, row)| sessions[id] == *row), "a finished day was fetched anew");
    let staged: Vec<_> = lake.files().into_keys().filter(|name| name.contains("staging")).collect();
    assert_eq!(staged, Vec::<String>::new());
    let facts = |record: &Value| {
        let known = record["coverage"].as_object().unwrap().values().map(|of| of["known"].clone());
        let of = ["date", "rows", "complete", "sealed", "newest", "oldest", "statuses"];
        (of.map(|name| record[name].clone()), known.collect::<Vec<_>>())
    };
    for (date, record) in expected.records("days") {
        assert_eq!(facts(&lake.records("days")[&date]), facts(&record));
    }
    api.stats().total()
}

#[test]
fn what_a_killed_writer_had_not_finished_is_gone_after_the_next_run() {
    let (api, home) = (sandbox(300, 3), Home::new());
    home.fetch(&api).succeeds();
    let unfinished = [
        "days/2026-11-06.json#1",
        "intents/2026-11-06.json#12",
        "staging/x/checkpoint.json#1",
        "staging/x/2026-11-06.parquet",
    ];
    let of_others = ["damaged/x/2026-11-06.parquet", "notes#1a"];
    for name in unfinished.iter().chain(&of_others) {
        let path = home.lake().path(&format!("_session_risk/{name}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "{").unwrap();
    }
    home.fetch(&api).succeeds();
    let is_odd = |name: &String| name.contains('#') || name.ends_with("-06.parquet");
    let left: Vec<_> = home.lake().files().into_keys().filter(is_odd).collect();
    assert_eq!(left, of_others.map(|name| format!("_session_risk/{name}")));
}

#[test]
fn killed_before_its_first_checkpoint_an_export_begins_anew() {
    let requests = killed_after(20);
    assert!(requests <= PAGES + 20 + 20, "{requests} requests");
}

#[test]
fn killed_later_an_export_goes_on_and_asks_for_at_most_fifty_pages_twice() {
    std::thread::scope(|scope| {
        for after in [62, 97, 140] {
            scope.spawn(move || {
                let requests = killed_after(after);
                // Fifty since the checkpoint, those that were under way, and a look at what is new on top.
                assert!(requests <= PAGES + 50 + 20, "killed after {after}: {requests} requests");
            });
        }
    });
}

#[test]
fn a_checkpoint_of_another_range_or_a_damaged_one_is_of_no_use_and_no_harm() {
    let api = slow_enough_to_kill();
    let home = Home::new();
    let killed = || {
        let before = api.stats().total();
        let mut export = home.fetch(&api).args("--full").start();
        export.until(|| api.stats().total() >= before + 70);
        export.kill();
        let lake = home.lake().files().into_keys();
        lake.filter(|name| name.ends_with("checkpoint.json")).collect::<Vec<_>>()
    };
    let left = killed();
    assert_eq!(left.len(), 1);
    std::fs::write(home.lake().path(&left[0]), "{\"version\":").unwrap();
    let before = api.stats().total();
    home.fetch(&api).succeeds();
    assert!(api.stats().total() - before >= PAGES);
    assert_eq!(killed().len(), 1);
    home.fetch(&api).args("--since 2026-11-19").succeeds();
    assert_eq!(home.lake().sessions().len(), PAGES as usize * 100);
    assert!(home.lake().files().keys().all(|name| !name.contains("staging")));
}

#[test]
fn a_second_export_into_the_same_lake_is_refused_while_the_first_runs() {
    let (first_page, asked) = mpsc::channel();
    let (go_on, gate) = mpsc::channel();
    let api = Scripted::serving(move |_, _| {
        first_page.send(()).unwrap();
        gate.recv().unwrap();
        Answer::page(&[session("iqse_1", "2026-11-20T10:00:00.000Z")], None)
    });
    let home = Home::new();
    let first = home.fetch(&api).start();
    asked.recv().unwrap();
    let other = sandbox(100, 3);
    home.fetch(&other).is_refused(6, &["another run holds the lake", "process"]);
    assert_eq!(other.stats().total(), 0);
    go_on.send(()).unwrap();
    let (status, stderr) = first.wait();
    assert_eq!(status, Some(0), "{stderr}");
    assert_eq!(home.lake().sessions().into_keys().collect::<Vec<_>>(), ["iqse_1"]);
    drop(go_on);
}

#[test]
fn sessions_of_another_environment_are_refused_and_the_lake_stays_as_it_was() {
    let home = Home::new();
    home.fetch(&sandbox(300, 3)).succeeds();
    let before = home.lake().holdings();
    let other = sandbox_with(SandboxOptions { seed: 2, sessions: 300, days: 3, ..unlimited() });
    let refused = home.fetch(&other).is_refused(2, &["environment env_", "a lake of its own"]);
    assert!(refused.stderr.contains(other.environment()));
    assert!(home.lake().holdings() == before, "the lake changed");
}

#[test]
fn a_key_that_is_withdrawn_midway_leaves_the_pages_before_it() {
    let day = |nth: usize| format!("2026-11-{:02}T10:00:00.000Z", 20 - nth);
    let pages = [
        Answer::page(&[session("iqse_3", &day(0))], Some(&link("iqse_3"))),
        Answer::page(&[session("iqse_2", &day(1))], Some(&link("iqse_2"))),
        Answer::error(401, "Token is invalid", "since now"),
    ];
    let api = Scripted::answering(pages);
    let home = Home::new();
    home.fetch(&api).ends_with(5).says(&["session-risk: ", "401", "since now"]).assert_no_panic();
    assert_eq!(api.asked().len(), 3, "a refusal is not asked for again");
    assert_eq!(home.lake().sessions().into_keys().collect::<Vec<_>>(), ["iqse_2", "iqse_3"]);
}

#[test]
fn more_than_one_percent_that_cannot_be_read_is_an_incomplete_export() {
    let good = |nth: u32| session(&format!("iqse_{nth:04}"), "2026-11-20T10:00:00.000Z");
    let bad = [
        session("iqse_zoneless", "2026-11-20T10:00:00.000"),
        session("iqse_old", "1999-12-31T10:00:00.000Z"),
        session("iqse_future", "2026-11-25T10:00:00.000Z"),
        session("", "2026-11-20T10:00:00.000Z"),
        r#"{"type":"report","id":"rep_1","attributes":{"created-at":"2026-11-20T10:00:00.000Z"}}"#.to_owned(),
        "17".to_owned(),
    ];
    for (rows, exit, outcome) in [(593, 3, "incomplete"), (594, 0, "done")] {
        let mut resources: Vec<String> = (0..rows).map(good).collect();
        for (nth, bad) in bad.iter().enumerate() {
            resources.insert(nth * 90, bad.clone());
        }
        let home = Home::new();
        let ended = home.fetch(&listing_by_place(resources)).ends_with(exit);
        ended.says(&["6 sessions could not be read"]).assert_no_panic();
        assert_eq!(home.lake().sessions().len(), rows as usize);
        let run = home.lake().last_run();
        assert_eq!((&run["quarantined"], &run["rows"]), (&json!(6), &json!(rows)));
        assert!(run["outcome"].as_str().unwrap().starts_with(outcome), "{run}");
        let name = format!("_session_risk/quarantine/{}.jsonl", run["run_id"].as_str().unwrap());
        let lines = String::from_utf8(home.lake().files()[&name].clone()).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kept: Vec<Value> = lines.iter().map(|line| line["resource"].clone()).collect();
        let expected: Vec<Value> = bad.iter().map(|bad| serde_json::from_str(bad).unwrap()).collect();
        assert_eq!(kept, expected, "what could not be read is kept as it came");
        assert!(lines.iter().all(|line| !line["reason"].as_str().unwrap().is_empty()));
        assert_eq!(lines[0]["session_id"], json!("iqse_zoneless"));
    }
}

/// As [`Scripted::listing`], for resources without ids to point at.
fn listing_by_place(resources: Vec<String>) -> Scripted {
    Scripted::serving(move |asked, _| {
        let from = asked.cursor().map_or(0, |cursor| cursor.parse().unwrap());
        let until = (from + 100).min(resources.len());
        let next = (until < resources.len()).then(|| link(&until.to_string()));
        Answer::page(&resources[from..until], next.as_deref())
    })
}
