//! What an operator asks of a lake and of a run: `status`, `doctor`, `--summary`, `--run-id`, completions, the manual.

use std::fs;

use jiff::Timestamp;
use serde_json::{Value, json};
use session_risk::sandbox::SandboxOptions;

use crate::harness::{Home, faults, sandbox, sandbox_with, unlimited};
use crate::scripted::{Answer, KEY, Scripted, link, session};

fn status(home: &Home) -> Value {
    serde_json::from_str(&home.command("status --lake lake --format json").succeeds().stdout).unwrap()
}

#[test]
fn a_status_tells_days_sessions_coverage_runs_and_requests() {
    let home = Home::new();
    home.fetch(&sandbox(1_500, 15)).succeeds();
    let status = status(&home);
    assert_eq!((&status["version"], &status["sessions"]), (&json!(1), &json!(1_500)));
    let days = &status["days"];
    assert_eq!(days["last"], json!("2026-11-20"));
    assert_eq!(days["holes"], json!([]));
    let sum = days["sealed"].as_u64().unwrap() + days["open"].as_u64().unwrap();
    assert_eq!(json!(sum), days["with_sessions"], "every day is sealed or open: {days}");
    let vpn = &status["coverage"]["is_vpn"];
    let of = |name: &str| vpn[name].as_u64().unwrap();
    assert_eq!(of("known") + of("null"), 1_500);
    assert!(of("known") > 0 && of("absent") <= of("null"));
    assert_eq!(status["requests"]["last_day"], json!(15 + 1), "the pages, and the limit");
    assert_eq!(
        (&status["runs"][0]["requests"], &status["runs"][0]["command"]),
        (&json!(15 + 1), &json!("fetch"))
    );
    let shown = home.command("status --lake lake").succeeds().stdout;
    for words in ["1,500 in", "complete up to", "is_vpn", "holes        none"] {
        assert!(shown.contains(words), "{words:?} is not in:\n{shown}");
    }
}

#[test]
fn absent_attributes_are_told_apart_from_null_ones() {
    let home = Home::new();
    let moment = "2026-11-20T10:00:00.000Z";
    let absent = session("iqse_1", moment).replace("\"is-vpn\":false,", "");
    assert_ne!(absent, session("iqse_1", moment));
    let null = session("iqse_2", moment).replace("\"is-vpn\":false", "\"is-vpn\":null");
    home.fetch(&Scripted::listing(vec![absent, null, session("iqse_3", moment)])).succeeds();
    assert_eq!(status(&home)["coverage"]["is_vpn"], json!({"known": 1, "null": 2, "absent": 1}));
}

#[test]
fn days_that_nobody_fetched_are_holes_and_days_without_sessions_are_none() {
    let home = Home::new();
    let at =
        |nth: usize, day: u32| session(&format!("iqse_{nth}"), &format!("2026-11-{day:02}T10:00:00.000Z"));
    let listing = || Scripted::listing(vec![at(5, 20), at(4, 17), at(3, 16), at(2, 12), at(1, 10)]);
    home.fetch(&listing()).args("--since 2026-11-10 --until 2026-11-12").succeeds();
    home.fetch(&listing()).args("--since 2026-11-16").succeeds();
    let days = &status(&home)["days"];
    assert_eq!(days["holes"], json!(["2026-11-13", "2026-11-14", "2026-11-15"]));
    assert_eq!((&days["first"], &days["without_sessions"]), (&json!("2026-11-10"), &json!(6)), "{days}");
}

#[test]
fn a_lake_of_files_has_holes_between_its_days_only_and_says_that_nothing_was_fetched() {
    let home = Home::new();
    let at =
        |nth: usize, day: u32| session(&format!("iqse_{nth}"), &format!("2026-11-{day:02}T10:00:00.000Z"));
    home.write("input", &format!("{}\n{}", at(2, 14), at(1, 12)));
    home.command("import input --lake lake --fetched-at 2026-11-20T00:00:00Z").succeeds();
    let status = status(&home);
    assert_eq!(status["days"]["holes"], json!(["2026-11-13"]));
    assert_eq!((&status["walked"], &status["fresh_until"]), (&json!(false), &json!("2026-11-20T00:00:00Z")));
    assert_eq!(status["days"]["imported"], json!(2));
    let shown = home.command("status --lake lake").succeeds().stdout;
    assert!(shown.contains("never fetched; from files of 2026-11-20 00:00"), "{shown}");
}

#[test]
fn open_days_are_stale_by_the_look_back_of_the_last_run() {
    let home = Home::new();
    let rows = [20, 8].map(|day| {
        session(&format!("iqse_{day}"), &format!("2026-11-{day:02}T10:00:00.000Z"))
            .replace("expired", "active")
    });
    for (flags, stale) in [("", 1), ("--look-back 20d", 0), ("--look-back 2d", 1)] {
        home.fetch(&Scripted::listing(rows.to_vec())).args(flags).succeeds();
        assert_eq!(status(&home)["days"]["stale"], json!(stale), "{flags}");
    }
    let shown = home.command("status --lake lake").succeeds().stdout;
    assert!(shown.contains("1 of them stale: older than the last 2 days"), "{shown}");
}

#[test]
fn a_lake_that_has_not_been_complete_for_too_long_fails() {
    let home = Home::new();
    // Its clock stands still on 2026-11-23.
    home.fetch(&Scripted::listing(vec![session("iqse_1", "2026-11-20T10:00:00.000Z")])).succeeds();
    let stale = home.command("status --lake lake --max-age 1m").ends_with(1);
    stale.says(&["session-risk: the lake was complete", "ago", "fetch again"]);
    home.command("status --lake lake --max-age 900000h").succeeds();
    home.command("status --lake nowhere").is_refused(4, &["there is no lake at nowhere"]);
}

#[test]
fn the_doctor_tells_what_is_well_in_a_line_each() {
    let api =
        sandbox_with(SandboxOptions { sessions: 100, end: Timestamp::now(), ..SandboxOptions::default() });
    let home = Home::new();
    let doctor = || home.command("doctor --lake lake --base-url").arg(api.base_url());
    let well = doctor().key(api.key()).succeeds();
    let lines: Vec<&str> = well.stdout.lines().collect();
    let begins = ["ok  key", "ok  permission", "ok  budget", "ok  clock", "ok  lake"];
    assert_eq!(lines.len(), begins.len(), "{}", well.stdout);
    assert!(lines.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{}", well.stdout);
    assert!(
        well.stdout.contains("300 requests a minute") && well.stdout.contains("at most 210"),
        "{}",
        well.stdout
    );
    assert!(!well.stdout.contains(api.key()));
    assert!(!home.lake().exists(), "a look makes no lake");
    assert_eq!(api.stats().total(), 1, "one request");
}

#[test]
fn the_doctor_ends_with_the_status_of_the_first_thing_that_is_wrong() {
    let home = Home::new();
    let refusing = Scripted::answering([Answer::error(403, "Forbidden", "no permission")]);
    let url = refusing.base_url();
    let doctor = |url: &str| home.command("doctor --lake lake --base-url").arg(url).key(KEY);
    let ill = doctor(&url).ends_with(5);
    assert!(ill.stdout.contains("NO  permission") && ill.stdout.contains("ok  lake"), "{}", ill.stdout);
    assert!(doctor(&url).without_key().ends_with(2).stdout.contains("NO  key"));
    assert!(doctor("http://127.0.0.1:9/api/v1").ends_with(1).stdout.contains("no API could be reached"));
    // The scripted server's clock stands still.
    let slow = Scripted::answering([Answer::page::<&str>(&[], None)]);
    assert!(doctor(&slow.base_url()).ends_with(1).stdout.contains("NO  clock"));
    home.write("lake", "a file");
    assert!(doctor(&slow.base_url()).run().stdout.contains("NO  lake"));
}

#[test]
fn a_summary_says_what_came_of_a_run_and_bears_the_schedulers_name() {
    let home = Home::new();
    let api = sandbox(300, 3);
    let id = "manual__2026-11-20T00:00:00+00:00";
    let run =
        home.command("run network_risk --lake lake --summary summary.json --base-url").arg(api.base_url());
    run.key(api.key()).args(&format!("--run-id {id}")).succeeds();
    let summary: Value = serde_json::from_slice(&fs::read(home.path("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["run_id"], json!(id));
    assert_eq!((&summary["command"], &summary["status"]), (&json!("run"), &json!(0)));
    assert_eq!((&summary["fetch"]["rows"], &summary["fetch"]["requests"]), (&json!(300), &json!(3 + 1)));
    assert_eq!(summary["report"], json!({"status": 0, "reason": null}));
    assert!(home.lake().records("runs").contains_key(id));
    assert!(!summary.to_string().contains(api.key()));
}

#[test]
fn every_line_of_a_runs_log_bears_its_name() {
    let home = Home::new();
    let faulty = sandbox_with(SandboxOptions { sessions: 500, faults: faults(0.06), ..unlimited() });
    home.write("input", &session("iqse_1", "2026-11-20T10:00:00.000Z"));
    for (command, at_least) in [
        (home.fetch(&faulty).args("-v"), 5),
        (home.command("import input --lake other -v"), 1),
        (home.fetch(&faulty).key("persona_sandbox_wrong"), 1),
    ] {
        let outcome = command.args("--run-id night-1 --log-format json").run();
        let lines: Vec<Value> =
            outcome.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.len() >= at_least, "{outcome:#?}");
        assert!(
            lines.iter().all(|line| line["span"] == json!({"id": "night-1", "name": "run"})),
            "{outcome:#?}"
        );
    }
}

#[test]
fn a_summary_of_a_run_that_failed_says_why() {
    let home = Home::new();
    let pages = [
        Answer::page(&[session("iqse_2", "2026-11-20T10:00:00.000Z")], Some(&link("iqse_2"))),
        Answer::error(401, "Unauthorized", "withdrawn"),
    ];
    let api = Scripted::answering(pages);
    home.fetch(&api).args("--summary summary.json").ends_with(5);
    let summary: Value = serde_json::from_slice(&fs::read(home.path("summary.json")).unwrap()).unwrap();
    assert_eq!((&summary["status"], &summary["fetch"]["status"]), (&json!(5), &json!(5)));
    assert!(summary["fetch"]["reason"].as_str().unwrap().contains("withdrawn"), "{summary:#}");
    assert_eq!(summary["fetch"]["rows"], json!(1));
}

#[test]
fn a_summary_that_cannot_be_written_and_a_run_id_that_names_no_file_are_refused_at_once() {
    let api = sandbox(100, 2);
    let home = Home::new();
    home.fetch(&api)
        .args("--summary nowhere/summary.json")
        .is_refused(2, &["nowhere/summary.json", "folder"]);
    home.fetch(&api).args("--run-id ../../x").is_refused(2, &["run id"]);
    assert_eq!(api.stats().total(), 0);
    assert!(!home.lake().exists());
    #[cfg(unix)]
    {
        let _socket = std::os::unix::net::UnixListener::bind(home.path("device")).unwrap();
        home.fetch(&api).args("--summary device").is_refused(2, &["device", "no ordinary file"]);
    }
    home.fetch(&api).succeeds();
    let (date, before) = (home.lake().dates().pop_first().unwrap(), home.lake().holdings());
    let inside = format!("lake/sessions/created_date={date}/sessions.parquet");
    home.fetch(&api).args(&format!("--summary ./{inside}")).is_refused(2, &["would lie in the lake"]);
    assert!(home.lake().holdings() == before);
}

#[test]
fn completions_and_the_manual_name_every_command() {
    let home = Home::new();
    let manual = home.command("man").succeeds().stdout;
    assert!(manual.contains(".TH"), "no page of a manual");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.command("completions").arg(shell).succeeds().stdout;
        for command in ["demo", "fetch", "import", "report", "run", "status", "doctor", "sandbox"] {
            assert!(script.contains(command), "{command} is not in the completions for {shell}");
            assert!(manual.contains(&command.to_uppercase()), "{command} is not in the manual");
        }
    }
}
