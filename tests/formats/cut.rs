//! What is left out of a format, and that it says so.

use serde_json::{Value as Json, json};
use session_risk::cli::report::{Format, ReportError, render};

use crate::harness::Home;
use crate::report::{options, page};
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

#[test]
fn a_chart_of_many_bars_says_how_many_it_draws_and_leaves_out_those_of_few_sessions() {
    let mut options = options(&["threat_by_country"], Format::Html, 80);
    let few = page(&options, &countries(30).scope());
    assert!(!few.contains("<svg") && few.contains("min_sessions = 30"), "{few}");
    options.queries[0].sql = options.queries[0].sql.replace("min_sessions = 30", "min_sessions = 1");
    let sql = options.queries[0].sql.clone();
    options.queries = vec![session_risk::analysis::catalogue::Query::parse("x", "x.sql", &sql).unwrap()];
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
fn several_reports_as_csv_on_standard_output_are_refused_before_any_work() {
    let home = Home::new();
    let words = ["--format csv", "one report", "--output"];
    // There is no lake, no API and no key: none of them is looked for.
    home.command("report --lake nowhere --format csv").is_refused(2, &words);
    home.command("report --lake nowhere --format csv device_mix network_risk").is_refused(2, &words);
    home.command("demo --format csv").is_refused(2, &words);
    home.command("report --lake nowhere --format csv device_mix").ends_with(4);
    home.command("report --lake nowhere --format csv --output out").ends_with(4);
    let mut options = options(&[], Format::Csv, 80);
    let lake = countries(1);
    let error = render(&options, &lake.scope(), None, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, ReportError::OneAtATime { reports: 3.., .. }), "{error}");
    options.output = Some(home.path("out"));
    let written = page(&options, &lake.scope());
    assert_eq!(written.lines().count(), options.queries.len());
}
