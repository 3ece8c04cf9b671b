//! `forget`: what somebody asked to erase is gone, all else stays as it was, and it does not come back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use session_risk::sandbox::SandboxOptions;

use crate::harness::{Home, Outcome, sandbox, sandbox_with, unlimited};
use crate::lake_files::Row;
use crate::scripted::session;

fn text<'r>(row: &'r Row, column: &str) -> &'r str {
    row[column].as_str().unwrap_or_default()
}

/// The sessions by what they have in a column, those with the most first.
fn by(sessions: &BTreeMap<String, Row>, column: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut by: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, row) in sessions.iter().filter(|(_, row)| !row[column].is_null()) {
        by.entry(text(row, column).to_owned()).or_default().insert(id.clone());
    }
    let mut by: Vec<_> = by.into_iter().collect();
    by.sort_by_key(|(_, sessions)| std::cmp::Reverse(sessions.len()));
    by
}

fn forget(home: &Home, whose: &str) -> Outcome {
    home.command("forget --lake lake -vvv").args(whose).succeeds()
}

fn dates_of(sessions: &BTreeMap<String, Row>, ids: &BTreeSet<String>) -> BTreeSet<String> {
    ids.iter().map(|id| text(&sessions[id], "created_at")[..10].to_owned()).collect()
}

/// What a report counts, by name.
fn reported(home: &Home) -> Value {
    let line = "report network_risk --include-today --last 60d --format json --lake lake";
    let report: Value = serde_json::from_str(&home.command(line).succeeds().stdout).unwrap();
    report["reports"][0]["rows"][0].clone()
}

/// The sessions as files of the API's shape.
fn export_of(sessions: &BTreeMap<String, Row>) -> String {
    let line = |row: &Row| {
        let related = |kind: &str| json!({"data": {"type": kind, "id": row[&format!("{kind}_id")]}});
        json!({
            "type": "inquiry-session", "id": row["session_id"],
            "attributes": {"created-at": row["created_at"], "status": row["status"]},
            "relationships": {"inquiry": related("inquiry"), "device": related("device")},
        })
        .to_string()
    };
    sessions.values().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_forgotten_is_gone_and_does_not_come_back_by_fetch_or_import() {
    let api = sandbox(3_000, 6);
    let home = Home::new();
    home.fetch(&api).succeeds();
    let before = home.lake().without_fetched_at();
    let (records, report) = (home.lake().records("days"), reported(&home));
    let (device, of_device) = by(&before, "device_id").swap_remove(0);
    let others = || by(&before, "inquiry_id").into_iter().filter(|(_, of)| of.is_disjoint(&of_device));
    let (inquiry, of_inquiry) = others().next().unwrap();
    let (_, of_another) = others().nth(1).unwrap();
    let single = of_another.first().unwrap().clone();
    let gone: BTreeSet<String> =
        of_device.iter().chain(&of_inquiry).cloned().chain([single.clone()]).collect();
    let dates = dates_of(&before, &gone);
    assert!(of_device.len() > 3 && of_inquiry.len() > 1 && dates.len() > 1, "{gone:?}");

    let whose = format!("--device {device} --inquiry {inquiry} --session {single}");
    let dry = forget(&home, &format!("{whose} --dry-run"));
    let amount = format!("{} sessions on {} days", gone.len(), dates.len());
    dry.says(&["would erase", &amount]);
    assert!(home.lake().without_fetched_at() == before, "a dry run erased something");
    let outcome = forget(&home, &whose).says(&[&amount, "erased from lake", "stay out"]);
    for id in gone.iter().chain([&device, &inquiry]) {
        assert!(!outcome.stderr.contains(id.as_str()), "an id is told: {outcome:#?}");
    }

    let mut expected = before.clone();
    expected.retain(|id, _| !gone.contains(id));
    assert!(home.lake().without_fetched_at() == expected, "another row changed");
    let after = home.lake().records("days");
    for (date, old) in &records {
        let new = &after[date];
        let left = expected.values().filter(|row| text(row, "created_at").starts_with(date.as_str())).count();
        assert_eq!(new["rows"], json!(left), "{date}");
        for same in ["complete", "sealed", "imported", "checked_at"] {
            assert_eq!(new[same], old[same], "{same} of {date}");
        }
        assert_eq!(new == old, !dates.contains(date), "{date}");
    }
    home.command("status --lake lake").succeeds();
    let report_now = reported(&home);
    for (count, of) in [("sessions", None), ("vpn", Some("is_vpn")), ("tor", Some("is_tor"))] {
        let counts = |id: &&String| of.is_none_or(|column| before[*id][column] == json!(true));
        let fewer = gone.iter().filter(counts).count() as i64;
        assert_eq!(report_now[count].as_i64().unwrap(), report[count].as_i64().unwrap() - fewer, "{count}");
    }
    let run = home.lake().last_run();
    assert_eq!((&run["command"], &run["erased"]), (&json!("forget"), &json!(gone.len())));
    assert_eq!(run["days_written"], json!(dates.len()));
    for (name, bytes) in home.lake().files() {
        let holds = |id: &String| bytes.windows(id.len()).any(|window| window == id.as_bytes());
        assert!(!gone.iter().chain([&device, &inquiry]).any(holds), "an id is in {name}");
    }

    home.fetch(&api).args("--full").succeeds();
    assert!(home.lake().without_fetched_at() == expected, "a fetch brought something back");
    home.write("input", &export_of(&before));
    home.command("import input --lake lake --fetched-at 2026-11-25T00:00:00Z").succeeds();
    assert_eq!(
        home.lake().sessions().into_keys().collect::<Vec<_>>(),
        expected.into_keys().collect::<Vec<_>>()
    );
}

fn of_device(id: &str, created_at: &str) -> String {
    let mut resource: Value = serde_json::from_str(&session(id, created_at)).unwrap();
    resource["relationships"]["device"] = json!({"data": {"type": "device", "id": "dev_1"}});
    resource.to_string()
}

fn import(home: &Home, sessions: &[String]) {
    home.write("input", &sessions.join("\n"));
    home.command("import input --lake lake --fetched-at 2026-11-23T00:00:00Z").succeeds();
}

fn held(home: &Home) -> Vec<String> {
    home.lake().sessions().into_keys().collect()
}

#[test]
fn an_inquirys_later_sessions_stay_out_and_a_devices_come_in() {
    let home = Home::new();
    let at = |hour: u32| format!("2026-11-20T{hour:02}:00:00.000Z");
    let of_inquiry = |id: &str, hour| session("iqse_x", &at(hour)).replace("\"iqse_x\"", &format!("{id:?}"));
    import(&home, &[of_inquiry("iqse_1", 1), of_device("iqse_2", &at(2)), session("iqse_3", &at(3))]);
    forget(&home, "--inquiry inq_of_iqse_x --device dev_1")
        .says(&["2 sessions on 1 day", "what a device does later"]);
    assert_eq!(held(&home), ["iqse_3"]);
    import(
        &home,
        &[
            of_inquiry("iqse_1", 1),
            of_inquiry("iqse_4", 4),
            of_device("iqse_2", &at(2)),
            of_device("iqse_5", &at(5)),
        ],
    );
    assert_eq!(held(&home), ["iqse_3", "iqse_5"]);
}

#[test]
fn ids_that_the_lake_does_not_have_stay_out_all_the_same() {
    let home = Home::new();
    let at = "2026-11-20T10:00:00.000Z";
    import(&home, &[session("iqse_1", at)]);
    let before = home.lake().records("days");
    forget(&home, "--session iqse_2").says(&["holds none of these sessions", "stay out from now on"]);
    forget(&home, "--inquiry inq_of_iqse_3").says(&["holds none of these sessions"]);
    forget(&home, "--device dev_1").says(&["holds no session of these devices"]);
    assert_eq!(home.lake().records("days"), before);
    import(
        &home,
        &[session("iqse_1", at), session("iqse_2", at), session("iqse_3", at), of_device("iqse_4", at)],
    );
    assert_eq!(held(&home), ["iqse_1", "iqse_4"]);
}

#[test]
fn a_day_whose_last_session_is_forgotten_has_a_record_and_no_file() {
    let home = Home::new();
    import(
        &home,
        &[session("iqse_1", "2026-11-20T10:00:00.000Z"), session("iqse_2", "2026-11-19T10:00:00.000Z")],
    );
    let old = home.lake().records("days");
    forget(&home, "--session iqse_1").says(&["1 session on 1 day"]);
    assert_eq!(held(&home), ["iqse_2"]);
    assert!(!home.lake().day_file("2026-11-20").exists());
    let record = &home.lake().records("days")["2026-11-20"];
    assert_eq!((&record["rows"], &record["bytes"], &record["sha256"]), (&json!(0), &json!(0), &json!("")));
    assert_eq!((&record["imported"], &old["2026-11-20"]["imported"]), (&json!(true), &json!(true)));
    assert!(home.lake().files().keys().all(|name| !name.contains("intents") && !name.contains("staging")));
    let report =
        home.command("report network_risk --lake lake --since 2026-11-19 --until 2026-11-20 --format json");
    let report: Value = serde_json::from_str(&report.succeeds().stdout).unwrap();
    assert_eq!(
        (&report["complete"], &report["reports"][0]["rows"][0]["sessions"]),
        (&json!(true), &json!(1))
    );
}

#[test]
fn after_a_crash_while_a_day_was_emptied_the_next_writer_records_it() {
    let day =
        || [session("iqse_1", "2026-11-20T10:00:00.000Z"), session("iqse_2", "2026-11-19T10:00:00.000Z")];
    let undisturbed = Home::new();
    import(&undisturbed, &day());
    forget(&undisturbed, "--session iqse_1");
    let record = undisturbed.lake().records("days")["2026-11-20"].clone();
    for deleted in [true, false] {
        let home = Home::new();
        import(&home, &day());
        let old = home.lake().records("days")["2026-11-20"].clone();
        let intent = json!({"run_id": "crashed", "record": record});
        home.write("lake/_session_risk/intents/2026-11-20.json", &intent.to_string());
        if deleted {
            fs::remove_file(home.lake().day_file("2026-11-20")).unwrap();
        }
        import(&home, &[session("iqse_2", "2026-11-19T10:00:00.000Z")]);
        let now = home.lake().records("days")["2026-11-20"].clone();
        assert_eq!(now, if deleted { record.clone() } else { old }, "deleted: {deleted}");
        assert!(home.lake().files().keys().all(|name| !name.contains("intents")));
    }
}

#[test]
fn a_forget_that_breaks_off_brings_nothing_back_and_is_finished_by_the_same_command() {
    let api = sandbox(3_000, 6);
    let home = Home::new();
    home.fetch(&api).succeeds();
    let before = home.lake().without_fetched_at();
    let (devices, of_each): (Vec<_>, Vec<_>) = by(&before, "device_id").into_iter().take(5).unzip();
    let gone: BTreeSet<String> = of_each.into_iter().flatten().collect();
    let dates: Vec<String> = dates_of(&before, &gone).into_iter().collect();
    assert!(dates.len() > 2, "{dates:?}");
    let forget = || home.command("forget --lake lake --run-id erasure --device").args(&devices.join(" "));
    let left = |home: &Home| home.lake().sessions().keys().filter(|id| gone.contains(*id)).count();
    // In the place of one day's journal stands a folder: that day cannot be rewritten.
    let mut left_before = gone.len();
    for date in &dates[1..] {
        let journal = home.lake().path(&format!("_session_risk/intents/{date}.json"));
        fs::create_dir_all(journal.join("in the way")).unwrap();
        forget().ends_with(1).assert_no_panic();
        let now = left(&home);
        assert!(now > 0 && now < left_before, "{now} of {left_before} left");
        left_before = now;
        assert!(!home.lake().records("runs").contains_key("erasure"), "it claims to be done");
        fs::remove_dir_all(journal).unwrap();
        home.fetch(&api).args("--full").succeeds();
        assert!(left(&home) <= left_before, "a fetch brought something back");
    }
    forget().succeeds();
    assert_eq!(left(&home), 0);
    home.fetch(&api).args("--full").succeeds();
    assert_eq!(left(&home), 0);
    assert_eq!(home.lake().sessions().len(), before.len() - gone.len());
}

#[test]
fn what_an_interrupted_export_had_staged_is_forgotten_too() {
    let slow = || {
        let latency = Duration::from_millis(5);
        sandbox_with(SandboxOptions { sessions: 16_000, days: 5, latency, ..unlimited() })
    };
    let truth = Home::new();
    truth.fetch(&slow()).succeeds();
    let before = truth.lake().without_fetched_at();
    let (api, home) = (slow(), Home::new());
    let checkpoint = home.lake().path("_session_risk/staging/first/checkpoint.json");
    let mut export = home.fetch(&api).args("--run-id first").start();
    export.until(|| checkpoint.exists());
    export.kill();
    let staged: Vec<Vec<u8>> = fs::read_dir(checkpoint.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "arrow"))
        .map(|path| fs::read(path).unwrap())
        .collect();
    let is_staged =
        |id: &String| staged.iter().any(|part| part.windows(id.len()).any(|w| w == id.as_bytes()));
    let published = home.lake().sessions();
    let is_only_staged = |(_, of): &&(String, BTreeSet<String>)| {
        of.iter().all(|id| !published.contains_key(id) && is_staged(id))
    };
    let by_device = by(&before, "device_id");
    let (device, gone) = by_device.iter().find(is_only_staged).unwrap();
    forget(&home, &format!("--device {device}")).says(&["holds no session of these devices"]);
    assert!(home.lake().files().keys().all(|name| !name.contains("staging")));
    home.fetch(&api).succeeds();
    let mut expected = before.clone();
    expected.retain(|id, _| !gone.contains(id));
    assert!(home.lake().without_fetched_at() == expected);
}

#[test]
fn quarantine_is_emptied() {
    let home = Home::new();
    home.write(
        "input",
        &[session("iqse_1", "2026-11-20T10:00:00.000Z"), session("iqse_2", "never")].join("\n"),
    );
    home.command("import input --lake lake --fetched-at 2026-11-23T00:00:00Z").ends_with(3);
    let quarantined = |home: &Home| home.lake().files().into_keys().any(|name| name.contains("quarantine"));
    assert!(quarantined(&home));
    forget(&home, "--session iqse_2");
    assert!(!quarantined(&home));
}

#[test]
fn ids_come_from_standard_input_too() {
    let at = "2026-11-20T10:00:00.000Z";
    let home = Home::new();
    import(&home, &["iqse_1", "iqse_2", "iqse_3"].map(|id| session(id, at)));
    let from_input = |flags: &str, input: &str| {
        home.write("ids", input);
        let file = File::open(home.path("ids")).unwrap();
        let command = home.command("forget --lake lake").args(flags);
        command.change(|command| _ = command.stdin(Stdio::from(file))).run_reading_stdin()
    };
    for (flags, input, words) in [
        ("--session -", "\n \n", "no id for --session came"),
        ("--session - --device -", "iqse_1\n", "once"),
        ("--session -", "iqse_1 iqse_2\n", "has a blank in it"),
    ] {
        let refused = from_input(flags, input);
        assert_eq!(refused.status, Some(2), "{refused:#?}");
        refused.says(&[words]);
    }
    let outcome = from_input("--session -", "\niqse_1\r\n  iqse_3\n\n");
    assert_eq!(outcome.status, Some(0), "{outcome:#?}");
    assert_eq!(held(&home), ["iqse_2"]);
}

#[test]
fn wrong_ids_no_lake_and_a_lake_in_use_are_told_with_their_status() {
    let home = Home::new();
    let forget = |whose: &str| home.command("forget --lake lake").args(whose);
    forget("--session iqse_1").is_refused(4, &["there is no lake"]);
    forget("").ends_with(2);
    forget("--inquiry iqse_1").is_refused(2, &["--inquiry", "iqse_", "--session"]);
    forget("--device inq_1").is_refused(2, &["--device", "--inquiry"]);
    forget("--session net_1").is_refused(2, &["net_"]);
    home.command("forget --session iqse_1").is_refused(2, &["no lake is named"]);
    import(&home, &[session("iqse_1", "2026-11-20T10:00:00.000Z")]);
    let lock = File::options().write(true).open(home.lake().path("_session_risk/lock")).unwrap();
    lock.lock().unwrap();
    forget("--session iqse_1").is_refused(6, &["another run holds the lake"]);
    forget("--session iqse_1 --dry-run").succeeds().says(&["would erase 1 session on 1 day"]);
    drop(lock);
    assert_eq!(held(&home), ["iqse_1"]);
    fs::write(home.lake().day_file("2026-11-20"), "damaged").unwrap();
    forget("--session iqse_2").is_refused(1, &["sessions.parquet", "could not be read"]);
}

#[test]
fn a_record_of_what_was_forgotten_that_cannot_be_read_stops_every_writer() {
    let home = Home::new();
    import(&home, &[session("iqse_1", "2026-11-20T10:00:00.000Z")]);
    forget(&home, "--session iqse_1");
    let name = home.lake().files().into_keys().find(|name| name.contains("forgotten/")).unwrap();
    fs::write(home.lake().path(&name), r#"{"sessions":["ab"],"inquiries":[]}"#).unwrap();
    let line = "import input --lake lake --fetched-at 2026-11-23T00:00:00Z";
    home.command(line).is_refused(1, &["forgotten/", "cannot be understood"]);
    home.fetch(&sandbox(100, 2)).ends_with(1).says(&["forgotten/"]);
    assert_eq!(held(&home), [""; 0]);
}

#[test]
fn a_summary_tells_how_much_was_erased() {
    let home = Home::new();
    import(&home, &[session("iqse_1", "2026-11-20T10:00:00.000Z")]);
    forget(&home, "--session iqse_1 --summary summary.json --run-id request-17");
    let summary: Value = serde_json::from_slice(&fs::read(home.path("summary.json")).unwrap()).unwrap();
    assert_eq!((&summary["command"], &summary["forget"]["erased"]), (&json!("forget"), &json!(1)));
    assert!(home.lake().path("_session_risk/forgotten/request-17.json").exists());
}
