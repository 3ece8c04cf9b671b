//! Where a page goes: `--output` as a folder and as a file, and what a terminal is never sent. And what it is sent
//! while reports are computed.

use std::fs;

use serde_json::{Value as Json, json};
use session_risk::cli::report::{Format, OutputError, ReportError, render};
use session_risk::report::terminal::Terminal;

use crate::analysis::chain;
use crate::duckdb::job;
use crate::harness::{Home, Invocation, PROGRAM};
use crate::report::{Unwatched, options};
use crate::sample_lake;
use crate::small_lake::SmallLake;

fn over_the_sample<'h>(home: &'h Home, line: &str) -> Invocation<'h> {
    home.command(&format!("{line} --lake")).arg(sample_lake::PATH)
}

#[test]
fn a_path_that_ends_as_the_format_does_is_one_file_with_what_would_be_printed() {
    let home = Home::new();
    let asked = |line: &str| over_the_sample(&home, line);
    for (line, path) in [
        ("report network_risk --format csv", "risk.csv"),
        ("query device_mix --format json", "below/here/mix.json"),
        ("report --format markdown", "all.md"),
        ("report --format html", "risk.html"),
        ("report --format mail", "digest.html"),
        ("report device_mix", "mix.txt"),
    ] {
        let printed = asked(&format!("{line} --output {path}")).succeeds().stdout;
        assert_eq!(printed, format!("{path}\n"));
        let (written, printed) = (fs::read(home.path(path)).unwrap(), asked(line).writes());
        // Two runs differ in the moment that they bear, and in nothing else.
        let differ = written.iter().zip(&printed).filter(|(one, other)| one != other).count();
        assert!(written.len() == printed.len() && differ < 20, "{path}: {differ} bytes differ");
    }
    let parquet = asked("query device_mix --format parquet").writes();
    asked("query device_mix --format parquet --output mix.parquet").succeeds();
    assert_eq!(fs::read(home.path("mix.parquet")).unwrap().len(), parquet.len());
    let left = fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_str().unwrap().contains(".partial")));
}

#[test]
fn any_other_path_and_a_folder_of_any_name_hold_one_file_a_report() {
    let home = Home::new();
    fs::create_dir(home.path("all.parquet")).unwrap();
    for folder in ["out", "all.parquet", "mix.csv"] {
        let line = format!("report device_mix network_risk --format parquet --output {folder}");
        let printed = over_the_sample(&home, &line).succeeds().stdout;
        assert_eq!(printed, format!("{folder}/device_mix.parquet\n{folder}/network_risk.parquet\n"));
        assert!(fs::read(home.path(&format!("{folder}/device_mix.parquet"))).unwrap().starts_with(b"PAR1"));
    }
}

#[test]
fn bytes_are_refused_to_a_terminal_before_any_file_is_read_and_told_where_to_go() {
    let lake = SmallLake::new([json!({})]);
    let mut scope = lake.scope();
    scope.files[0].path = "/nowhere".into();
    let mut options = options(&["device_mix"], Format::Parquet, 80);
    options.terminal = Some(Terminal::default());
    let error = render(&options, &scope, None, &Unwatched, &mut Vec::new()).unwrap_err();
    let said = chain(&error);
    assert!(said.contains("`> FILE`") && said.contains("--output FILE.parquet"), "{said}");
    assert!(
        matches!(error, ReportError::Output(error @ OutputError::NoText { .. }) if error.is_wrong_usage())
    );
    options.output = Some(lake.folder.path().join("mix.parquet"));
    render(&options, &lake.scope(), None, &Unwatched, &mut Vec::new()).unwrap();
}

/// Runs the program with a terminal for some of its streams; what comes of it by the names of `tests/terminal.py`.
fn on_a_terminal(home: &Home, terminals: &[&str], command: &[&str]) -> Json {
    const TERMINAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/terminal.py");
    let command: Vec<&str> = [PROGRAM].into_iter().chain(command.iter().copied()).collect();
    job(TERMINAL, &json!({"command": command, "folder": home.path(""), "terminals": terminals}))
}

#[test]
#[ignore = "needs python3"]
fn a_terminal_is_sent_no_bytes_and_twenty_rows_of_any_number() {
    let home = Home::new();
    let asked = |command: &[&str]| {
        let command = [command, &["--lake", sample_lake::PATH]].concat();
        on_a_terminal(&home, &["stdout"], &command)
    };
    let refused = asked(&["query", "device_mix", "--format", "parquet"]);
    assert_eq!((&refused["status"], &refused["shown"]), (&json!(2), &json!("")), "{refused}");
    let said = refused["piped"].as_str().unwrap();
    assert!(
        said.starts_with("session-risk: --format parquet is no text") && said.lines().count() == 1,
        "{said}"
    );
    let written = asked(&["query", "device_mix", "--format", "parquet", "--output", "mix.parquet"]);
    assert_eq!((&written["status"], &written["shown"]), (&json!(0), &json!("mix.parquet\r\n")));
    let all = asked(&["query", crate::formats::cut::MANY])["shown"].as_str().unwrap().to_owned();
    assert!(
        all.contains("20 of 102,400 rows; --format json has them all.") && all.lines().count() < 40,
        "{all}"
    );
}

/// Some thirty million texts that are put together: seconds on any machine.
const SLOW: &str = "-- title: Slow\n-- question: Which is the last?\n\n\
                    SELECT MAX(REPLACE(one.user_agent, 'a', two.session_id)) AS last FROM sessions AS one \
                    CROSS JOIN sessions AS two CROSS JOIN sessions AS three\n";

#[test]
#[ignore = "needs python3"]
fn a_terminal_is_told_which_report_is_computed_and_the_line_is_gone_before_the_page() {
    let home = Home::new();
    home.write("own/slow.sql", SLOW);
    let report =
        ["report", "device_mix", "slow", "network_risk", "--queries", "own", "--lake", sample_lake::PATH];
    let told = on_a_terminal(&home, &["stderr"], &report);
    let shown = told["shown"].as_str().unwrap();
    // Those of few groups are computed together, before the others.
    assert!(shown.contains("3 of 3 · slow"), "{told}");
    assert!(!shown.contains("device_mix"), "what is over at once is not told: {told}");
    // What was last shown was wiped out.
    let after = shown.rsplit("· slow").next().unwrap();
    let wiped = after.rsplit("\u{1b}[2K").next().unwrap();
    assert!(wiped.len() < after.len() && !wiped.contains('·'), "{told}");
    assert!(told["piped"].as_str().unwrap().starts_with("Session risk · "), "{told}");
}

#[test]
fn a_pipe_is_told_nothing_of_how_far_the_reports_are_and_a_log_each_with_its_time() {
    let home = Home::new();
    let report = |flags: &str| over_the_sample(&home, &format!("report --format json {flags}")).succeeds();
    let quiet = report("");
    assert_eq!(quiet.stderr, "");
    assert_eq!(report("--log-format json").stderr, "");
    let told = report("--log-format json --verbose");
    assert_eq!(
        serde_json::from_str::<Json>(&told.stdout).unwrap()["reports"],
        serde_json::from_str::<Json>(&quiet.stdout).unwrap()["reports"]
    );
    let page: Json = serde_json::from_str(&quiet.stdout).unwrap();
    let names = |name: &Json| name.as_str().unwrap().to_owned();
    let reports: Vec<String> =
        page["reports"].as_array().unwrap().iter().map(|r| names(&r["name"])).collect();
    let lines = told.stderr.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let computed: Vec<Json> = lines.filter(|line| line["message"] == "computed").collect();
    let mut logged: Vec<String> = computed.iter().map(|line| names(&line["report"])).collect();
    // Those that share a reading come first.
    logged.sort_by_key(|name| reports.iter().position(|report| report == name));
    assert_eq!(logged, reports);
    assert!(computed.iter().all(|line| line["seconds"].as_f64().unwrap() > 0.0 && line["rows"].is_u64()));
}
