//! Reports: pages for terminals and for programs, and the command that makes them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};

use jiff::{Timestamp, ToSpan};
use serde_json::{Value as Json, json};
use session_risk::analysis::Scope;
use session_risk::analysis::catalogue::{Catalogue, Query};
use session_risk::cli::days::Days;
use session_risk::cli::engine::Engines;
use session_risk::cli::report::{Format, OutputError, ReportError, ReportOptions, Watch, render};
use session_risk::report::terminal::Terminal;
use session_risk::report::text;

use crate::analysis::chain;
use crate::small_lake::{SmallLake, odd_rows, range};

pub(crate) fn options(names: &[&str], format: Format, width: usize) -> ReportOptions {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    ReportOptions {
        queries: Catalogue::built_in().unwrap().select(&names).unwrap(),
        arguments: BTreeMap::new(),
        compare: None,
        thresholds: Vec::new(),
        trusted: Vec::new(),
        engine: Engines::Local,
        format,
        output: None,
        terminal: (format != Format::Parquet).then_some(Terminal { width, ..Terminal::default() }),
        generated_at: "2026-11-23T06:00:00.5Z".parse().unwrap(),
        sources: vec!["--lake".into(), "sessions-lake".into()],
        trust: Vec::new(),
    }
}

pub(crate) fn page(options: &ReportOptions, scope: &Scope) -> String {
    compared_page(options, scope, None)
}

pub(crate) fn compared_page(options: &ReportOptions, scope: &Scope, earlier: Option<&Scope>) -> String {
    String::from_utf8(bytes(options, scope, earlier)).unwrap()
}

pub(crate) fn bytes(options: &ReportOptions, scope: &Scope, earlier: Option<&Scope>) -> Vec<u8> {
    let mut out = Vec::new();
    render(options, scope, earlier, &Unwatched, &mut out).unwrap();
    out
}

/// Nobody hears how far the reports have come.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    fn begins(&self, _: usize, _: &str) {}
    fn ends(&self) {}
}

/// The reports whose looks are kept: one of each kind of table.
const KEPT: [&str; 8] = [
    "network_risk",
    "threat_by_country",
    "device_mix",
    "daily_trend",
    "inquiries_per_address",
    "inquiries_per_device",
    "started_rate",
    "signal_coverage",
];

/// Ordinary sessions only: what a README shows.
pub(crate) fn lake() -> SmallLake {
    let mut rows = odd_rows(4, 3000);
    rows.retain(|row| {
        let code = row["country_code"].as_str();
        code.is_none_or(|code| code.len() == 2 && code != "us") && row["device_type"] != json!("")
    });
    SmallLake::new(rows)
}

/// The same four weeks earlier: other people, fewer VPNs, a country that is there no more and one that is not yet.
pub(crate) fn lake_before() -> SmallLake {
    let mut rows = odd_rows(5, 3000);
    rows.retain(|row| row["country_code"].as_str().is_none_or(|code| code.len() == 2 && code != "us"));
    for (number, row) in rows.iter_mut().enumerate() {
        let created: Timestamp = row["created_at"].as_str().unwrap().parse().unwrap();
        row["created_at"] = json!((created - 28 * 24.hours()).to_string());
        if row["country_code"] == json!("BR") {
            row["country_code"] = json!("PL");
        }
        if number % 2 == 0 && row["is_vpn"] == json!(true) {
            row["is_vpn"] = json!(false);
        }
    }
    SmallLake::new(rows)
}

#[test]
fn the_reports_fit_80_columns() {
    let lake = lake();
    let shown = page(&options(&[], Format::Terminal, 80), &lake.scope());
    assert!(shown.lines().all(|line| text::width(line) <= 80), "{shown}");
    insta::assert_snapshot!(
        "terminal_80_columns",
        page(&options(&KEPT, Format::Terminal, 80), &lake.scope())
    );
}

#[test]
fn the_reports_fit_40_columns() {
    let lake = lake();
    let shown = page(&options(&[], Format::Terminal, 40), &lake.scope());
    assert!(shown.lines().all(|line| text::width(line) <= 40), "{shown}");
    insta::assert_snapshot!(
        "terminal_40_columns",
        page(&options(&KEPT, Format::Terminal, 40), &lake.scope())
    );
}

#[test]
fn the_reports_fit_every_width_from_20_and_survive_less() {
    let lake = SmallLake::new(odd_rows(7, 1200));
    for width in 0..=140 {
        let shown = page(&options(&[], Format::Terminal, width), &lake.scope());
        let most = width.max(20);
        let long = shown.lines().find(|line| text::width(line) > most);
        assert_eq!(long, None, "at {width} columns");
        if width == 20 {
            let kept = page(&options(&KEPT, Format::Terminal, width), &lake.scope());
            insta::assert_snapshot!("terminal_20_columns", kept);
        }
    }
}

#[test]
fn an_empty_lake_and_one_session_have_their_reports() {
    let empty = SmallLake::new([]);
    let mut scope = empty.scope();
    scope.missing = scope.range.days().filter(|day| day.day() % 5 != 0).collect();
    scope.complete = false;
    scope.newest = None;
    scope.notes = vec!["The lake holds 6 of the 28 days asked for.".into()];
    insta::assert_snapshot!("terminal_empty_lake", page(&options(&KEPT, Format::Terminal, 80), &scope));
    let one = SmallLake::new([json!({"is_vpn": true, "country_code": "DE", "threat_level": "high"})]);
    insta::assert_snapshot!(
        "terminal_one_session",
        page(&options(&KEPT, Format::Terminal, 80), &one.scope())
    );
}

#[test]
fn a_cut_table_says_so_and_json_is_never_cut() {
    let code = |n: usize| format!("{}{}", (b'A' + (n / 26) as u8) as char, (b'A' + (n % 26) as u8) as char);
    let lake = SmallLake::new((0..214).map(|n| json!({"country_code": code(n), "threat_level": "low"})));
    let shown = page(&options(&["threat_by_country"], Format::Terminal, 80), &lake.scope());
    assert!(shown.contains("20 of 214 rows; --format json has them all."), "{shown}");
    let json: Json =
        serde_json::from_str(&page(&options(&["threat_by_country"], Format::Json, 80), &lake.scope()))
            .unwrap();
    assert_eq!(json["reports"][0]["rows"].as_array().unwrap().len(), 214);
}

#[test]
fn colour_is_only_written_where_it_is_wanted() {
    let lake = lake();
    let mut options = options(&[], Format::Terminal, 80);
    let plain = page(&options, &lake.scope());
    assert!(!plain.contains('\u{1b}'));
    options.terminal = options.terminal.map(|plain| Terminal { colour: true, ..plain });
    let coloured = page(&options, &lake.scope());
    assert!(coloured.contains("\u{1b}[1mSession risk\u{1b}[0m"));
    let codes = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[33m", "\u{1b}[36m"];
    assert_eq!(codes.iter().fold(coloured, |text, code| text.replace(code, "")), plain);
}

#[test]
fn hostile_text_is_harmless_in_a_terminal_and_whole_in_json() {
    let hostile = "a\u{1b}]0;owned\u{7}\u{1b}[31m\r\nb\u{9b}2J\u{202e}c\u{2066}d\t\u{0}\u{feff}";
    let row = json!({"device_type": hostile, "os_name": "\u{1b}[2J", "country_code": hostile, "threat_level": "high"});
    let lake = SmallLake::new([row]);
    for width in [20, 40, 80, 200] {
        let shown = page(&options(&[], Format::Terminal, width), &lake.scope());
        assert!(!shown.contains(|c| c != '\n' && text::steers(c)), "{shown:?}");
    }
    let wide = page(&options(&["device_mix"], Format::Terminal, 200), &lake.scope());
    assert!(wide.contains("a\\u{1b}]0;owned\\u{7}"), "{wide}");
    let json = page(&options(&["device_mix"], Format::Json, 80), &lake.scope());
    assert!(!json.contains(|c| c != '\n' && text::steers(c)), "{json:?}");
    let json: Json = serde_json::from_str(&json).unwrap();
    assert_eq!(json["reports"][0]["rows"][0]["device_type"], json!(hostile));
}

#[test]
fn the_json_document_has_the_documented_shape() {
    let lake = SmallLake::new([
        json!({"is_vpn": true, "device_type": "desktop", "os_name": "Mac", "country_code": "DE", "threat_level": "high"}),
        json!({"is_vpn": false}),
        json!({}),
    ]);
    let mut scope = lake.scope();
    scope.complete = false;
    scope.notes = vec!["2026-11-01 is missing.".into()];
    insta::assert_snapshot!("json", page(&options(&KEPT, Format::Json, 80), &scope));
}

#[test]
fn several_rates_a_row_leave_out_what_does_not_fit_and_say_so() {
    let sql = "-- title: By day\n-- question: Q?\n-- key: created_date\n\
               -- rate: vpn_rate = vpn / vpn_known of sessions\n-- rate: tor_rate = tor / tor_known of sessions\n\
               -- chart: line vpn_rate by created_date\n\n\
               SELECT created_date, COUNT(*) AS sessions, COUNT(*) FILTER (WHERE is_vpn) AS vpn, \
               COUNT(is_vpn) AS vpn_known, COUNT(*) FILTER (WHERE is_tor) AS tor, COUNT(is_tor) AS tor_known \
               FROM sessions GROUP BY created_date ORDER BY created_date";
    let lake = lake();
    let mut options = options(&[], Format::Terminal, 80);
    options.queries = vec![Query::parse("by_day", "x.sql", sql).unwrap()];
    insta::assert_snapshot!("terminal_several_rates", page(&options, &lake.scope()));
    for width in 20..200 {
        options.terminal = Some(Terminal { width, ..Terminal::default() });
        assert!(page(&options, &lake.scope()).lines().all(|line| text::width(line) <= width));
    }
}

#[test]
fn every_type_has_its_form_in_json() {
    let sql = "-- title: T\n-- question: Q?\n\nSELECT created_at, created_date, is_vpn, latitude, os_name, \
               longitude, 9007199254740993 AS big FROM sessions";
    let row =
        json!({"created_at": "2026-11-20T23:30:00.120Z", "is_vpn": true, "latitude": 0.1, "os_name": "é"});
    let lake = SmallLake::new([row]);
    let mut options = options(&[], Format::Json, 80);
    options.queries = vec![Query::parse("query", "x.sql", sql).unwrap()];
    insta::assert_snapshot!("json_types", page(&options, &lake.scope()));
}

#[test]
fn output_writes_one_file_a_report_and_prints_their_paths() {
    let lake = lake();
    let folder = lake.folder.path().join("a/reports");
    let endings = [
        (Format::Json, "json"),
        (Format::Terminal, "txt"),
        (Format::Csv, "csv"),
        (Format::Parquet, "parquet"),
        (Format::Markdown, "md"),
        (Format::Html, "html"),
        (Format::Mail, "mail.html"),
    ];
    for (format, ending) in endings {
        let mut options = options(&["device_mix", "network_risk"], format, 30);
        options.output = Some(folder.clone());
        options.terminal = options.terminal.map(|plain| Terminal { colour: true, ..plain });
        let printed = page(&options, &lake.scope());
        let path = |name: &str| folder.join(format!("{name}.{ending}"));
        assert_eq!(
            printed,
            format!("{}\n{}\n", path("device_mix").display(), path("network_risk").display())
        );
        let written = fs::read(path("network_risk")).unwrap();
        assert!(format == Format::Parquet || !written.contains(&0x1b));
    }
    let one: Json = serde_json::from_slice(&fs::read(folder.join("device_mix.json")).unwrap()).unwrap();
    assert_eq!(one["reports"].as_array().unwrap().len(), 1);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2 * endings.len());
}

#[test]
fn an_output_that_is_a_file_is_refused_before_anything_is_read() {
    let lake = SmallLake::new([json!({})]);
    let mut options = options(&[], Format::Json, 80);
    options.output = Some(lake.files[0].path.clone());
    let mut scope = lake.scope();
    scope.files[0].path = "/nowhere".into();
    let error = render(&options, &scope, None, &Unwatched, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, ReportError::Output(OutputError::Folder { .. })));
    assert!(
        chain(&error).contains("cannot be made the folder for the reports: it is a file"),
        "{}",
        chain(&error)
    );
}

/// A reader that goes away after the first bytes.
struct Gone(io::ErrorKind);

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_broken_pipe_is_a_normal_end_and_a_full_disk_is_not() {
    let lake = SmallLake::new([json!({})]);
    for format in crate::formats::OF_TEXT.into_iter().chain([Format::Parquet]) {
        let options = options(&["device_mix"], format, 80);
        let to = |out: &mut Gone| render(&options, &lake.scope(), None, &Unwatched, out);
        to(&mut Gone(io::ErrorKind::BrokenPipe)).unwrap();
        let error = to(&mut Gone(io::ErrorKind::StorageFull)).unwrap_err();
        assert!(matches!(error, ReportError::Output(OutputError::Output(_))));
    }
}

mod flags {
    use clap::Parser;
    use session_risk::analysis::header::Literal;
    use session_risk::cli::report::ReportArgs;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        report: ReportArgs,
    }

    fn parse(flags: &str) -> Result<(ReportOptions, Days), String> {
        let words = std::iter::once("report").chain(flags.split_whitespace());
        let command = Command::try_parse_from(words).map_err(|error| error.to_string())?;
        let now = "2026-11-23T06:00:00Z".parse().unwrap();
        command.report.into_options("lake", None, now).map_err(|error| chain(&error))
    }

    #[test]
    fn the_days_asked_for_end_with_the_last_complete_day() {
        let complete = "2026-11-20".parse().unwrap();
        let today = "2026-11-23".parse().unwrap();
        for (flags, range) in [
            ("", "2026-10-24 to 2026-11-20"),
            ("--last 1d", "2026-11-20 to 2026-11-20"),
            ("--last 7 --include-today", "2026-11-17 to 2026-11-23"),
            ("--since 2026-11-01", "2026-11-01 to 2026-11-20"),
            ("--since 2026-11-01 --include-today", "2026-11-01 to 2026-11-23"),
            ("--until 2026-11-10 --last 2d", "2026-11-09 to 2026-11-10"),
            ("--since 2026-11-01 --until 2026-11-01", "2026-11-01 to 2026-11-01"),
        ] {
            let (_, days) = parse(flags).unwrap();
            assert_eq!(days.resolve(complete, today).unwrap().to_string(), range, "{flags}");
        }
        let (_, days) = parse("--since 2026-11-22").unwrap();
        assert!(days.resolve(complete, today).is_err());
    }

    #[test]
    fn wrong_flags_are_answered_in_a_sentence() {
        for (flags, said) in [
            ("nope", "there is no report `nope`; there are network_risk, threat_by_country, device_mix"),
            ("--param min_sessions", "it is not of the form NAME=VALUE"),
            ("--param =5", "it is not of the form NAME=VALUE"),
            ("--param least=5", "none of the reports has such a parameter; there are allowance_km, far_km, "),
            ("device_mix --param min_sessions=5", "the report `device_mix` has no such parameter"),
            (
                "--param min_sessions=0",
                "`0` does not fit the parameter `min_sessions` (a whole number, 1..1000000)",
            ),
            ("--param min_sessions=many", "`many` does not fit the parameter `min_sessions`"),
            ("--since 2026-13-01", "it is not a date of the form YYYY-MM-DD"),
            ("--since 2026-11-01T00:00:00", "it is not a date of the form YYYY-MM-DD"),
            ("--until yesterday", "it is not a date of the form YYYY-MM-DD"),
            (
                "--since 2026-11-02 --until 2026-11-01",
                "the range begins on 2026-11-02, after its end on 2026-11-01",
            ),
            ("--last 0d", "it is not a number of days such as 28d"),
            ("--last -1d", "unexpected argument"),
            ("--last 4w", "it is not a number of days such as 28d"),
            ("--last 7d --since 2026-11-01", "cannot be used with"),
            ("--format yaml", "[possible values: terminal, json, csv, parquet, markdown, html, mail]"),
        ] {
            let Err(error) = parse(flags) else { panic!("{flags} was taken") };
            assert!(error.contains(said), "{flags}: {error}");
        }
    }

    #[test]
    fn options_hold_what_the_flags_said() {
        let (options, _) = parse("threat_by_country --param min_sessions=5 --param min_sessions=7").unwrap();
        assert_eq!(options.arguments_of(&options.queries[0])["min_sessions"], Literal::Integer(7));
        let (options, _) = parse("device_mix --format json --output out").unwrap();
        assert_eq!(options.queries[0].name, "device_mix");
        assert_eq!((options.format, options.output), (Format::Json, Some("out".into())));
        assert_eq!(range().len(), 28);
    }
}
