//! How the formats look, as snapshots; the browser's tests look at the page itself.

use serde_json::json;
use session_risk::analysis::catalogue::Query;
use session_risk::cli::report::Format;

use crate::report::{lake, options, page};
use crate::small_lake::SmallLake;

#[test]
fn a_pull_request_gets_github_tables() {
    let lake = lake();
    let names = ["network_risk", "threat_by_country", "device_mix"];
    insta::assert_snapshot!("markdown", page(&options(&names, Format::Markdown, 80), &lake.scope()));
}

#[test]
fn a_spreadsheet_gets_names_and_raw_values() {
    let lake = SmallLake::new([
        json!({"device_type": "desktop", "os_name": "Mac"}),
        json!({"device_type": "desktop", "os_name": "Mac, \"old\""}),
        json!({"device_type": "=1+1"}),
    ]);
    let csv = page(&options(&["device_mix"], Format::Csv, 80), &lake.scope());
    insta::assert_snapshot!(csv.replace("\r\n", "\n"), @r#"
    device_type,os_name,sessions,total,share,share_low,share_high,share_unknown
    '=1+1,,1,3,0.3333333333333333,0.06149194472039621,0.7923403991979522,0
    desktop,Mac,1,3,0.3333333333333333,0.06149194472039621,0.7923403991979522,0
    desktop,"Mac, ""old""",1,3,0.3333333333333333,0.06149194472039621,0.7923403991979522,0
    "#);
}

#[test]
fn an_incomplete_range_is_told_in_the_page_and_in_the_pull_request() {
    let lake = lake();
    let mut scope = lake.scope();
    scope.complete = false;
    scope.missing = vec!["2026-11-01".parse().unwrap(), "2026-11-02".parse().unwrap()];
    scope.notes = vec!["the lake begins on 2026-11-03".into()];
    for format in [Format::Markdown, Format::Html] {
        let shown = page(&options(&["network_risk"], format, 80), &scope).replace("\\:", ":");
        for words in [
            "Incomplete: 2 of 28 days missing or still open: 2026-11-01 to 2026-11-02.",
            "the lake begins on 2026-11-03",
            "newest session 2026-11-20 23:58",
        ] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
    }
}

/// The page without its style sheet, an element a line.
fn bones(html: &str) -> String {
    let (before, rest) = html.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let html = format!("{before}<style></style>{after}");
    let (before, rest) = html.split_once("sha256-").unwrap();
    let (_, after) = rest.split_once('\'').unwrap();
    format!("{before}sha256-…'{after}").replace("><", ">\n<")
}

#[test]
fn a_page_has_tiles_a_table_and_what_it_rests_on() {
    let lake = lake();
    let html = page(&options(&["network_risk"], Format::Html, 80), &lake.scope());
    insta::assert_snapshot!("html_network_risk", bones(&html));
}

#[test]
fn at_most_six_tiles_stand_first() {
    let rates: String = (0..8).map(|n| format!("-- rate: r{n} = a / b of b\n")).collect();
    let sql = format!("-- title: T\n-- question: Q?\n{rates}\nSELECT 1 AS a, COUNT(*) AS b FROM sessions");
    let mut options = options(&["network_risk"], Format::Html, 80);
    options.queries = vec![Query::parse("x", "x.sql", &sql).unwrap()];
    let html = page(&options, &lake().scope());
    let tiles = html.split("<ul class=\"tiles\">").nth(1).unwrap().split("</ul>").next().unwrap();
    assert_eq!(tiles.matches("<li").count(), 6);
}

#[test]
fn a_line_chart_has_its_band_and_its_points_in_words() {
    let sql = "-- title: By day\n-- question: Q?\n-- key: created_date\n\
               -- rate: vpn_rate = vpn / vpn_known of sessions\n-- chart: line vpn_rate by created_date\n\n\
               SELECT created_date, COUNT(*) AS sessions, COUNT(*) FILTER (WHERE is_vpn) AS vpn, \
               COUNT(is_vpn) AS vpn_known FROM sessions GROUP BY created_date ORDER BY created_date";
    let mut options = options(&["network_risk"], Format::Html, 80);
    options.queries = vec![Query::parse("by_day", "x.sql", sql).unwrap()];
    let html = page(&options, &lake().scope());
    for words in [
        "role=\"img\"",
        "VPN rate by created date",
        "3 points: first 2026-11-18 ",
        ">Nov 18</text>",
        "fill=\"var(--chart-fill)\"",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
}
