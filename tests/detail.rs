//! From a figure to its sessions: each row's list has the sessions that the row counts, and the command for it names
//! the row whatever its key is made of.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};
use session_risk::analysis::bind::Arguments;
use session_risk::analysis::catalogue::{Catalogue, Query};
use session_risk::analysis::header::Literal;
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::table::{Table, Value};
use session_risk::analysis::{answer, detail};
use session_risk::cli::report::Format;
use session_risk::report::layout::exact;
use session_risk::report::text;

use crate::harness::{Home, PROGRAM};
use crate::report::{compared_page, lake, lake_before, options};
use crate::small_lake::{SmallLake, odd_rows, range};
use crate::steps;

/// The query of a row's sessions.
pub(crate) fn of_row(query: &Query, table: &Table, row: usize) -> Query {
    let named = |column: &String| {
        let value = table.value(row, column);
        (column.clone(), (!value.is_null()).then(|| exact(value)))
    };
    let row: Vec<_> = query.header.details.iter().map(|detail| named(&detail.column)).collect();
    detail::query(query, &row, &LocalEngine::without_files()).unwrap()
}

/// The queries of the catalogue whose rows are groups of sessions.
pub(crate) fn with_details() -> Vec<Query> {
    let queries: Vec<Query> = Catalogue::built_in().unwrap().queries().to_vec();
    queries.into_iter().filter(|query| !query.header.details.is_empty()).collect()
}

#[test]
fn a_list_has_the_sessions_that_its_row_counts_newest_first() {
    let lake = SmallLake::new(odd_rows(11, 900));
    let scope = lake.scope();
    let engine = LocalEngine::new(&scope);
    let ask = |query: &Query| answer(query, &scope, &Arguments::new(), &engine).unwrap().table;
    let mut empty_or_null = 0;
    for query in with_details() {
        let table = ask(&query);
        if table.position("sessions").is_none() {
            // Their rows are no groups by themselves: a test of their own.
            assert!(["impossible_travel", "anomalies"].contains(&query.name.as_str()));
            continue;
        }
        // Those at both ends, and whatever is odd in between.
        let odd = |row: &usize| {
            query.header.details.iter().any(|detail| exact(table.value(*row, &detail.column)).is_empty())
        };
        let rows = (0..table.rows.len()).filter(|row| *row < 6 || row + 6 > table.rows.len() || odd(row));
        for row in rows {
            let sessions = ask(&of_row(&query, &table, row));
            let counted = table.value(row, "sessions").as_integer();
            let name = &query.name;
            let listed = sessions.rows.len() as i64;
            // Some count only those with an address, or those that were not handed over.
            let in_part = ["addresses_per_device", "device_changes"].contains(&name.as_str());
            let as_many = if in_part { counted <= Some(listed) } else { counted == Some(listed) };
            assert!(as_many, "{name}, row {row}: {listed} of {counted:?}");
            let place = |session: &Vec<Value>| match &session[..2] {
                [Value::Timestamp(created), Value::Text(id)] => (-created.as_millisecond(), id.clone()),
                other => panic!("{name} begins with {other:?}"),
            };
            assert!(sessions.rows.is_sorted_by(|a, b| place(a) < place(b)), "{name}, row {row}");
            empty_or_null += usize::from(odd(&row));
        }
    }
    assert!(empty_or_null >= 6, "{empty_or_null}");
}

#[test]
fn a_hop_has_the_sessions_of_its_device_or_its_inquiry() {
    let session = |id: &str, hour: u32, device: &str, inquiry: &str, latitude: f64| {
        json!({"session_id": id, "created_at": format!("2026-11-20T{hour:02}:00:00Z"), "device_id": device,
               "inquiry_id": inquiry, "latitude": latitude, "longitude": 0.0})
    };
    let lake = SmallLake::new([
        session("a", 1, "dev_1", "inq_1", 50.0),
        session("b", 2, "dev_1", "inq_2", -50.0),
        session("c", 3, "dev_2", "inq_2", 50.0),
        session("d", 4, "dev_1", "inq_3", -50.0),
        session("e", 5, "dev_3", "inq_4", 0.0),
    ]);
    let scope = lake.scope();
    let engine = LocalEngine::new(&scope);
    let ask = |query: &Query| answer(query, &scope, &Arguments::new(), &engine).unwrap().table;
    let travel = with_details().into_iter().find(|query| query.name == "impossible_travel").unwrap();
    let table = ask(&travel);
    let lists = (0..table.rows.len()).map(|row| {
        let list = ask(&of_row(&travel, &table, row));
        let ids = (0..list.rows.len()).map(|row| exact(list.value(row, "session_id")));
        (exact(table.value(row, "id")), ids.collect::<String>())
    });
    let mut lists: Vec<(String, String)> = lists.collect();
    lists.sort();
    assert_eq!(lists, [("dev_1".to_owned(), "dba".to_owned()), ("inq_2".to_owned(), "cb".to_owned())]);
}

#[test]
fn an_exceptional_day_has_the_sessions_that_its_figure_counts() {
    let lake = SmallLake::new(steps::rows(2, 400));
    let scope = lake.scope();
    let engine = LocalEngine::new(&scope);
    let ask = |query: &Query, given: &Arguments| answer(query, &scope, given, &engine).unwrap().table;
    let anomalies = with_details().into_iter().find(|query| query.name == "anomalies").unwrap();
    let given = ["min_sessions", "min_score"].map(|name| (name.to_owned(), Literal::Integer(10)));
    let table = ask(&anomalies, &given.into());
    let (mut shares, mut none, mut figures) = (0, 0, BTreeSet::new());
    for row in 0..table.rows.len() {
        let listed = ask(&of_row(&anomalies, &table, row), &Arguments::new());
        let figure = exact(table.value(row, "figure"));
        let value = table.value(row, "value").as_number().unwrap();
        if figure.ends_with("_rate") {
            // Of a share those that make it up.
            assert_eq!(listed.rows.is_empty(), value == 0.0, "{figure}");
            shares += 1;
        } else {
            assert_eq!(listed.rows.len() as f64, value, "{figure} {:?}", table.value(row, "subject"));
        }
        none += i32::from(listed.rows.is_empty());
        figures.insert(figure);
    }
    assert!(shares > 0 && none > 0 && figures.len() > 3, "{figures:?}");
}

#[test]
fn the_reports_with_groups_of_sessions_have_their_lists() {
    let names: Vec<String> = with_details().into_iter().map(|query| query.name).collect();
    let catalogue = Catalogue::built_in().unwrap();
    for query in catalogue.queries().iter().filter(|query| !query.header.key.is_empty()) {
        // A signal, a number of sessions an inquiry, a component of a graph and a family are no groups that SQL can name.
        let is_none = ["signal_coverage", "sessions_per_inquiry", "clusters", "user_agents"]
            .contains(&query.name.as_str());
        assert_eq!(names.contains(&query.name), !is_none, "{}", query.name);
    }
}

#[test]
fn an_expression_and_a_parameter_in_it_find_a_rows_sessions() {
    let home = Home::new();
    lake_of(&home, &[json!("US"), json!("DE"), json!("FR")]);
    home.write(
        "own/hours.sql",
        "-- title: By hour\n-- question: When?\n-- key: hour\n-- parameter: offset = 0 (-12..14) hours\n\
         -- detail: hour = EXTRACT(HOUR FROM created_at) + :offset\n\n\
         SELECT EXTRACT(HOUR FROM created_at) + :offset AS hour, COUNT(*) AS sessions FROM sessions \
         GROUP BY EXTRACT(HOUR FROM created_at) + :offset ORDER BY hour\n",
    );
    let report =
        "report hours --queries own --lake lake --param offset=2 --since 2026-11-20 --until 2026-11-20";
    let report = json_of(&home.command(report).args("--format json").succeeds().stdout);
    let expected = "session-risk query hours --lake lake --queries own --since 2026-11-20 --until 2026-11-20 --param offset=2";
    let told =
        json!({"command": expected.split(' ').collect::<Vec<_>>(), "flag": "--detail", "columns": ["hour"]});
    assert_eq!(report["detail"], told);
    for row in report["rows"].as_array().unwrap() {
        let detail = format!("--detail hour={}", row["hour"]);
        let list = home.command(expected.strip_prefix("session-risk ").unwrap()).args(&detail);
        let list = json_of(&list.args("--format json").succeeds().stdout);
        assert_eq!(list["name"], json!("hours_sessions"));
        assert_eq!(list["rows"].as_array().unwrap().len() as u64, row["sessions"].as_u64().unwrap());
    }
    // One of three hours: 8 + 2.
    let one =
        home.command(expected.strip_prefix("session-risk ").unwrap()).args("--detail hour=10 --explain");
    let sql = one.succeeds().stdout;
    assert!(sql.contains("(EXTRACT(HOUR FROM created_at) + 2) = 10"), "{sql}");
}

/// The only report of a document.
fn json_of(document: &str) -> Json {
    serde_json::from_str::<Json>(document).unwrap()["reports"][0].clone()
}

/// A lake of a session a value on 2026-11-20, each on its own hour, whose country is the value and whose system is the
/// same read backwards.
fn lake_of(home: &Home, values: &[Json]) {
    let session = |(nth, value): (usize, &Json)| {
        let backwards = value.as_str().map(|value| value.chars().rev().collect::<String>());
        let resource = json!({"type": "inquiry-session", "id": format!("iqse_{nth}"), "attributes": {
            "status": "expired", "created-at": format!("2026-11-20T{:02}:00:00.000Z", 8 + nth % 12),
            "country-code": value, "device-type": value, "os-name": backwards,
        }});
        resource.to_string() + "\n"
    };
    home.write("sessions.jsonl", &values.iter().enumerate().map(session).collect::<String>());
    home.command("import sessions.jsonl --lake lake").succeeds();
}

const NAMES: &str = "report threat_by_country device_mix --lake lake --last 1d --format";

/// Runs the command of each row of the page in a shell and expects the one session of that row's values.
fn assert_each_command_lists_its_session(shell: &str, values: &[Json]) {
    let home = Home::new();
    lake_of(&home, values);
    let html = home.command(NAMES).arg("html").succeeds().stdout;
    let commands = html.split("<dd><code>session-risk ").skip(1);
    let commands: Vec<String> =
        commands.map(|rest| unescaped(rest.split("</code>").next().unwrap())).collect();
    assert_eq!(commands.len(), 2 * values.len(), "{html}");
    let folder = Path::new(PROGRAM).parent().unwrap();
    let mut found = Vec::new();
    for command in commands {
        let line = format!("session-risk {command} --format json");
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut run = Command::new(shell);
        run.args(["-c", &line]).env_clear().env("PATH", path).current_dir(home.path(""));
        let output = run.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        let rows = json_of(&String::from_utf8(output.stdout).unwrap())["rows"].clone();
        assert_eq!(rows.as_array().unwrap().len(), 1, "{line}: {rows}");
        found.push(rows[0]["country_code"].clone());
    }
    for value in values {
        assert_eq!(found.iter().filter(|found| *found == value).count(), 2, "{value}");
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

fn plain() -> Vec<Json> {
    let values = [
        "US",
        "",
        "it's",
        "a b",
        "  two  blanks ",
        "$HOME `id` $(id) \"x\"",
        "\\",
        "\\n",
        "-n",
        "--lake",
        "*?[a]",
        "a=b",
        "~",
        "#x",
        "!x",
        "null",
        "'; DROP TABLE sessions; --",
        "é日本",
        "<b>&amp;",
        "%41",
        "a\u{a0}b",
    ];
    values.map(|value| json!(value)).into_iter().chain([Json::Null]).collect()
}

#[test]
#[cfg(unix)]
fn a_shell_reads_each_rows_command_as_it_is_meant() {
    // As many as a page shows.
    for values in plain().chunks(20) {
        assert_each_command_lists_its_session("sh", values);
    }
}

#[test]
#[ignore = "needs bash"]
fn bash_reads_commands_with_what_would_steer_a_screen() {
    let steering =
        ["line\nbreak", "\r\t", "\u{1b}[2J1", "\u{202e}x", "it's\\\n1", "\u{7f}", "\n", "a\u{9b}2J"];
    assert_each_command_lists_its_session("bash", &steering.map(|value| json!(value)));
}

#[test]
fn a_program_puts_the_command_together_from_the_document() {
    let home = Home::new();
    let mut values = plain();
    values.extend([json!("line\nbreak"), json!("\u{1b}[2J")]);
    lake_of(&home, &values);
    let document = home.command(NAMES).arg("json").succeeds().stdout;
    for report in serde_json::from_str::<Json>(&document).unwrap()["reports"].as_array().unwrap() {
        let words = |of: &Json| -> Vec<String> {
            of.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let (command, columns) = (words(&report["detail"]["command"]), words(&report["detail"]["columns"]));
        assert_eq!(command[0], "session-risk");
        for row in report["rows"].as_array().unwrap() {
            let mut list = home.command("");
            for word in &command[1..] {
                list = list.arg(word);
            }
            for column in &columns {
                let named = row[column].as_str().map(|value| format!("{column}={value}"));
                list = list
                    .arg(report["detail"]["flag"].as_str().unwrap())
                    .arg(named.as_ref().unwrap_or(column));
            }
            let rows = json_of(&list.args("--format json").succeeds().stdout)["rows"].clone();
            assert_eq!(
                (rows.as_array().unwrap().len(), &rows[0][&columns[0]]),
                (1, &row[&columns[0]]),
                "{row}"
            );
        }
    }
}

#[test]
fn a_row_that_is_gone_is_listed_over_the_earlier_window() {
    let (lake, before) = (lake(), lake_before());
    let earlier = before.scope_before(None);
    let options = options(&["threat_by_country"], Format::Html, 80);
    let html = compared_page(&options, &lake.scope(), Some(&earlier));
    for (code, range) in [
        ("PL", format!("--since {} --until {}", earlier.range.since(), earlier.range.until())),
        ("US", format!("--since {} --until {}", range().since(), range().until())),
    ] {
        assert!(html.contains(&format!("{range} --detail country_code={code}<")), "{code}: {html}");
    }
}

#[test]
fn a_row_that_no_argument_can_name_has_no_command() {
    let home = Home::new();
    lake_of(&home, &[json!("nothing\u{0}here")]);
    let html = home.command(NAMES).arg("html").succeeds().stdout;
    assert!(html.contains("nothing\\u{0}here") && !html.contains("session-risk query"), "{html}");
    let shown = home.command(NAMES).arg("terminal").succeeds().stdout;
    assert!(!shown.contains("session-risk query"), "{shown}");
}

#[test]
fn a_terminal_shows_the_first_rows_command_whole_or_says_that_it_cannot() {
    let home = Home::new();
    let long = "x".repeat(90);
    for (value, said) in [
        (
            "US",
            "\n  session-risk query threat_by_country --lake lake --since 2026-11-20 \\\n  --until 2026-11-20 --detail country_code=US\n",
        ),
        (&long, "is too long for this width; --format\njson has it."),
    ] {
        let home = Home::new();
        lake_of(&home, &[json!(value)]);
        let shown = home.command(NAMES).arg("terminal").succeeds().stdout;
        assert!(shown.contains(said), "{shown}");
        assert!(shown.lines().all(|line| text::width(line) <= 80));
    }
    lake_of(&home, &[json!("it's")]);
    let markdown = home.command(NAMES).arg("markdown").succeeds().stdout;
    let command = "```sh\nsession-risk query threat_by_country --lake lake --since 2026-11-20 --until 2026-11-20 \
                   --detail 'country_code=it'\\''s'\n```\n";
    assert!(markdown.contains(command), "{markdown}");
}
