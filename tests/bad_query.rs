//! Questions that cannot be put or answered: one clear sentence, the documented status, nothing half written.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use crate::harness::{Home, Invocation, PROGRAM};
use crate::lake_files::LakeFiles;
use crate::sample_lake;

/// `query` over the small lake of the samples.
fn query<'h>(home: &'h Home, sql: &str) -> Invocation<'h> {
    home.command("query --lake").arg(sample_lake::PATH).arg(sql)
}

#[test]
fn sql_that_cannot_be_run_is_refused_with_what_is_wrong() {
    let home = Home::new();
    for (sql, words) in [
        ("SELECT FROM WHERE", ["cannot be run", ""]),
        ("SELECT nope FROM sessions", ["cannot be run", "nope"]),
        ("SELECT is_vpm FROM sessions", ["cannot be run", "did you mean `is_vpn`?"]),
        ("SELECT * FROM elsewhere", ["cannot be run", "elsewhere"]),
        ("SELECT 'open FROM sessions", ["line 1", "string that does not end"]),
        ("SELECT :nope FROM sessions", ["`:nope`", "line 1"]),
        ("SELECT 1; SELECT 2", ["one statement", "SELECT"]),
        ("", ["one statement", "SELECT"]),
        ("SELECT created_at - started_at AS waited FROM sessions", ["`waited`", "cast it"]),
        ("SELECT CAST(os_name AS INTEGER) AS n FROM sessions", ["cannot be run", ""]),
    ] {
        let refused = query(&home, sql).is_refused(2, &words);
        assert!(refused.stderr.len() < 600, "{}", refused.stderr);
        assert!(!refused.stderr.contains(".parquet"), "a file is blamed for the SQL: {}", refused.stderr);
    }
    assert_eq!(LakeFiles::new(home.path("")).files().len(), 0);
}

#[test]
fn sql_that_writes_or_reads_elsewhere_is_refused_and_does_nothing() {
    let home = Home::new();
    sample_lake::copy_to(&home);
    let before = home.lake().files();
    let day = home.lake().day_file("2026-11-20");
    for sql in [
        "DROP TABLE sessions",
        "CREATE TABLE a AS SELECT 1",
        "COPY sessions TO 'out.csv'",
        "DELETE FROM sessions",
        "TRUNCATE TABLE sessions",
        "INSERT INTO sessions SELECT * FROM sessions",
        "WITH a AS (SELECT 1) DELETE FROM sessions",
        "SELECT * INTO a FROM sessions",
        "EXPLAIN SELECT 1",
        "SHOW TABLES",
        "SET x = 1",
        "(DROP TABLE sessions)",
        "SELECT COUNT(*) FROM read_parquet('DAY')",
        "SELECT COUNT(*) FROM \"READ_PARQUET\"/**/('DAY')",
        "WITH a AS (SELECT * FROM read_csv('DAY')) SELECT * FROM a",
        "SELECT COUNT(*) FROM 'DAY'",
        "SELECT COUNT(*) FROM \"DAY\"",
    ] {
        let sql = sql.replace("DAY", day.to_str().unwrap());
        home.command("query --lake lake").arg(sql).is_refused(2, &[]);
    }
    assert_eq!(home.lake().files(), before);
    assert_eq!(fs::read_dir(home.path("")).unwrap().count(), 1, "something was written beside the lake");
}

#[test]
fn a_parameter_that_is_none_or_out_of_range_is_refused() {
    let home = Home::new();
    let lake = format!("--lake {}", sample_lake::PATH);
    for command in ["report", "query inquiries_per_device", "report --explain"] {
        let with = |param: &str| home.command(command).args(&lake).args(&format!("--param {param}"));
        with("min_inquiries").is_refused(2, &["NAME=VALUE", "--param"]);
        with("min_inquires=2").is_refused(2, &["min_inquires", "min_inquiries"]);
        with("min_inquiries=0").is_refused(2, &["`0`", "min_inquiries", "1..1000000"]);
        with("min_inquiries=2.5").is_refused(2, &["`2.5`", "a whole number"]);
        with("min_inquiries=two").is_refused(2, &["`two`", "a whole number"]);
        with("min_inquiries=99999999999999999999").is_refused(2, &["a whole number"]);
    }
    query(&home, "SELECT 1").args("--param least=2").is_refused(2, &["least", "query"]);
}

#[test]
fn a_row_that_no_report_has_is_refused_with_the_columns_that_name_one() {
    let home = Home::new();
    for (asked, detail, words) in [
        ("device_mix", "--detail device_type=desktop", ["`device_mix`", "device_type and its os_name"]),
        ("device_mix", "--detail device_type --detail country_code=US", ["`device_mix`", "its os_name"]),
        (
            "threat_by_country",
            "--detail country_code=US --detail country_code",
            ["`threat_by_country`", "country_code"],
        ),
        ("threat_by_country", "--detail =US", ["--detail", "COLUMN=VALUE"]),
        ("network_risk", "--detail vpn=3", ["`network_risk`", "no list of sessions"]),
        ("daily_trend", "--detail created_date=today", ["`today`", "dates such as 2026-11-20"]),
        ("threat_by_country", "--detail country_code=US --param min_sessions=0", ["min_sessions", "`0`"]),
    ] {
        query(&home, asked).args(detail).is_refused(2, &words);
    }
    query(&home, "SELECT 1").args("--detail country_code=US").is_refused(2, &["no list of sessions"]);
}

#[test]
fn a_name_that_is_nearly_a_reports_is_answered_with_that() {
    let home = Home::new();
    query(&home, "network_risks").is_refused(2, &["`network_risks`", "did you mean `network_risk`?"]);
    query(&home, "nothing-like-it").is_refused(2, &["`nothing-like-it`", "there are network_risk"]);
    home.command("report --list daily_trends").is_refused(2, &["did you mean `daily_trend`?"]);
}

#[test]
fn a_folder_of_queries_that_is_none_or_broken_is_refused_by_file_and_line() {
    const HEADER: &str = "-- title: T\n-- question: Q?\n";
    let home = Home::new();
    let report = || home.command("report --queries own --lake").arg(sample_lake::PATH);
    report().is_refused(2, &["the queries folder own cannot be read"]);
    home.write("own", "a file");
    report().is_refused(2, &["the queries folder own cannot be read"]);
    fs::remove_file(home.path("own")).unwrap();
    home.write("own/readme.txt", "nothing here");
    report().is_refused(2, &["the queries folder own holds no .sql file"]);
    for (name, text, words) in [
        ("x.sql", "-- titel: T\nSELECT 1".to_owned(), ["own/x.sql, line 1", "`titel`"]),
        ("x.sql", format!("{HEADER}-- rate: r = a\nSELECT 1"), ["own/x.sql, line 3", "`rate` has the form"]),
        ("x.sql", "SELECT 1".to_owned(), ["own/x.sql, line 1", "title"]),
        ("x.sql", String::new(), ["own/x.sql, line 1", "no query"]),
        ("x.sql", format!("{HEADER}\nSELECT :least"), ["own/x.sql", "line 4 of the query uses `:least`"]),
        ("x.sql", format!("{HEADER}\nSELECT 1; SELECT 2"), ["own/x.sql", "only one statement"]),
        ("x.sql", format!("{HEADER}\nDROP TABLE sessions"), ["own/x.sql", "SELECT"]),
        ("x.sql", format!("{HEADER}\nSELECT * FROM read_parquet('y')"), ["own/x.sql", "read_parquet"]),
        ("x.sql", format!("{HEADER}-- detail: a = :b\n\nSELECT 1"), ["own/x.sql", "`:b`"]),
        (
            "x.sql",
            format!("{HEADER}-- detail: a = 1; DROP TABLE b\n\nSELECT 1"),
            ["own/x.sql", "one statement"],
        ),
        ("Odd Hours.sql", format!("{HEADER}\nSELECT 1"), ["own/Odd Hours.sql", "another name"]),
        ("query.sql", format!("{HEADER}\nSELECT 1"), ["own/query.sql", "another name"]),
    ] {
        let path = home.write(&format!("own/{name}"), &text);
        report().is_refused(2, &words);
        home.command("query SELECT --queries own --lake lake").is_refused(2, &words);
        fs::remove_file(path).unwrap();
    }
    fs::write(home.path("own/x.sql"), b"-- title: \xff\n").unwrap();
    report().is_refused(2, &["own/x.sql", "cannot be read"]);
}

#[test]
fn a_query_of_ones_own_that_does_not_fit_its_rows_is_refused_by_name() {
    let home = Home::new();
    for (field, sql, words) in [
        ("rate: r = a / n of n", "SELECT COUNT(*) AS n FROM sessions", ["`x`", "the column `a`"]),
        ("key: nope", "SELECT COUNT(*) AS n FROM sessions", ["`x`", "key column `nope`"]),
        ("detail: nope = os_name", "SELECT COUNT(*) AS n FROM sessions", ["`x`", "detail column `nope`"]),
        ("note: n", "SELECT nope FROM sessions", ["`x`", "nope"]),
        ("note: n", "SELECT FROM", ["`x`", "cannot be run"]),
        ("rate: r = m / n of n", "SELECT 1 AS n, 2 AS m FROM sessions", ["`x`", "counts 2 of 1"]),
    ] {
        home.write("own/x.sql", &format!("-- title: T\n-- question: Q?\n-- {field}\n\n{sql}\n"));
        let report = home.command("report x --queries own --output out --format json --lake");
        report.arg(sample_lake::PATH).is_refused(2, &words);
        assert_eq!(fs::read_dir(home.path("out")).unwrap().count(), 0, "something half was written");
    }
}

#[test]
fn a_step_that_is_none_or_does_not_fit_the_rows_is_refused_with_report_and_column() {
    let home = Home::new();
    let typed = |sql: &str, step: &str| query(&home, sql).args(&format!("--then {step}"));
    let count = "SELECT COUNT(*) AS sessions FROM sessions";
    typed(count, "time_to_stat").is_refused(2, &["`time_to_stat`", "did you mean `time_to_start`?"]);
    typed(count, "nothing_like_it")
        .is_refused(2, &["`nothing_like_it`", "there are time_to_start, address_velocity"]);
    typed("time_to_start", "time_to_start").is_refused(2, &["`time_to_start` is a report", "--then"]);
    typed(count, "time_to_start").is_refused(2, &["`query`", "the column `device_type` (text)"]);
    for (sql, words) in [
        ("SELECT device_type, 1 AS seconds FROM sessions", ["`x`", "the column `sessions` (integer)"]),
        ("SELECT device_type, 'a' AS seconds, 1 AS sessions FROM sessions", ["`x`", "gives the type text"]),
        ("SELECT os_name AS device_type, 1 AS seconds, 0 - 1 AS sessions FROM sessions", ["`x`", "row 1"]),
    ] {
        home.write("own/x.sql", &format!("-- title: T\n-- question: Q?\n-- then: time_to_start\n\n{sql}\n"));
        let report = home.command("report x --queries own --output out --format json --lake");
        report.arg(sample_lake::PATH).is_refused(2, &words);
        assert_eq!(fs::read_dir(home.path("out")).unwrap().count(), 0, "something half was written");
    }
    home.write("own/x.sql", "-- title: T\n-- question: Q?\n-- then: time_to_stat\n\nSELECT 1\n");
    let report = home.command("report x --queries own --lake").arg(sample_lake::PATH);
    report.is_refused(2, &["own/x.sql, line 3", "did you mean `time_to_start`?"]);
}

#[cfg(not(feature = "spark"))]
#[test]
fn a_cluster_is_refused_by_a_build_that_has_no_spark_and_with_how_to_have_one() {
    let home = Home::new();
    for command in ["report", "query network_risk", "report --explain"] {
        let asked = home.command(command).args("--engine spark --lake").arg(sample_lake::PATH);
        asked.is_refused(2, &["--features spark", "protoc"]);
        home.command(command).args("--engine local --lake").arg(sample_lake::PATH).succeeds();
    }
    home.command("query network_risk --spark-remote sc://host --lake lake")
        .is_refused(2, &["--spark-remote"]);
    assert!(!home.command("report --help").succeeds().stdout.contains("spark"));
}

#[test]
fn a_range_without_days_has_nothing_to_report_on() {
    let home = Home::new();
    let range = "--since 2020-01-01 --until 2020-01-31";
    for command in ["report", "report --explain", "query network_risk"] {
        let command = home.command(command).args(range).arg("--lake").arg(sample_lake::PATH);
        command.is_refused(4, &["nothing to report on", "2026-11-16 to"]);
    }
    fs::create_dir(home.path("empty")).unwrap();
    home.command("query network_risk --lake empty").is_refused(4, &["nothing to report on", "fetch"]);
    home.command("query network_risk --lake lake").is_refused(4, &["there is no lake at lake"]);
    home.command("query network_risk").is_refused(2, &["no lake is named"]);
}

#[test]
fn a_day_file_that_was_cut_off_or_is_no_parquet_is_named() {
    let home = Home::new();
    sample_lake::copy_to(&home);
    let day = home.lake().day_file("2026-11-18");
    let whole = fs::read(&day).unwrap();
    let mut garbled = whole.clone();
    garbled[4..whole.len() - 8].fill(0xff);
    for bytes in [&whole[..whole.len() / 2], b"<html>", b"", &garbled] {
        fs::write(&day, bytes).unwrap();
        let words = ["created_date=2026-11-18/sessions.parquet"];
        home.command("report --lake lake --output out --format json").is_refused(1, &words);
        home.command("query --lake lake")
            .arg("SELECT COUNT(is_vpn) AS n FROM sessions")
            .is_refused(1, &words);
        assert_eq!(fs::read_dir(home.path("out")).unwrap().count(), 0, "something half was written");
    }
    home.command("query network_risk --since 2026-11-19 --lake lake").succeeds();
}

#[test]
fn a_reader_that_goes_away_is_a_normal_end() {
    for arguments in [
        &["query", "SELECT * FROM sessions", "--format", "json", "--lake", sample_lake::PATH][..],
        &["report", "--list", "--format", "json"],
        &["report", "--explain", "--lake", sample_lake::PATH],
    ] {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("session-risk: ") || said.contains("days are not complete"), "{said}");
    }
}
