//! The README says what the program does: its statuses, commands, settings, schema and reports.

use std::collections::BTreeMap;
use std::process::Command;

use arrow::datatypes::DataType;
use session_risk::analysis::catalogue::Catalogue;
use session_risk::analysis::steps::STEPS;
use session_risk::report::text;
use session_risk::sandbox::{Sandbox, SandboxOptions};
use session_risk::session::schema::{moment_type, schema};
use tempfile::TempDir;

use crate::data_samples;

const README: &str = include_str!("../README.md");
const PROGRAM: &str = env!("CARGO_BIN_EXE_session-risk");
/// The one help without a heading of its own: it prints help.
const HELP: &str = "help";

/// The program, with nothing of this machine's settings.
fn program(folder: &TempDir) -> Command {
    let mut program = Command::new(PROGRAM);
    program.current_dir(folder.path());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("SESSION_RISK_") || name.starts_with("PERSONA_") {
            program.env_remove(&*name);
        }
    }
    program
}

fn stdout_of(program: &mut Command) -> String {
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn help(arguments: &[&str]) -> String {
    stdout_of(program(&TempDir::new().unwrap()).args(arguments).arg("--help"))
}

/// The commands that `--help` lists.
fn commands() -> Vec<String> {
    let help = help(&[]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let commands: Vec<String> =
        listed.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect();
    assert!(commands.iter().any(|command| command == "fetch"), "{help}");
    commands.into_iter().filter(|command| command != HELP).collect()
}

/// The long flags of a command and what its help says of each, in one line.
fn flags(command: &str) -> BTreeMap<String, String> {
    let mut flags = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in help(&[command]).lines() {
        let words = line.trim();
        // A line of possible values begins with a dash and a blank.
        if words.starts_with('-') && !words.starts_with("- ") {
            let name = words.split_whitespace().find(|word| word.starts_with("--")).unwrap_or(words);
            let name = name.trim_end_matches("...").trim_end_matches(',').to_owned();
            current = Some(name.clone());
            flags.insert(name, words.to_owned());
        } else if !line.starts_with(' ') && !line.is_empty() {
            current = None;
        } else if let Some(text) = current.as_ref().and_then(|name| flags.get_mut(name)) {
            text.push(' ');
            text.push_str(words);
        }
    }
    flags.remove("--help");
    assert!(flags.contains_key("--log-format"), "{command}: {flags:?}");
    flags
}

/// The cells of every table row of a README section.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let section = README.split("\n## ").find(|section| section.lines().next() == Some(heading));
    let section = section.unwrap_or_else(|| panic!("the README has no section {heading}"));
    // A bar inside of a cell is written `\|`.
    let cells = |line: &str| {
        let line = line.replace("\\|", "\u{1}");
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('\u{1}', "|")).collect::<Vec<_>>()
    };
    let table = section.lines().filter(|line| line.starts_with('|') && !line.starts_with("|-"));
    table.map(cells).collect()
}

/// The lines of the README's code blocks that begin with one of these words.
fn code_lines(begin: &str) -> Vec<&'static str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in README.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside && line.starts_with(begin) {
            lines.push(line);
        }
    }
    lines
}

/// A shell line's words, up to a pipe, a redirection or a comment. Single quotes only.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (nth, part) in line.split('\'').enumerate() {
        if nth % 2 == 1 {
            words.push(part.to_owned());
            continue;
        }
        for word in part.split_whitespace() {
            if ["|", ">", ">>", "#", "&", "&&"].contains(&word) {
                return words;
            }
            words.push(word.to_owned());
        }
    }
    words
}

#[test]
fn each_exit_status_of_the_help_has_its_row_with_the_same_words() {
    let help = help(&[]).split_whitespace().collect::<Vec<_>>().join(" ");
    let statuses = help.split_once("Exit status: ").unwrap().1.trim_end_matches('.');
    let rows = rows("Exit status");
    let mut told = 0;
    for status in statuses.split(", ") {
        let (number, meaning) = status.split_once(' ').unwrap();
        number.parse::<u8>().unwrap();
        let meaning = meaning.split(" (").next().unwrap();
        let row = rows.iter().find(|row| row[0] == number);
        let row = row.unwrap_or_else(|| panic!("the README has no row for status {number}"));
        assert!(
            row[1].starts_with(meaning),
            "status {number}: {:?} in the README, {meaning:?} in --help",
            row[1]
        );
        let retry = ["1", "3", "6"].contains(&number);
        assert_eq!(row[2] == "yes", retry, "whether {number} is worth a retry");
        told += 1;
    }
    assert_eq!(told, rows.len() - 1, "the README has rows for other statuses than --help");
}

#[test]
fn every_command_has_an_example_and_every_example_is_understood() {
    let examples = code_lines("session-risk ");
    for command in commands() {
        let begin = format!("session-risk {command}");
        assert!(
            examples.iter().any(|line| *line == begin || line.starts_with(&format!("{begin} "))),
            "{command} has no example"
        );
    }
    let folder = TempDir::new().unwrap();
    for example in examples {
        // Flags and their values are read before the help at the end is.
        let words = words(example);
        let output = program(&folder).args(&words[1..]).arg("--help").output().unwrap();
        assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn an_example_with_a_wrong_flag_or_value_would_be_seen() {
    let folder = TempDir::new().unwrap();
    for example in ["fetch --lakes a", "report --last many", "frobnicate", "sandbox --fault nonsense"] {
        let output = program(&folder).args(words(example)).arg("--help").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{example}");
    }
}

#[test]
fn the_settings_table_has_every_flag_of_every_command_with_its_default() {
    let mut rows = rows("Settings");
    if cfg!(feature = "spark") {
        rows.extend(self::rows("Reports on a Spark cluster").into_iter().skip(1));
    }
    let mut known: Vec<String> = Vec::new();
    for command in commands() {
        for (flag, help) in flags(&command) {
            let row = rows.iter().find(|row| {
                let mut names = row[0].trim_matches('`').split_whitespace();
                let listed = row[1].split(", ").any(|word| word == "all" || word == command);
                names.any(|name| name == flag) && listed
            });
            let row = row.unwrap_or_else(|| panic!("the README has no row for {flag} of {command}"));
            let default = help.split("[default: ").nth(1).and_then(|rest| rest.split(']').next());
            assert_eq!(row[2].replace('`', ""), default.unwrap_or("–"), "the default of {flag} of {command}");
            known.push(flag);
        }
    }
    for row in rows.iter().skip(1).filter(|row| row[0].starts_with("`-")) {
        let mut names = row[0].trim_matches('`').split_whitespace();
        assert!(names.any(|name| known.iter().any(|flag| flag == name)), "no command has {}", row[0]);
    }
}

#[test]
fn the_schema_table_is_the_schema() {
    let told: Vec<(String, String)> =
        rows("The Parquet schema").into_iter().skip(1).map(|row| (row[0].clone(), row[1].clone())).collect();
    let expected: Vec<(String, String)> = schema()
        .fields()
        .iter()
        .map(|field| {
            let data_type = match field.data_type() {
                DataType::Utf8 => "text",
                DataType::Boolean => "boolean",
                DataType::Float64 => "double",
                other if *other == moment_type() => "timestamp",
                other => panic!("the README has no word for {other}"),
            };
            let never_null = if field.is_nullable() { "" } else { ", never null" };
            (format!("`{}`", field.name()), format!("{data_type}{never_null}"))
        })
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn every_report_and_every_data_sample_is_named() {
    for query in Catalogue::built_in().unwrap().queries() {
        assert!(README.contains(&format!("| `{}` |", query.name)), "{}", query.name);
    }
    for name in data_samples::names() {
        assert!(README.contains(&format!("| `data-samples/{name}` |")), "{name}");
    }
}

#[test]
fn every_step_is_told_with_what_it_needs() {
    let rows = rows("Commands");
    for step in STEPS {
        let row = rows.iter().find(|row| row.len() == 4 && row[0] == format!("`{}`", step.name));
        let row = row.unwrap_or_else(|| panic!("the README has no row for the step {}", step.name));
        let columns = step.columns.iter().map(|(name, kind)| format!("`{name}` ({})", kind.name()));
        assert_eq!(row[1], columns.collect::<Vec<_>>().join(", "), "{}", step.name);
        let parameters = step.parameters.iter().map(|setting| {
            let (min, max) = setting.range;
            format!("`{}` = {} ({min} to {max})", setting.name, setting.default)
        });
        assert_eq!(row[2], parameters.collect::<Vec<_>>().join(", "), "{}", step.name);
    }
}

#[test]
fn the_first_command_and_the_test_command_stand_alone_on_their_lines() {
    // `.ci/run` takes them from here.
    assert_eq!(code_lines("cargo run"), ["cargo run --release -- demo"]);
    assert_eq!(code_lines("cargo test"), ["cargo test --release"]);
    let ci = include_str!("../.ci/run");
    assert!(!ci.contains("cargo test --release\n"), "the test command is to be taken from the README");
}

/// The README's reports are the first that the made-up people of the demo give, had it been run on 2026-11-20 at noon.
#[tokio::test(flavor = "multi_thread")]
async fn the_reports_are_the_first_that_the_demo_gives() {
    let sandbox = Sandbox::start(SandboxOptions { limit: None, ..SandboxOptions::default() }).await.unwrap();
    let (url, key) = (sandbox.base_url().to_owned(), sandbox.key().to_owned());
    let report = tokio::task::spawn_blocking(move || {
        let folder = TempDir::new().unwrap();
        stdout_of(
            program(&folder)
                .args(["fetch", "--lake", "demo-lake", "--max-rate", "60000", "--base-url", &url])
                .env("PERSONA_API_KEY", key),
        );
        stdout_of(program(&folder).args(["report", "--lake", "demo-lake"]))
    })
    .await
    .unwrap();
    // How old the lake is says only when this test runs.
    let age = |line: &&str| !line.starts_with("The last complete day of the lake is ");
    let report: String = report.lines().filter(age).map(|line| format!("{line}\n")).collect();
    // It stands there in two pieces, the second folded away.
    let blocks = README.split("```text\n").map(|block| block.split("```").next().unwrap());
    let shown: Vec<&str> = blocks.skip_while(|block| !block.starts_with("Session risk · ")).take(2).collect();
    let shown = shown.join("\n");
    let follows = report.strip_prefix(&shown).filter(|rest| rest.is_empty() || rest.starts_with('\n'));
    assert!(follows.is_some(), "the README shows other reports; these are today's:\n{report}");
    assert!(shown.lines().all(|line| text::width(line) <= 80));
}
