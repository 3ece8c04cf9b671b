//! What is left out of a format, and that it says so.

use std::time::Instant;

use serde_json::{Value as Json, json};
use session_risk::analysis::bind::Arguments;
use session_risk::analysis::catalogue::Query;
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::threshold::{Severity, Threshold};
use session_risk::analysis::{Engine, Reads, answer};
use session_risk::cli::report::{Format, OutputError, ReportError, render};
use session_risk::report::layout::Layout;

use crate::harness::Home;
use crate::report::{Unwatched, options, page};
use crate::sample_lake;
use crate::small_lake::SmallLake;

fn countries(count: usize) -> SmallLake {
    SmallLake::new(of_countries(count))
}

fn of_countries(count: usize) -> impl Iterator<Item = Json> {
    let code = |n: usize| format!("{}{}", (b'A' + (n / 26) as u8) as char, (b'A' + (n % 26) as u8) as char);
    (0..count).map(move |n| json!({"country_code": code(n), "threat_level": "low"}))
}

#[test]
fn a_cut_table_says_so_and_what_programs_read_is_never_cut() {
    let lake = countries(214);
    for (format, rows) in
        [(Format::Terminal, 20), (Format::Markdown, 20), (Format::Html, 20), (Format::Csv, 214)]
    {
        let shown = page(&options(&["threat_by_country"], format, 200), &lake.scope());
        let found = match format {
            Format::Csv => shown.lines().count() - 1,
            Format::Html => shown.matches("<th scope=\"row\">").count(),
            _ => shown.lines().filter(|line| line.contains(" 0 of 1")).count(),
        };
        assert_eq!(found, rows, "{format:?}: {shown}");
        let said = shown.contains("20 of 214 rows; --format json has them all.");
        assert_eq!(said, rows == 20, "{format:?}: {shown}");
    }
}

/// Every session of the sample lake beside every other.
pub(crate) const MANY: &str = "SELECT one.session_id AS one, two.session_id AS two, one.created_at AS at FROM sessions AS one \
                    CROSS JOIN sessions AS two ORDER BY one, two";

#[test]
fn all_rows_of_the_lake_on_a_terminal_are_twenty_and_how_many_there_are() {
    let home = Home::new();
    let shown = home.command("query --lake").arg(sample_lake::PATH).arg(MANY).succeeds().stdout;
    assert!(shown.contains("20 of 102,400 rows; --format json has them all."), "{shown}");
    assert!(shown.lines().count() < 40, "{shown}");
}

#[test]
fn only_the_rows_that_are_shown_are_made_into_a_table_and_all_that_a_threshold_looks_at() {
    let lake = countries(214);
    let engine = LocalEngine::new(&lake.scope()).giving_at_most(3);
    let sql = "SELECT country_code FROM sessions ORDER BY country_code";
    let table = engine.query(sql, Reads::default()).unwrap();
    assert_eq!((table.rows.len(), table.left_out, table.all_rows()), (3, 211, 214));
    assert_eq!(
        table.rows[..],
        LocalEngine::new(&lake.scope()).query(sql, Reads::default()).unwrap().rows[..3]
    );
    // IF is the last of them.
    let mut options = options(&["threat_by_country"], Format::Terminal, 80);
    let condition = "threat_by_country[IF].sessions >= 1".parse().unwrap();
    options.thresholds = vec![Threshold { condition, severity: Severity::Fail }];
    let shown = page(&options, &lake.scope());
    assert!(shown.contains("crossed: threat_by_country[IF]") && shown.contains("20 of 214 rows"), "{shown}");
}

#[test]
fn laying_out_twenty_rows_takes_no_longer_for_those_that_are_not_shown() {
    let query = Query::ad_hoc("SELECT session_id, user_agent, 1 AS n FROM sessions", None).unwrap();
    let lake = countries(1);
    let scope = lake.scope();
    let mut answer = answer(&query, &scope, &Arguments::new(), &LocalEngine::new(&scope)).unwrap();
    answer.table.rows = vec![answer.table.rows[0].clone(); 200_000];
    let timed = |most: usize| {
        let began = Instant::now();
        let layout = Layout::new(&answer, most);
        (layout, began.elapsed())
    };
    let ((all, long), (few, short)) = (timed(usize::MAX), timed(20));
    assert_eq!((all.rows.len(), all.all), (200_000, 200_000));
    assert_eq!((few.rows.len(), few.all), (20, 200_000));
    assert!(short * 50 < long, "{short:?} for twenty rows, {long:?} for all");
}

#[test]
fn a_chart_of_many_bars_says_how_many_it_draws_and_leaves_out_those_of_few_sessions() {
    let mut options = options(&["threat_by_country"], Format::Html, 80);
    let few = page(&options, &countries(30).scope());
    assert!(!few.contains("<svg") && few.contains("min_sessions = 30"), "{few}");
    options.queries[0].sql = options.queries[0].sql.replace("min_sessions = 30", "min_sessions = 1");
    let sql = options.queries[0].sql.clone();
    options.queries = vec![Query::parse("x", "x.sql", &sql).unwrap()];
    // Bars that are all the same are not worth drawing.
    assert!(!page(&options, &countries(30).scope()).contains("<svg"));
    let high = json!({"country_code": "AA", "threat_level": "high"});
    let many = page(&options, &SmallLake::new(of_countries(30).chain([high])).scope());
    assert!(many.contains("Drawn are the first 20 of 30 rows."), "{many}");
    let wide = many.split("<div class=\"wide\">").nth(1).unwrap().split("</svg>").next().unwrap();
    assert!(
        wide.matches("<text").count() > 20 && wide.contains(">AT</text>") && !wide.contains(">AU</text>"),
        "{wide}"
    );
}

#[test]
fn several_reports_in_a_format_that_holds_one_are_refused_before_any_work() {
    let home = Home::new();
    for format in ["csv", "parquet"] {
        let words = [&format!("--format {format}"), "one report", "--output"];
        let refused =
            |line: &str| _ = home.command(&format!("{line} --format {format}")).is_refused(2, &words);
        // There is no lake, no API and no key: none of them is looked for.
        refused("report --lake nowhere");
        refused("report --lake nowhere device_mix network_risk");
        refused(&format!("report --lake nowhere --output reports.{format}"));
        refused("demo");
        let asked = |line: &str| home.command(&format!("report --lake nowhere --format {format} {line}"));
        asked("device_mix").ends_with(4);
        asked("--output out").ends_with(4);
    }
    let mut options = options(&[], Format::Csv, 80);
    let lake = countries(1);
    let error = render(&options, &lake.scope(), None, &Unwatched, &mut Vec::new()).unwrap_err();
    let ReportError::Output(OutputError::OneAtATime { reports: 3.., .. }) = error else { panic!("{error}") };
    options.output = Some(home.path("out"));
    let written = page(&options, &lake.scope());
    assert_eq!(written.lines().count(), options.queries.len());
}
