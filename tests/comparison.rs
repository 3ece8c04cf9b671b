//! `--compare`: which days are compared, what is said of those that are not, and that the figures are right.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use session_risk::analysis::catalogue::{Catalogue, Query};
use session_risk::analysis::threshold::{Severity, Threshold};
use session_risk::analysis::{Scope, bind};
use session_risk::cli::report::Format;
use session_risk::report::text;

use crate::analysis::chance::{naive_adjusted, tail};
use crate::browser::seen;
use crate::duckdb::in_duckdb;
use crate::harness::{Home, Outcome};
use crate::report::{compared_page, lake, lake_before, options};
use crate::sample_lake;

/// A home with the lake of the samples, which begins on 2026-11-16, or later if so many of its days are not there.
fn home(without: &[&str]) -> Home {
    let home = Home::new();
    sample_lake::copy_to(&home);
    let record = home.lake().path("_session_risk/lake.json");
    let mut lake: Json = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    lake["covered"][0]["from"] = json!("2026-11-16T00:00:00Z");
    if let [.., last] = without {
        lake["covered"][0]["from"] = json!(format!("{last}T23:59:59.999Z"));
    }
    fs::write(record, lake.to_string()).unwrap();
    for day in without {
        fs::remove_file(home.lake().path(&format!("_session_risk/days/{day}.json"))).unwrap();
        fs::remove_file(home.lake().day_file(day)).unwrap();
    }
    home
}

fn document(outcome: &Outcome) -> Json {
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn report(home: &Home, line: &str) -> Outcome {
    home.command("report --lake lake --format json").args(line).succeeds()
}

fn states(document: &Json, report: &str) -> Vec<String> {
    let reports = document["reports"].as_array().unwrap();
    let report = reports.iter().find(|of| of["name"] == json!(report)).unwrap();
    report["rows"].as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_rate_has_what_it_was_and_how_it_changed_and_each_row_its_state() {
    let home = home(&[]);
    let compared = document(&report(&home, "network_risk --last 2d --compare previous"));
    assert_eq!(
        compared["comparison"],
        json!({"range": {"since": "2026-11-17", "until": "2026-11-18"}, "complete": true, "missing": [],
               "missing_in_range": []})
    );
    let before = document(&report(&home, "network_risk --since 2026-11-17 --until 2026-11-18"));
    let now = document(&report(&home, "network_risk --last 2d"));
    assert_eq!(now["comparison"], Json::Null);
    let row = |document: &Json| document["reports"][0]["rows"][0].clone();
    let (compared, before, now) = (row(&compared), row(&before), row(&now));
    for rate in ["vpn_rate", "tor_rate", "proxy_rate", "datacenter_rate", "anonymised_rate"] {
        assert_eq!(compared[rate], now[rate]);
        assert_eq!(compared[format!("{rate}_previous")], before[rate]);
        let change = now[rate].as_f64().unwrap() - before[rate].as_f64().unwrap();
        assert!((compared[format!("{rate}_change")].as_f64().unwrap() - change).abs() < 1e-12);
    }
    assert_eq!(compared["state"], json!("same"));
    // The settings may say so too.
    home.write("session-risk.toml", "compare = \"2026-11-17..2026-11-18\"\n");
    assert_eq!(row(&document(&report(&home, "network_risk --last 2d"))), compared);
}

#[test]
fn what_would_be_read_of_both_windows_is_explained() {
    let home = home(&[]);
    let line = "network_risk --last 2d --compare 2026-11-15..2026-11-18 --explain";
    let explained = document(&report(&home, line));
    let earlier = &explained["comparison"];
    assert_eq!(earlier["range"], json!({"since": "2026-11-15", "until": "2026-11-18"}));
    assert_eq!((&earlier["complete"], &earlier["files"]["count"]), (&json!(false), &json!(3)));
    assert_eq!(explained["files"]["count"], json!(2));
    let shown = home.command("report --lake lake").args(line).succeeds().stdout;
    let words = "Compared with: 2026-11-15 to 2026-11-18 (4, 1 of them missing or still open)\nFiles: 3, ";
    assert!(shown.contains(words), "{shown}");
}

#[test]
fn parameters_hold_for_both_windows() {
    let home = home(&[]);
    let of = |line: &str| {
        let document =
            document(&report(&home, &format!("inquiries_per_device {line} --param min_inquiries=1")));
        let rows = document["reports"][0]["rows"].as_array().unwrap();
        rows.iter().map(|row| row["device_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (now, before) = (of("--last 2d"), of("--since 2026-11-16 --until 2026-11-18"));
    let gone: Vec<String> = before.iter().filter(|id| !now.contains(id)).cloned().collect();
    assert!(gone.len() > 20 && now.len() > 20, "{} and {}", gone.len(), now.len());
    let compared = of("--last 2d --compare 2026-11-16..2026-11-18");
    assert_eq!(compared, [now, gone].concat());
}

#[test]
fn windows_that_share_a_day_are_refused() {
    let home = home(&[]);
    let report = |line: &str| home.command("report --lake lake").args(line);
    let words = ["2026-11-14 to 2026-11-18", "overlaps the range 2026-11-16 to 2026-11-20"];
    report("--last 5d --compare 2d").is_refused(2, &words);
    report("--last 5d --compare 2026-11-01..2026-11-16").is_refused(2, &["overlaps", "--since"]);
    report("--until 2026-11-17 --last 2d --compare 2026-11-18..2026-11-20").is_refused(2, &["lies after"]);
    report("--compare 4w").is_refused(2, &["--compare", "neither `previous`, nor a number of days"]);
    report("--compare previous --include-today").is_refused(2, &["cannot be used with", "--include-today"]);
    report("--last 2d --compare 2d").succeeds();
}

#[test]
fn days_that_the_lake_lacks_are_said_and_left_out_in_both_windows() {
    let home = home(&["2026-11-16", "2026-11-17"]);
    let line = "--until 2026-11-21 --last 2d --compare 2026-11-16..2026-11-18";
    let outcome = report(&home, line);
    let compared = document(&outcome);
    assert_eq!(
        compared["comparison"],
        json!({"range": {"since": "2026-11-16", "until": "2026-11-18"}, "complete": false,
               "missing": ["2026-11-16", "2026-11-17"], "missing_in_range": ["2026-11-21"]})
    );
    assert_eq!(compared["complete"], json!(false));
    // What is read is what is complete.
    let only = |day: &str| document(&report(&home, &format!("network_risk --since {day} --until {day}")));
    let row = |document: &Json| document["reports"][0]["rows"][0].clone();
    let (now, before) = (row(&only("2026-11-20")), row(&only("2026-11-18")));
    assert_eq!(row(&compared)["sessions"], now["sessions"]);
    assert_eq!(row(&compared)["vpn_rate_previous"], before["vpn_rate"]);
    // Of the days of the range the first has no counterpart in the lake, and the other is not over.
    assert_eq!(states(&compared, "daily_trend"), ["n/a"]);
    let said = [
        "Incomplete: 1 of 2 days missing or still open: 2026-11-21.",
        "Compared with less than 2026-11-16 to 2026-11-18: 2 of 3 days missing or still open: 2026-11-16 to 2026-11-17, and left out.",
    ];
    for words in said {
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
        let notes = compared["reports"][0]["notes"].as_array().unwrap();
        assert!(notes.contains(&json!(words)), "{notes:?}");
    }
    for format in ["terminal", "markdown", "html"] {
        let shown = home.command("report --lake lake --format").arg(format).args(line).succeeds().stdout;
        let shown = shown.replace('\\', "").split_whitespace().collect::<Vec<_>>().join(" ");
        for words in said.into_iter().chain(["Only complete days are compared"]) {
            assert!(shown.contains(words), "{format}: {shown}");
        }
    }
}

#[test]
fn where_the_lake_has_none_of_the_earlier_days_nothing_is_compared_and_that_is_said() {
    let home = home(&[]);
    let outcome = report(&home, "--last 5d --compare previous");
    let compared = document(&outcome);
    for report in compared["reports"].as_array().unwrap() {
        let name = report["name"].as_str().unwrap();
        assert!(states(&compared, name).iter().all(|state| state == "n/a"), "{name}");
    }
    assert!(outcome.stderr.contains("no complete day from 2026-11-11 to 2026-11-15"), "{}", outcome.stderr);
    let shown = home.command("report --lake lake --last 5d --compare previous").succeeds().stdout;
    assert!(shown.contains("What changed\nNothing could be compared."), "{shown}");
    // The other way round there is nothing to report on.
    home.command("report --lake lake --since 2026-11-21 --compare 2d").ends_with(2);
    home.command("report --lake lake --since 2026-11-21 --until 2026-11-21 --compare 2d")
        .is_refused(4, &["nothing to compare", "2026-11-21"]);
}

#[test]
fn what_was_complete_and_quiet_is_compared_with() {
    // The API's oldest session is newer than these days: nothing is missing there.
    let home = Home::new();
    sample_lake::copy_to(&home);
    let compared = document(&report(&home, "--last 5d --compare previous"));
    assert_eq!(compared["comparison"]["complete"], json!(true));
    assert_eq!(states(&compared, "network_risk"), ["same"]);
    assert_eq!(compared["reports"][0]["rows"][0]["vpn_rate_previous"], Json::Null);
    assert!(states(&compared, "threat_by_country").iter().all(|state| state == "new"));
    assert!(states(&compared, "daily_trend").iter().all(|state| state == "new"));
}

#[test]
fn pages_for_people_say_what_changed_first() {
    let (lake, before) = (lake(), lake_before());
    let shown = |format| {
        let options = options(&["network_risk", "threat_by_country"], format, 80);
        compared_page(&options, &lake.scope(), Some(&before.scope_before(None)))
    };
    for format in [Format::Terminal, Format::Markdown, Format::Html] {
        let page = shown(format).replace('\\', "");
        let place = |words: &str| page.find(words).unwrap_or_else(|| panic!("{words} is not in: {page}"));
        let first = place("What changed");
        assert!(place("compared with 2026-09-26 to 2026-10-23") < first);
        assert!(first < place("Network risk: VPN rose from "));
        assert!(place("Threat level by country: 1 new (BR); 1 gone (PL).") < place("How many sessions come"));
        for words in ["▲ +", "gone", "new", "Benjamini"] {
            place(words);
        }
    }
    for width in 20..=140 {
        let options = options(&[], Format::Terminal, width);
        let page = compared_page(&options, &lake.scope(), Some(&before.scope_before(None)));
        assert!(page.lines().all(|line| text::width(line) <= width), "{page}");
    }
    insta::assert_snapshot!("terminal", shown(Format::Terminal));
}

#[test]
fn a_line_has_the_earlier_window_dashed_and_told() {
    let (lake, before) = (lake(), lake_before());
    let options = options(&["daily_trend"], Format::Html, 80);
    let page = compared_page(&options, &lake.scope(), Some(&before.scope_before(None)));
    for words in [
        "stroke-dasharray",
        "dashed: 2026-09-26 to 2026-10-23",
        " Before, 2026-09-26 to 2026-10-23: 3 points: first",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!crate::report::page(&options, &lake.scope()).contains("stroke-dasharray"));
}

#[test]
#[ignore = "needs chromium and python3 with playwright"]
fn the_compared_page_is_whole_by_hand_and_at_a_desk() {
    let (lake, before) = (lake(), lake_before());
    let mut options = options(&[], Format::Html, 80);
    let expressions = [
        "network_risk.vpn_rate > 0.05",
        "network_risk.tor_rate > 0.5",
        "threat_by_country[ZZ].high_rate > 0",
    ];
    options.thresholds = expressions
        .map(|text| Threshold { condition: text.parse().unwrap(), severity: Severity::Fail })
        .to_vec();
    let html = compared_page(&options, &lake.scope(), Some(&before.scope_before(Some("2026-10-05"))));
    // Kept for people to look at.
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compared");
    let words =
        ["What changed", "Thresholds", "not evaluated: threat_by_country[ZZ]", "compared with", "▲ +"];
    for view in seen(&html, &folder, &words) {
        for nothing in ["console", "requests", "missing", "clipped"] {
            assert_eq!(view[nothing], json!([]), "{nothing}: {view}");
        }
        assert_eq!(view["wider"], json!(0), "the page scrolls sideways: {view}");
    }
}

/// One window's rows by DuckDB, and where its columns stand.
struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Json>>,
}

impl Rows {
    fn of(query: &Query, scope: &Scope) -> Self {
        let before = scope.before(query.header.days_before());
        let arguments = bind::Arguments::new();
        let sql =
            bind::bind(&query.sql, &query.header, scope.range, before.missing.len(), &arguments).unwrap();
        let told = in_duckdb(&[before.files, scope.files.clone()].concat(), scope.range.since(), &sql);
        let row = |row: &Json| row.as_array().unwrap().clone();
        Self {
            columns: told["columns"]
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap().to_owned())
                .collect(),
            rows: told["rows"].as_array().unwrap().iter().map(row).collect(),
        }
    }

    fn value(&self, row: usize, column: &str) -> &Json {
        &self.rows[row][self.columns.iter().position(|name| name == column).unwrap()]
    }

    fn count(&self, row: usize, column: &str) -> f64 {
        self.value(row, column).as_f64().unwrap()
    }

    /// The key of a row; a day counts from the window's first.
    fn key(&self, query: &Query, row: usize, first: jiff::civil::Date) -> Vec<Json> {
        let part = |column: &String| match self.value(row, column).as_str() {
            Some(day) if column == "created_date" => {
                json!(first.until(day.parse::<jiff::civil::Date>().unwrap()).unwrap().get_days())
            }
            _ => self.value(row, column).clone(),
        };
        query.header.key.iter().map(part).collect()
    }
}

#[test]
#[ignore = "needs python3 with duckdb"]
fn the_comparison_is_a_naive_reckoning_over_duckdbs_rows() {
    let (lake, before) = (lake(), lake_before());
    let (scope, earlier) = (lake.scope(), before.scope_before(None));
    let (mut told, mut tested) = (0, 0);
    let catalogue = Catalogue::built_in().unwrap();
    // DuckDB has the rows before a step only.
    for query in catalogue.queries().iter().filter(|query| query.header.then.is_none()) {
        let options = options(&[&query.name], Format::Json, 80);
        let json: Json = serde_json::from_str(&compared_page(&options, &scope, Some(&earlier))).unwrap();
        let ours = json["reports"][0]["rows"].as_array().unwrap();
        let (now, then) = (Rows::of(query, &scope), Rows::of(query, &earlier));
        let keys = |rows: &Rows, first| -> Vec<Vec<Json>> {
            (0..rows.rows.len()).map(|row| rows.key(query, row, first)).collect()
        };
        let (now_keys, then_keys) = (keys(&now, scope.range.since()), keys(&then, earlier.range.since()));
        let least = query
            .header
            .parameter("min_sessions")
            .map_or(0.0, |parameter| parameter.default.to_string().parse::<f64>().unwrap());
        // Every row of this window, then those of the earlier one that it does not have.
        let mut pairs: Vec<(Option<usize>, Option<usize>)> = Vec::new();
        for (row, key) in now_keys.iter().enumerate() {
            pairs.push((Some(row), then_keys.iter().position(|other| other == key)));
        }
        for (row, key) in then_keys.iter().enumerate() {
            if !now_keys.contains(key) {
                pairs.push((None, Some(row)));
            }
        }
        assert_eq!(ours.len(), pairs.len(), "{}", query.name);
        for (row, pair) in ours.iter().zip(&pairs) {
            let state = match pair {
                (Some(_), Some(_)) => "same",
                (Some(_), None) => "new",
                _ => "gone",
            };
            assert_eq!(row["state"], json!(state), "{}: {row}", query.name);
            told += 1;
        }
        for rate in &query.header.rates {
            let p = pairs.iter().map(|(here, there)| {
                let sides = [(&now, (*here)?), (&then, (*there)?)].map(|(rows, row)| {
                    (rows.count(row, &rate.numerator), rows.count(row, &rate.denominator))
                });
                let all = sides[0].1 + sides[1].1;
                let hits = sides[0].0 + sides[1].0;
                let mut chi_squared = 0.0;
                for (side_hits, trials) in sides {
                    for (observed, column) in [(side_hits, hits), (trials - side_hits, all - hits)] {
                        let expected = trials * column / all;
                        if !(expected >= 5.0 && trials >= least) {
                            return None;
                        }
                        chi_squared += (observed - expected) * (observed - expected) / expected;
                    }
                }
                Some(tail(chi_squared.sqrt()))
            });
            let adjusted = naive_adjusted(&p.collect::<Vec<_>>());
            for ((row, (here, there)), p) in ours.iter().zip(&pairs).zip(adjusted) {
                let share = |rows: &Rows, row: Option<usize>| {
                    let of = row.map(|row| rows.count(row, &rate.denominator)).filter(|of| *of > 0.0)?;
                    Some(rows.count(row?, &rate.numerator) / of)
                };
                let (share, previous) = (share(&now, *here), share(&then, *there));
                let change = share.zip(previous).map(|(share, previous)| share - previous);
                for (end, expected) in [("", share), ("_previous", previous), ("_change", change), ("_p", p)]
                {
                    let column = format!("{}{end}", rate.name);
                    let same = match (row[&column].as_f64(), expected) {
                        (Some(ours), Some(expected)) => (ours - expected).abs() <= 1e-9,
                        (ours, expected) => ours.is_none() && expected.is_none(),
                    };
                    assert!(same, "{}, {column}: {expected:?} by hand, {row}", query.name);
                }
                tested += usize::from(p.is_some());
            }
        }
    }
    assert!(told > 100 && tested > 30, "{told}, {tested}");
}
