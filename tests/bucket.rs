//! A lake in a bucket, with the real program and a real S3 server: the same lake as in a folder, whatever happens.

use std::sync::mpsc;
use std::time::Duration;

use session_risk::sandbox::{Sandbox, SandboxOptions};

use crate::harness::{Api, Home, Invocation, Running, sandbox, sandbox_with, unlimited};
use crate::s3::{S3, SECRET};
use crate::scripted::{Answer, Scripted, session};

const LAKE: &str = "s3://lake/of/sessions-lake";
/// Pages of the interrupted exports.
const PAGES: u64 = 160;

fn slow_enough_to_kill() -> Sandbox {
    let latency = Duration::from_millis(5);
    sandbox_with(SandboxOptions { sessions: PAGES as usize * 100, days: 20, latency, ..unlimited() })
}

/// `fetch` from an API into the bucket.
fn fetch<'h>(home: &'h Home, s3: &S3, api: &impl Api) -> Invocation<'h> {
    let command = home.command("fetch --lake").arg(LAKE).arg("--base-url").arg(api.url());
    s3.given_to(command).key(&api.key())
}

#[track_caller]
fn assert_the_same_lake(s3: &S3, undisturbed: &Home) {
    let (_folder, lake) = s3.copied();
    assert!(lake.without_fetched_at() == undisturbed.lake().without_fetched_at(), "the lakes differ");
    let left: Vec<_> = lake.files().into_keys().filter(|name| name.contains("staging")).collect();
    assert_eq!(left, Vec::<String>::new());
    let facts = |lake: &crate::lake_files::LakeFiles| {
        let of = ["date", "rows", "complete", "sealed", "newest", "oldest", "statuses"];
        let days = lake.records("days").into_values();
        days.map(|record| of.map(|name| record[name].clone())).collect::<Vec<_>>()
    };
    assert_eq!(facts(&lake), facts(&undisturbed.lake()));
}

#[test]
#[ignore = "needs a Python with moto (SESSION_RISK_PYTHON)"]
fn a_lake_in_a_bucket_is_the_one_in_a_folder_and_reports_say_the_same() {
    let (s3, home) = (S3::start(), Home::new());
    let api = sandbox(5_000, 9);
    home.fetch(&api).succeeds();
    let mut said = fetch(&home, &s3, &api).args("-vv").succeeds().stderr;
    assert_the_same_lake(&s3, &home);

    let before = s3.copied().1.holdings();
    said += &fetch(&home, &s3, &api).succeeds().says(&["0 new", "0 changed", "0 days written"]).stderr;
    let after = s3.copied().1.holdings();
    let day_files = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
        let mut files = files.clone();
        files.retain(|name, _| name.starts_with("sessions/"));
        files
    };
    assert!(day_files(&before) == day_files(&after), "a second fetch wrote a day file");

    let lines = ["iqse_a", "iqse_b"].map(|id| session(id, "2026-11-20T10:00:00.000Z") + "\n").concat();
    home.write("more.jsonl", &lines);
    for lake in ["lake", LAKE] {
        let import = home.command("import more.jsonl --fetched-at 2026-11-21T00:00:00Z --lake").arg(lake);
        said += &s3.given_to(import).succeeds().says(&["2 new"]).stderr;
    }
    assert_the_same_lake(&s3, &home);

    for line in [
        "report --format json --lake",
        "report --explain --lake",
        "query SELECT\u{a0}count(*)\u{a0}AS\u{a0}n\u{a0}FROM\u{a0}sessions --format csv --lake",
        "status --lake",
    ] {
        let of = |lake: &str| {
            let words = line.split(' ').map(|word| word.replace('\u{a0}', " "));
            let command = words.fold(home.command(""), |command, word| command.arg(word)).arg(lake);
            let outcome = s3.given_to(command).succeeds();
            let page = outcome.stdout.lines().filter(|line| {
                // What says when, or which run.
                !["generated_at", " ago", "fetch", "import", "lake", "requests"]
                    .iter()
                    .any(|word| line.contains(word))
            });
            (page.map(|line| line.replace(&format!("{LAKE}/"), "lake/")).collect::<Vec<_>>(), outcome.stderr)
        };
        let (folder, bucket) = (of("lake"), of(LAKE));
        assert_eq!(folder.0, bucket.0, "{line}");
        assert!(folder.0.len() > 1, "{line}");
        said += &bucket.1;
    }
    let copies = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let copies = copies.filter(|found| found.file_name().to_string_lossy().starts_with("session-risk-"));
    assert_eq!(copies.count(), 0, "copies of day files are left behind");

    let (_folder, lake) = s3.copied();
    let held = lake.files().into_values().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    for text in held.chain([said]) {
        assert!(!text.contains(SECRET) && !text.contains(api.key()), "a secret is in: {text}");
    }
}

#[test]
#[ignore = "needs a Python with moto (SESSION_RISK_PYTHON)"]
fn killed_an_export_into_a_bucket_goes_on_once_its_lease_is_over() {
    let undisturbed = Home::new();
    undisturbed.fetch(&slow_enough_to_kill()).succeeds();
    let (s3, home, api) = (S3::start(), Home::new(), slow_enough_to_kill());
    let mut first = fetch(&home, &s3, &api).start();
    first.until(|| api.stats().total() >= 97);
    first.kill();
    let asked = api.stats().total();
    fetch(&home, &s3, &api).is_refused(6, &["another run holds the lake", "process", "last heard of at"]);
    assert_eq!(api.stats().total(), asked, "a run without the lease asked the API");
    s3.turn_clock(61);
    fetch(&home, &s3, &api).succeeds().assert_no_panic();
    assert_the_same_lake(&s3, &undisturbed);
    assert!(api.stats().total() <= PAGES + 50 + 20, "{} requests", api.stats().total());
}

#[test]
#[ignore = "needs a Python with moto (SESSION_RISK_PYTHON)"]
fn stopped_an_export_into_a_bucket_gives_its_lease_back_and_the_next_goes_on() {
    let undisturbed = Home::new();
    undisturbed.fetch(&slow_enough_to_kill()).succeeds();
    let (s3, home, api) = (S3::start(), Home::new(), slow_enough_to_kill());
    let mut first = fetch(&home, &s3, &api).start();
    first.until(|| api.stats().total() >= 80);
    first.signal("TERM");
    let (status, stderr) = first.wait();
    assert_eq!(status, Some(3), "{stderr}");
    fetch(&home, &s3, &api).succeeds().assert_no_panic();
    assert_the_same_lake(&s3, &undisturbed);
    assert!(api.stats().total() <= PAGES + 20, "{} requests", api.stats().total());
}

#[test]
#[ignore = "needs a Python with moto (SESSION_RISK_PYTHON)"]
fn a_store_that_goes_away_midway_costs_nothing_but_a_second_run() {
    let undisturbed = Home::new();
    undisturbed.fetch(&slow_enough_to_kill()).succeeds();
    let (s3, home, api) = (S3::start(), Home::new(), slow_enough_to_kill());
    let mut first = fetch(&home, &s3, &api).start();
    first.until(|| api.stats().total() >= 70);
    s3.cut();
    let (status, stderr) = first.wait();
    assert_eq!(status, Some(1), "{stderr}");
    assert!(stderr.lines().last().unwrap().starts_with("session-risk: could not "), "{stderr}");
    assert!(!stderr.contains(SECRET), "{stderr}");
    s3.mend();
    s3.turn_clock(61);
    fetch(&home, &s3, &api).succeeds().assert_no_panic();
    assert_the_same_lake(&s3, &undisturbed);
}

#[test]
#[ignore = "needs a Python with moto (SESSION_RISK_PYTHON)"]
fn a_rival_is_refused_while_a_run_holds_the_bucket_and_may_wait_for_its_end() {
    let (first_page, asked) = mpsc::channel();
    let (go_on, gate) = mpsc::channel::<()>();
    let api = Scripted::serving(move |_, _| {
        first_page.send(()).unwrap();
        // Whoever comes later finds the gate open.
        let _ = gate.recv();
        Answer::page(&[session("iqse_1", "2026-11-20T10:00:00.000Z")], None)
    });
    let (s3, home) = (S3::start(), Home::new());
    let first = fetch(&home, &s3, &api).args("--run-id the-first").start();
    asked.recv().unwrap();
    fetch(&home, &s3, &api).is_refused(6, &["another run holds the lake", "run the-first, process"]);
    let second: Running = fetch(&home, &s3, &api).args("--run-id the-second --wait-lock 1m").start();
    let stopped = fetch(&home, &s3, &api).args("--wait-lock 1m").start();
    std::thread::sleep(Duration::from_millis(500));
    stopped.signal("TERM");
    assert_eq!(stopped.wait().0, Some(6), "one who waits obeys");
    assert_eq!(api.asked().len(), 1, "one who waits asked the API");
    drop(go_on);
    for (nth, run) in [first, second].into_iter().enumerate() {
        let (status, stderr) = run.wait();
        assert_eq!(status, Some(0), "{stderr}");
        assert_eq!(stderr.contains("waiting for it to end"), nth == 1, "{stderr}");
    }
    let (_folder, lake) = s3.copied();
    assert_eq!(lake.sessions().into_keys().collect::<Vec<_>>(), ["iqse_1"]);
    assert_eq!(lake.records("runs").into_keys().collect::<Vec<_>>(), ["the-first", "the-second"]);
}

#[test]
#[ignore = "needs a Python with moto (SESSION_RISK_PYTHON)"]
fn a_bucket_that_is_not_there_or_empty_and_a_key_that_is_refused_are_told_in_a_sentence() {
    let (s3, home) = (S3::start(), Home::new());
    let api = sandbox(100, 3);
    let of = |line: &str| s3.given_to(home.command(line));
    of("status --lake s3://no-bucket/x").is_refused(2, &["s3://no-bucket/x", "no such bucket"]);
    of("fetch --lake s3://no-bucket/x --base-url")
        .arg(api.url())
        .key(api.key())
        .is_refused(2, &["no such bucket"]);
    of("report --lake").arg(LAKE).is_refused(4, &["there is no lake at s3://lake/of/sessions-lake"]);
    fetch(&home, &s3, &api).key("persona_sandbox_wrong").is_refused(5, &["401"]);
    of("status --lake").arg(LAKE).is_refused(4, &["there is no lake at"]);
    let refusing = Scripted::answering([Answer::new(
        403,
        "application/xml",
        "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code></Error>".to_owned(),
    )]);
    let endpoint = refusing.base_url();
    of("status --lake").arg(LAKE).env("AWS_ENDPOINT_URL", &endpoint).is_refused(2, &["access was refused"]);
    assert_eq!(refusing.asked().len(), 1, "a refusal is not asked for again");
}
