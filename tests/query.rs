//! `query`, parameters, a folder of one's own queries, `--list` and `--explain`, by the real program.

use std::sync::LazyLock;

use serde_json::{Value, json};
use session_risk::analysis::catalogue::Catalogue;

use crate::harness::{Home, Outcome, sandbox_with, unlimited};
use crate::lake_files::LakeFiles;
use crate::sample_lake;

/// A folder to run in, beside the lake of `data-samples/`.
static HOME: LazyLock<Home> = LazyLock::new(Home::new);

fn run(line: &str, sql: Option<&str>) -> Outcome {
    let command = HOME.command(line).arg("--lake").arg(sample_lake::PATH);
    match sql {
        Some(sql) => command.arg(sql).succeeds(),
        None => command.succeeds(),
    }
}

fn json_of(line: &str, sql: Option<&str>) -> Value {
    serde_json::from_str(&run(&format!("{line} --format json"), sql).stdout).unwrap()
}

#[test]
fn sql_of_ones_own_gives_its_rows_in_the_shape_of_a_report() {
    let sql = "SELECT threat_level, COUNT(*) AS sessions FROM sessions GROUP BY threat_level \
               ORDER BY sessions DESC";
    let document = json_of("query", Some(sql));
    assert_eq!((&document["version"], &document["complete"]), (&json!(1), &json!(true)));
    let report = &document["reports"][0];
    assert_eq!((&report["name"], &report["title"]), (&json!("query"), &json!("Query")));
    let columns = json!([{"name": "threat_level", "type": "text"}, {"name": "sessions", "type": "integer"}]);
    assert_eq!(report["columns"], columns);
    let row = |level: Value, sessions: i64| json!({"threat_level": level, "sessions": sessions});
    let rows =
        [row(json!("low"), 227), row(Value::Null, 58), row(json!("medium"), 24), row(json!("high"), 11)];
    assert_eq!(report["rows"], json!(rows));
    let shown = run("query", Some(sql)).stdout;
    assert!(shown.contains("Query") && shown.contains("SELECT threat_level, COUNT(*)"), "{shown}");
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["low", "227"])), "{shown}");
}

#[test]
fn sql_of_ones_own_may_use_the_ranges_days_and_have_no_row() {
    let sql = "SELECT :since AS since, :until AS until, COUNT(*) AS n, MIN(created_date) AS first FROM sessions \
               WHERE created_date <= :since";
    let document = json_of("query --since 2026-11-18 --until 2026-11-19", Some(sql));
    assert_eq!(document["complete"], json!(true));
    let rows = json!([{"since": "2026-11-18", "until": "2026-11-19", "n": 61, "first": "2026-11-18"}]);
    assert_eq!(document["reports"][0]["rows"], rows);
    let quiet = run("query --since 2026-11-18 --until 2026-11-19", Some(sql));
    assert_eq!(quiet.stderr, "", "the engine speaks for itself");
    let none = "SELECT session_id FROM sessions WHERE country_code = 'nowhere'";
    assert_eq!(json_of("query", Some(none))["reports"][0]["rows"], json!([]));
    assert!(run("query", Some(none)).stdout.contains("No rows."));
}

#[test]
fn a_name_is_asked_as_report_asks_it() {
    let asked = json_of("query network_risk", None);
    assert_eq!(asked["reports"], json_of("report network_risk", None)["reports"]);
    assert_eq!(asked["reports"][0]["rows"][0]["sessions"], json!(320));
}

#[test]
fn output_of_a_query_is_one_file_of_its_name() {
    let home = Home::new();
    let query = home.command("query --format json --output out --lake").arg(sample_lake::PATH);
    assert_eq!(query.arg("SELECT 1 AS one FROM sessions LIMIT 1").succeeds().stdout, "out/query.json\n");
    let written = std::fs::read_to_string(home.path("out/query.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap()["reports"][0]["rows"], json!([{"one": 1}]));
}

#[test]
fn a_parameter_goes_to_the_reports_that_have_it() {
    let rows = |line: &str, nth: usize| json_of(line, None)["reports"][nth]["rows"].as_array().unwrap().len();
    let three = "report device_mix inquiries_per_address inquiries_per_device";
    let most = format!("{three} --param min_inquiries=1000000");
    assert!(rows(three, 1) > 0 && rows(three, 2) > 0);
    assert_eq!((rows(three, 0), rows(&most, 1), rows(&most, 2)), (rows(&most, 0), 0, 0));
    assert_eq!(rows("query inquiries_per_address --param min_inquiries=1000000", 0), 0);
    let api = sandbox_with(unlimited());
    let home = Home::new();
    let run = home.command("run inquiries_per_device --lake lake --format json --param min_inquiries=900000");
    let run = run.args(&format!("--max-rate 60000 --base-url {}", api.base_url())).key(api.key()).succeeds();
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document["reports"][0]["rows"], json!([]));
}

const OWN: &str = "-- title: By status\n-- question: How many?\n-- key: status\n\
                   -- parameter: least = 1 (1..1000) statuses with fewer are left out\n\n\
                   WITH counted AS (SELECT status, COUNT(*) AS n FROM sessions GROUP BY status)\n\
                   SELECT status, n FROM counted WHERE n >= :least ORDER BY n DESC, status ASC NULLS LAST\n";

#[test]
fn a_folder_of_queries_adds_to_the_catalogue_and_replaces_what_has_its_name() {
    let home = Home::new();
    // With a byte order mark and the line ends of another system.
    home.write("own/by_status.sql", &format!("\u{feff}{}", OWN.replace('\n', "\r\n")));
    home.write("own/device_mix.sql", &OWN.replace("By status", "Mine"));
    home.write("own/notes.txt", "no query");
    home.write("own/.by_status.sql.swp.sql", "an editor's");
    let ask = |line: &str| {
        let command = home.command(line).args("--queries own --format json --lake").arg(sample_lake::PATH);
        serde_json::from_str::<Value>(&command.succeeds().stdout).unwrap()["reports"].clone()
    };
    let all = ask("report");
    let names: Vec<&str> = all.as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!((names[2], names.last()), ("device_mix", Some(&"by_status")));
    let added = &all[names.len() - 1];
    assert_eq!((&all[2]["title"], &all[2]["rows"]), (&json!("Mine"), &added["rows"]));
    let rows =
        json!([{"status": "expired", "n": 286}, {"status": "active", "n": 27}, {"status": "new", "n": 7}]);
    assert_eq!(added["rows"], rows);
    assert_eq!(ask("query by_status --param least=100")[0]["rows"], json!([rows[0]]));
    let listed = home.command("report --list by_status --queries own").succeeds().stdout;
    assert!(
        listed.contains("by_status · By status") && listed.contains("from own/by_status.sql"),
        "{listed}"
    );
}

/// SQL that gives the step `time_to_start` its columns, of no device type and with 20 s for everybody.
const WAITS: &str = "SELECT os_name AS device_type, 20 AS seconds, COUNT(*) AS sessions FROM sessions \
                     GROUP BY os_name ORDER BY os_name ASC NULLS LAST";

#[test]
fn typed_sql_and_a_query_of_ones_own_may_go_through_a_step() {
    let typed = json_of("query --then time_to_start", Some(WAITS))["reports"][0].clone();
    let names: Vec<&str> =
        typed["columns"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["device_type", "sessions", "started", "median_seconds", "p95_seconds"]);
    let rows = typed["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["sessions"].as_i64().unwrap()).sum::<i64>(), 320);
    assert!(rows.iter().all(|row| row["p95_seconds"] == json!(20) && row["started"] == row["sessions"]));

    let home = Home::new();
    let header = "-- title: T\n-- question: Q?\n-- key: device_type\n-- then: time_to_start\n\
                  -- rate: started_rate = started / sessions of sessions\n-- chart: bar p95_seconds by device_type\n";
    home.write("own/by_system.sql", &format!("{header}\n{WAITS}\n"));
    let own = home.command("query by_system --queries own --format json --lake").arg(sample_lake::PATH);
    let own: Value = serde_json::from_str(&own.succeeds().stdout).unwrap();
    let of = |row: &Value| json!([row["device_type"], row["sessions"], row["median_seconds"]]);
    let own = own["reports"][0]["rows"].as_array().unwrap();
    assert_eq!(own.iter().map(of).collect::<Vec<_>>(), rows.iter().map(of).collect::<Vec<_>>());
    assert!(own.iter().all(|row| row["started_rate"] == json!(1.0)), "{own:#?}");
}

#[test]
fn explain_tells_the_step() {
    let explained = json_of("report time_to_start network_risk --explain", None);
    let then = |nth: usize| &explained["reports"][nth]["then"];
    assert_eq!((then(0), then(1)), (&json!("time_to_start"), &Value::Null));
    let told = run("query --explain --then time_to_start", Some(WAITS)).stdout;
    assert!(told.contains("\nThen: time_to_start: Median and 95th percentile of"), "{told}");
}

#[test]
fn the_readmes_query_of_ones_own_runs() {
    let readme = include_str!("../README.md");
    let sql = readme.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    let home = Home::new();
    home.write("our-queries/handoffs.sql", sql);
    let report = home.command("report handoffs --queries our-queries --format json --last 5d --lake");
    let report: Value = serde_json::from_str(&report.arg(sample_lake::PATH).succeeds().stdout).unwrap();
    let rows = report["reports"][0]["rows"].as_array().unwrap();
    let total = |column: &str| rows.iter().map(|row| row[column].as_i64().unwrap()).sum::<i64>();
    assert_eq!(total("sessions"), 320);
    assert!(total("handoffs") > 0 && rows[0]["handoff_rate"].is_number(), "{report:#}");
}

#[test]
fn the_list_needs_no_lake_and_tells_each_parameter() {
    let home = Home::new();
    let listed: Value =
        serde_json::from_str(&home.command("report --list --format json").succeeds().stdout).unwrap();
    let reports = listed["reports"].as_array().unwrap();
    let all = Catalogue::built_in().unwrap().queries().len();
    assert_eq!((&listed["version"], reports.len()), (&json!(1), all));
    let expected = json!({
        "name": "threat_by_country",
        "title": "Threat level by country",
        "question": "Which countries send the most high-threat sessions?",
        "file": null,
        "parameters": [{
            "name": "min_sessions",
            "default": 30,
            "min": 1,
            "max": 1_000_000,
            "text": "countries with fewer assessed sessions are marked and ranked last",
        }],
        "without_trusted": false,
        "detail": ["country_code"],
    });
    assert_eq!(reports[1], expected);
    let without = reports.iter().filter(|report| report["without_trusted"] == json!(true));
    let without: Vec<&str> = without.map(|report| report["name"].as_str().unwrap()).collect();
    assert!(without.len() > 3 && without.contains(&"address_velocity"), "{without:?}");
    insta::assert_snapshot!(home.command("report --list threat_by_country started_rate inquiries_per_address").succeeds().stdout, @r"
    threat_by_country · Threat level by country
      Which countries send the most high-threat sessions?
        --param min_sessions=30 (1 to 1000000): countries with fewer assessed
        sessions are marked and ranked last
        query threat_by_country --detail country_code=…: the sessions behind a row

    started_rate · Started rate
      How many sessions are started, and how many expire without that?
        query started_rate --detail device_type=…: the sessions behind a row

    inquiries_per_address · Inquiries per address
      Which IP addresses do several inquiries come from?
        --param min_inquiries=2 (1 to 1000000): addresses with fewer inquiries are
        left out
        without the sessions of trusted networks
        query inquiries_per_address --detail ip_address=…: the sessions behind a row
    ");
    assert_eq!(LakeFiles::new(home.path("")).files().len(), 0);
}

#[test]
fn explain_tells_the_bound_sql_the_values_the_files_and_only_the_columns_that_are_read() {
    let line = "report network_risk inquiries_per_device --explain --last 2d --param min_inquiries=7";
    let explained = json_of(line, None);
    assert_eq!(explained["range"], json!({"since": "2026-11-19", "until": "2026-11-20"}));
    let paths = ["2026-11-19", "2026-11-20"].map(|date| sample_lake::lake().day_file(date));
    let bytes: u64 = paths.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(explained["files"], json!({"count": 2, "bytes": bytes, "paths": paths}));
    assert_eq!(explained["reports"][0]["columns"], json!(["is_proxy", "is_tor", "is_datacenter", "is_vpn"]));
    let device = &explained["reports"][1];
    assert_eq!(device["columns"], json!(["inquiry_id", "device_id", "ip_address", "country_code"]));
    assert_eq!(device["parameters"], json!({"min_inquiries": 7}));
    let sql = device["sql"].as_str().unwrap();
    assert!(sql.starts_with("WITH several AS (") && sql.contains("inquiries >= 7"), "{sql}");

    let sql = "SELECT COUNT(os_name) AS n\nFROM sessions WHERE created_date = :since";
    let text = run("query --explain --since 2026-11-20 --until 2026-11-20", Some(sql)).stdout;
    let text = text.replace(&bytes_of("2026-11-20"), "BYTES").replace(sample_lake::PATH, "LAKE");
    insta::assert_snapshot!(text, @r"
    Days: 2026-11-20 to 2026-11-20 (1)
    Files: 1, BYTES bytes
      LAKE/sessions/created_date=2026-11-20/sessions.parquet

    query
    Columns: created_at, os_name
    SQL:
      SELECT COUNT(os_name) AS n
      FROM sessions WHERE created_date = DATE '2026-11-20'
    ");
}

fn bytes_of(date: &str) -> String {
    let bytes = sample_lake::lake().day_file(date).metadata().unwrap().len();
    session_risk::report::text::count(bytes.try_into().unwrap())
}

#[test]
fn explain_reads_no_file() {
    let home = Home::new();
    sample_lake::copy_to(&home);
    std::fs::write(home.lake().day_file("2026-11-20"), "not Parquet").unwrap();
    let told = home.command("report network_risk --explain --lake lake").succeeds();
    assert!(told.stdout.contains("Columns: is_proxy, is_tor"), "{told:?}");
}
