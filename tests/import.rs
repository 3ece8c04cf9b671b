//! Sessions from files: the same rows as from the API, whatever form the files have; all or nothing; and the newer
//! version of a session stays.

use std::fs::{self, File};
use std::io::Write;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use session_risk::sandbox::SandboxOptions;

use crate::harness::{Home, sandbox_with, unlimited};
use crate::scripted::{Scripted, link, session};

/// 250 sessions over 5 days, newest first, each on a line of its own.
fn resources() -> Vec<String> {
    let moment =
        |nth: usize| format!("2026-11-{:02}T{:02}:00:00.{:03}Z", 20 - nth / 50, 23 - nth % 50 / 3, nth % 7);
    (0..250).map(|nth| session(&format!("iqse_{nth:03}"), &moment(nth))).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn page(resources: &[String]) -> Value {
    let data: Vec<Value> = resources.iter().map(|resource| serde_json::from_str(resource).unwrap()).collect();
    json!({"data": data, "links": {"prev": null, "next": link("iqse_x")}})
}

fn write(home: &Home, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(home.path(name), bytes).unwrap();
}

/// The command with the file's bytes on its standard input.
fn import_standard(home: &Home, name: &str, flags: &str) -> crate::harness::Outcome {
    let file = File::open(home.path(name)).unwrap();
    let command = home
        .command("import - --lake lake")
        .args(flags)
        .change(|command| _ = command.stdin(Stdio::from(file)));
    command.run_reading_stdin()
}

#[test]
fn every_form_of_the_same_sessions_gives_the_lake_that_a_fetch_gives() {
    let fetched = Home::new();
    fetched.fetch(&Scripted::listing(resources())).succeeds();
    let mut expected = fetched.lake().without_fetched_at();
    // Only an answer says which environment it is of.
    expected.values_mut().for_each(|row| row["environment_id"] = Value::Null);

    let lines = resources().join("\n");
    let windows = format!("\u{feff}{}\r\n\r\n", resources().join("\r\n"));
    let mut backwards = resources();
    backwards.reverse();
    let pages: Vec<Value> = resources().chunks(60).map(page).collect();
    let paged: String = pages.iter().map(|page| format!("{page}\n")).collect();
    let pretty: String = pages.iter().map(|page| format!("{page:#}\n\n")).collect();
    let list = format!("[{}]", resources().join(",\n"));
    for (form, bytes) in [
        ("lines", lines.clone().into_bytes()),
        ("lines of Windows", windows.into_bytes()),
        ("lines, oldest first", backwards.join("\n").into_bytes()),
        ("gzip of lines", gzip(&lines)),
        ("two gzip members", [gzip(&lines[..30_000]), gzip(&lines[30_000..])].concat()),
        ("pages", paged.into_bytes()),
        ("pages over many lines", pretty.clone().into_bytes()),
        ("gzip of pages", gzip(&pretty)),
        ("one page", page(&resources()).to_string().into_bytes()),
        ("a list", list.into_bytes()),
    ] {
        let home = Home::new();
        write(&home, "input", bytes);
        home.command("import input --lake lake").succeeds().says(&[
            "250 sessions",
            "250 new",
            "5 days written",
        ]);
        assert!(home.lake().without_fetched_at() == expected, "{form}");
    }
    let home = Home::new();
    write(&home, "input", &lines);
    assert_eq!(import_standard(&home, "input", "").status, Some(0));
    assert!(home.lake().without_fetched_at() == expected, "standard input");
}

#[test]
fn a_large_import_on_every_core_loses_nothing_and_keeps_the_order_of_versions() {
    let api = sandbox_with(SandboxOptions { sessions: 12_000, days: 40, ..unlimited() });
    let fetched = Home::new();
    fetched.fetch(&api).succeeds();
    let mut lines = String::new();
    // Several blocks; each session first in an old version, which the later line replaces.
    let mut ids = Vec::new();
    for row in fetched.lake().sessions().values() {
        let id = row["session_id"].as_str().unwrap();
        let created_at = row["created_at"].as_str().unwrap();
        lines.push_str(&session(id, created_at).replace("expired", "active"));
        lines.push('\n');
        ids.push(session(id, created_at));
    }
    lines.push_str(&ids.join("\n"));
    assert!(lines.len() > 4 << 20, "too small to be more than one block");
    let home = Home::new();
    write(&home, "input", lines);
    home.command("import input --lake lake").succeeds().says(&["24,000 sessions", "12,000 new"]);
    let held = home.lake().sessions();
    assert!(held.keys().eq(fetched.lake().sessions().keys()));
    assert!(held.values().all(|row| row["status"] == json!("expired")));
}

#[test]
fn importing_twice_gives_the_same_lake_and_writes_no_day_file() {
    let home = Home::new();
    write(&home, "input", resources().join("\n"));
    home.command("import input --lake lake").succeeds();
    let sessions = home.lake().sessions();
    home.command("import input --lake lake").succeeds().says(&["0 new", "0 changed", "0 days written"]);
    assert!(home.lake().sessions() == sessions);
}

#[test]
fn of_two_versions_the_one_fetched_later_stays_whichever_is_imported_last() {
    let versions =
        [("old", "2026-11-21T00:00:00Z", "192.0.2.1"), ("new", "2026-11-22T00:00:00Z", "192.0.2.2")];
    for order in [[0, 1], [1, 0]] {
        let home = Home::new();
        for (name, fetched_at, address) in order.map(|nth| versions[nth]) {
            let resource = session("iqse_1", "2026-11-20T10:00:00.000Z").replace("192.0.2.1", address);
            write(&home, name, resource);
            home.command("import --lake lake")
                .arg(name)
                .args(&format!("--fetched-at {fetched_at}"))
                .succeeds();
        }
        let held = home.lake().sessions();
        assert_eq!(held["iqse_1"]["ip_address"], json!("192.0.2.2"), "{order:?}");
        assert_eq!(held["iqse_1"]["fetched_at"], json!("2026-11-22T00:00:00.000Z"), "{order:?}");
    }
}

#[test]
fn what_the_api_said_beats_a_file_unless_the_file_is_newer() {
    let home = Home::new();
    // The scripted server's clock stands at 2026-11-23 06:00.
    home.fetch(&Scripted::listing(resources())).succeeds();
    write(&home, "input", session("iqse_000", "2026-11-20T23:00:00.000Z").replace("192.0.2.1", "192.0.2.9"));
    let address = |home: &Home| home.lake().sessions()["iqse_000"]["ip_address"].clone();
    let import =
        |fetched_at: &str| home.command("import input --lake lake --fetched-at").arg(fetched_at).succeeds();
    import("2026-11-23T05:59:59Z").says(&["0 new", "0 changed", "0 days written"]);
    assert_eq!(address(&home), json!("192.0.2.1"));
    import("2026-11-23T06:00:01Z").says(&["0 new", "1 changed", "1 day written"]);
    assert_eq!(address(&home), json!("192.0.2.9"));
    assert_eq!(home.lake().sessions()["iqse_000"]["environment_id"], json!("env_scripted"));
}

#[test]
fn an_import_removes_nothing_and_covers_no_day() {
    let home = Home::new();
    write(&home, "input", resources()[..100].join("\n"));
    home.command("import input --lake lake --fetched-at 2026-11-21T12:00:00Z").succeeds();
    write(&home, "input", &resources()[50]);
    home.command("import input --lake lake").succeeds();
    let lake = home.lake();
    assert_eq!(lake.sessions().len(), 100);
    for record in lake.records("days").values() {
        let states = [&record["complete"], &record["sealed"], &record["imported"]];
        assert_eq!(states, [&json!(false), &json!(false), &json!(true)], "{record:#}");
    }
    // A later fetch still asks for all of it.
    home.fetch(&Scripted::listing(resources())).succeeds();
    assert_eq!(home.lake().sessions().len(), 250);
    home.command("report network_risk --lake lake --last 2d --format json").succeeds();
}

#[test]
fn imported_days_are_reported_on_without_being_asked_for_by_date() {
    let home = Home::new();
    write(&home, "input", resources().join("\n"));
    home.command("import input --lake lake").succeeds();
    let report = home.command("report network_risk --lake lake --last 5d --format json").succeeds().stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["range"], json!({"since": "2026-11-16", "until": "2026-11-20"}));
    assert_eq!(report["complete"], json!(true));
    assert_eq!(report["reports"][0]["rows"][0]["sessions"], json!(250));
}

#[test]
fn standard_input_of_no_known_age_may_not_decide_between_versions() {
    let home = Home::new();
    write(&home, "input", resources()[..60].join("\n"));
    home.command("import input --lake lake").succeeds();
    let before = home.lake().holdings();
    write(&home, "input", resources()[58..].join("\n"));
    let refused = import_standard(&home, "input", "");
    assert_eq!(refused.status, Some(2), "{refused:#?}");
    refused.says(&["2 sessions of 2026-11-19", "--fetched-at"]).assert_no_panic();
    assert!(home.lake().holdings() == before);
    assert_eq!(import_standard(&home, "input", "--fetched-at 2026-11-22T00:00:00Z").status, Some(0));
    assert_eq!(home.lake().sessions().len(), 250);
}

#[test]
fn a_broken_file_is_told_in_a_sentence_and_leaves_nothing() {
    let lines = resources().join("\n");
    let cut_line = format!("{}\n{}", resources()[0], &resources()[1][..200]);
    let bad_line = format!("{}\nnot json\n{}", resources()[0], resources()[1]);
    let cut_page = &format!("{:#}", page(&resources()))[..5_000];
    let packed = gzip(&lines);
    let mut damaged = packed.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 40].fill(0);
    for (bytes, words) in [
        (cut_line.as_bytes(), ["ends in the middle of the JSON value that begins on line 2", "cut off"]),
        (cut_page.as_bytes(), ["ends in the middle of the JSON value that begins on line 1", "cut off"]),
        (bad_line.as_bytes(), ["is not JSON of sessions", "line 2, column"]),
        (b"<html><body>Sign in</body></html>", ["is not JSON of sessions", "line 1, column 1"]),
        (b"id,created_at\n1,2\n", ["is not JSON of sessions", "line 1, column 1"]),
        (b"{\"a\":\"\xff\"}", ["is not text in UTF-8", "line 1"]),
        (b"", ["is empty", "broken"]),
        (b" \n\r\n\t", ["is empty", "broken"]),
        (&packed[..packed.len() / 2], ["is no whole gzip file", "cut off"]),
        (&packed[..12], ["is no whole gzip file", "cut off"]),
        (&damaged, ["is no whole gzip file", "damaged"]),
    ] {
        let home = Home::new();
        write(&home, "good", &lines);
        write(&home, "broken", bytes);
        home.command("import good broken --lake lake").is_refused(1, &words);
        assert!(!home.lake().exists(), "something was left of {words:?}: {:?}", home.lake().files().keys());
        // A lake that was there stays as it was.
        home.command("import good --lake lake").succeeds();
        let before = home.lake().holdings();
        home.command("import broken --lake lake").is_refused(1, &words);
        assert!(home.lake().holdings() == before, "{words:?}");
    }
    let home = Home::new();
    home.command("import nowhere --lake lake").is_refused(1, &["nowhere cannot be read", "No such file"]);
    home.write("folder/file", "");
    home.command("import folder --lake lake").is_refused(1, &["folder cannot be read", "directory"]);
    write(&home, "good", &lines);
    home.command("import good --lake lake --fetched-at 2126-01-01T00:00:00Z")
        .is_refused(2, &["in the future"]);
    home.command("import good --lake lake --fetched-at yesterday").is_refused(2, &["yesterday", "zone"]);
    home.command("import - - --lake lake").is_refused(2, &["once"]);
    home.command("import good").is_refused(2, &["--lake"]);
    assert!(!home.lake().exists());
}

#[test]
fn json_that_holds_other_things_than_sessions_is_quarantined_and_said() {
    let home = Home::new();
    let others = json!({"errors": [{"title": "Unauthorized"}]});
    write(&home, "input", format!("{}\n{others}\n7\n", resources()[0]));
    home.command("import input --lake lake")
        .ends_with(3)
        .says(&["2 of 3 sessions could not be read", "quarantine"]);
    assert_eq!(home.lake().sessions().len(), 1);
    let kept = home.lake().files();
    let (_, lines) = kept.iter().find(|(name, _)| name.contains("/quarantine/")).unwrap();
    assert!(String::from_utf8_lossy(lines).contains("Unauthorized"), "the resource as it came");
    // A line each, however the file was laid out.
    let home = Home::new();
    write(&home, "input", format!("{:#}", json!({"data": [{"type": "inquiry-session", "id": "iqse_1"}, 7]})));
    home.command("import input --lake lake").ends_with(3);
    let kept = home.lake().files();
    let (_, lines) = kept.iter().find(|(name, _)| name.contains("/quarantine/")).unwrap();
    let lines = String::from_utf8_lossy(lines).into_owned();
    let parsed: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed[0]["resource"]["id"], json!("iqse_1"));
    assert_eq!(parsed.len(), 2);
}

#[test]
fn an_import_that_was_killed_leaves_nothing_that_the_next_does_not_clear() {
    let home = Home::new();
    write(&home, "input", resources().join("\n"));
    home.command("import input --lake lake").succeeds();
    home.write("lake/_session_risk/staging/killed/2026-11-20-000000.arrow", "half a part");
    home.write("lake/_session_risk/staging/killed earlier/2026-11-20.parquet", "half a day");
    home.command("import input --lake lake").succeeds();
    for folder in ["killed", "killed earlier"] {
        assert!(!home.path("lake/_session_risk/staging").join(folder).exists(), "{folder}");
    }
    assert_eq!(home.lake().sessions().len(), 250);
}
