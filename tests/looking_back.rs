//! Reports that look back to days before their range, by the real program: what is read, and what is said of days that
//! the lake lacks.

use serde_json::{Value, json};
use session_risk::cli::report::Format;
use session_risk::sandbox::SandboxOptions;

use crate::formats::OF_TEXT;
use crate::harness::{Home, sandbox_with, unlimited};
use crate::report::{options, page};
use crate::sample_lake;
use crate::small_lake::SmallLake;

const MISSING: &str =
    "Of the 28 days before the range 26 are missing or still open: 2026-10-22 to 2026-11-16.";

fn told(home: &Home, line: &str) -> Value {
    serde_json::from_str(&home.command(line).args("--format json --lake lake").succeeds().stdout).unwrap()
}

/// The last five days of a made-up history of 40 days, of which the lake has four.
fn shortened() -> Home {
    let home = Home::new();
    let end = "2026-11-21T00:00:00Z".parse().unwrap();
    let api = sandbox_with(SandboxOptions { sessions: 2_000, days: 40, end, ..unlimited() });
    home.fetch(&api).args("--since 2026-11-17").succeeds();
    home
}

#[test]
fn days_before_that_the_lake_lacks_are_named_and_nothing_is_called_new_for_certain() {
    let home = shortened();
    let two = told(&home, "report new_countries --since 2026-11-19 --until 2026-11-20");
    assert_eq!(two["complete"], json!(true), "the range itself is whole");
    let report = &two["reports"][0];
    assert!(report["notes"].as_array().unwrap().contains(&json!(MISSING)), "{:#}", report["notes"]);
    let rows = report["rows"].as_array().unwrap();
    let of = |history: &str| rows.iter().filter(|row| row["history"] == history).count();
    assert!(of("perhaps new") > 0 && of("rare") > 0, "{rows:#?}");
    assert_eq!(of("perhaps new") + of("rare"), rows.len());
    let all = told(&home, "report new_countries --since 2026-11-17 --until 2026-11-20");
    let rows = all["reports"][0]["rows"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["history"].is_null()), "{rows:#?}");
    // A report that does not look back has nothing to say of it.
    let other = told(&home, "report network_risk --since 2026-11-19 --until 2026-11-20");
    assert!(!other["reports"][0]["notes"].to_string().contains("before the range"), "{other:#}");
}

#[test]
fn days_before_the_first_session_of_all_are_not_missing() {
    let home = Home::new();
    sample_lake::copy_to(&home);
    let report = told(&home, "report new_countries --since 2026-11-19 --until 2026-11-20");
    let report = &report["reports"][0];
    assert!(!report["notes"].to_string().contains("missing"), "{:#}", report["notes"]);
    let rows = report["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["history"] == "new"), "{rows:#?}");
}

#[test]
fn only_reports_that_look_back_read_the_days_before() {
    let home = Home::new();
    sample_lake::copy_to(&home);
    let line = "report network_risk new_countries --explain --since 2026-11-19 --until 2026-11-20";
    let explained = told(&home, line);
    let counts = [&explained["files"]["count"], &explained["files_before"]["count"]];
    assert_eq!(counts, [&json!(2), &json!(3)]);
    let days = |nth: usize| {
        let report = &explained["reports"][nth];
        [report["days_before"].clone(), report["missing_before"].clone()]
    };
    assert_eq!([days(0), days(1)], [[json!(0), json!(0)], [json!(28), json!(0)]]);
    let alone = told(&home, &line.replace(" new_countries", ""));
    assert_eq!(alone["files_before"]["count"], json!(0));
    let text = home.command(line).args("--lake lake").succeeds().stdout;
    assert!(text.contains("Files of days before: 3, ") && text.contains("\nDays before: 28\n"), "{text}");
    // A file before the range that cannot be read is in the way of the one and not of the other.
    std::fs::write(home.lake().day_file("2026-11-16"), "not Parquet").unwrap();
    told(&home, "report network_risk --since 2026-11-19 --until 2026-11-20");
    let refused = home.command("report new_countries --since 2026-11-19 --until 2026-11-20 --lake lake");
    refused.is_refused(1, &["created_date=2026-11-16", "is not a whole Parquet file"]);
}

#[test]
fn a_query_of_ones_own_looks_back_and_tells_what_is_in_range() {
    let home = Home::new();
    sample_lake::copy_to(&home);
    let query = |before: &str| {
        format!(
            "-- title: T\n-- question: Q?\n-- key: created_date\n{before}\n\
             SELECT created_date, in_range, COUNT(*) AS n FROM sessions GROUP BY created_date, in_range \
             ORDER BY created_date ASC NULLS LAST"
        )
    };
    home.write("own/two.sql", &query("-- before: 2d\n"));
    home.write("own/none.sql", &query(""));
    let ask = |name: &str| {
        let report =
            told(&home, &format!("report {name} --queries own --since 2026-11-19 --until 2026-11-20"));
        let rows = report["reports"][0]["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| (row["created_date"].clone(), row["in_range"].clone())).collect::<Vec<_>>()
    };
    let day = |day: u32, in_range: bool| (json!(format!("2026-11-{day}")), json!(in_range));
    assert_eq!(ask("none"), [day(19, true), day(20, true)]);
    assert_eq!(ask("two"), [day(17, false), day(18, false), day(19, true), day(20, true)]);
}

#[test]
fn every_format_names_the_missing_days_also_where_there_is_no_row() {
    for rows in [vec![json!({"country_code": "DE"})], vec![]] {
        let lake = SmallLake::new(rows);
        let mut scope = lake.scope();
        scope.before.missing = scope.range.before(28).unwrap().days().take(2).collect();
        for format in OF_TEXT.into_iter().filter(|format| *format != Format::Csv) {
            let shown = page(&options(&["new_countries"], format, 300), &scope);
            let plain = shown.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "");
            let said =
                "Of the 28 days before the range 2 are missing or still open: 2026-09-26 to 2026-09-27.";
            assert!(plain.contains(said), "{format:?}: {shown}");
        }
    }
}

#[test]
fn every_format_says_how_many_days_could_be_judged_also_where_none_stands_out() {
    let fridays = ["10-16", "10-23", "10-30", "11-06", "11-13", "11-20"];
    let day = |(day, count): (&&str, usize)| {
        vec![json!({"country_code": "DE", "created_at": format!("2026-{day}T12:00:00Z")}); count]
    };
    let lake = |last: usize| SmallLake::new(fridays.iter().zip([50, 51, 49, 50, 51, last]).flat_map(day));
    let judged = "2 of 28 days could be judged, and";
    let why =
        "The others are not complete, have no session, or have fewer than 4 earlier days of their weekday";
    let reason = "On Friday 2026-11-20 there were 200 sessions from DE, where Fridays have a median of 50 (5 earlier Fridays;";
    for (last, said) in
        [(50, vec!["nothing stood out.", why]), (200, vec!["something stood out on 1 of them.", why, reason])]
    {
        let lake = lake(last);
        let scope = lake.scope();
        for format in OF_TEXT.into_iter().filter(|format| *format != Format::Csv) {
            let shown = page(&options(&["anomalies"], format, 300), &scope);
            let plain = shown.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "");
            for said in std::iter::once(&judged).chain(&said) {
                assert!(plain.contains(said), "{format:?}, {said}: {shown}");
            }
        }
    }
}
