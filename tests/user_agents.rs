//! User agents: what reports make of those of the sandbox's people, of odd ones, and of bytes that mean harm.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use serde_json::{Value as Json, json};
use session_risk::analysis::DayFile;
use session_risk::analysis::catalogue::Catalogue;
use session_risk::analysis::steps::{self, Days};
use session_risk::analysis::table::{Column, Table, Value};
use session_risk::range::DayRange;
use session_risk::sandbox::SandboxOptions;

use crate::harness::{Home, sandbox_with, unlimited};
use crate::sample::python;
use crate::small_lake;
use crate::steps::assert_same;

/// A user agent as a row of a small lake has it: of many versions of a few browsers, of tools, of nobody.
pub(crate) fn odd_agent(random: &mut fastrand::Rng) -> Json {
    const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
    const SYSTEMS: [&str; 4] =
        ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64", "; ;"];
    const ODD: [&str; 22] = [
        "",
        " ",
        "python-requests/2.31.0",
        "curl/8.5.0",
        "Java/17.0.9",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (Linux; Android 10; CUBOT_X18) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 6.0.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/41.0.2272.96 Mobile Safari/537.36 (compatible; Pinterestbot/1.0; +https://www.pinterest.com/bot.html)",
        "WhatsApp/2.23.20.0 A",
        "Inquiry/2.20.1 (Linux; Android 14; Pixel 8) okhttp/4.12.0",
        "Inquiry/2.20.1 (iPhone; iOS 18.6.0) CFNetwork/1494.0.7 Darwin/23.4.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/450.0.0.34.109]",
        "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko",
        "Mozilla/5.0 (Windows NT 10.0; rv:115.0) Gecko/20100101 Firefox/115.0",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Opera/9.80 (BREW; Opera Mini/5.1.191/27.2202; U; en) Presto/2.8.119 240X400 LG VN271",
        "Mozilla/5.0 (X11; Linux x86_64) Chrome/99999999999999999999.0.0.0 Safari/537.36",
        "<script>alert(1)</script>\u{1b}[31m\u{202e}evil",
        "\u{2067}Chrome/143.0.0.0\0",
        "'; DROP TABLE sessions; --",
        "日本語 Firefox/144.0",
    ];
    let any = |random: &mut fastrand::Rng, of: &[&str]| of[random.usize(..of.len())].to_owned();
    let version = random.u8(110..144);
    let token = ["Chrome", "Chrome", "Chrome", "HeadlessChrome"][random.usize(..4)];
    match random.u8(..10) {
        0..4 => json!(format!(
            "Mozilla/5.0 ({}) {WEBKIT} {token}/{version}.0.0.0 Safari/537.36",
            any(random, &SYSTEMS)
        )),
        4 => json!(format!(
            "Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/{version}.0.0.0 Mobile Safari/537.36"
        )),
        5 | 6 => {
            let major = [9, 12, 16, 17, 18, 22, 26, 26, 27][random.usize(..9)];
            json!(format!(
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{major}.1 Mobile/15E148 Safari/604.1"
            ))
        }
        7 => Json::Null,
        8 if random.bool() => json!("M".repeat(random.usize(..1500)) + " CriOS/143"),
        _ => json!(any(random, &ODD)),
    }
}

/// The report's rows over all that the sandbox has.
fn report(home: &Home) -> Vec<Json> {
    let report = home.command("report user_agents --lake lake --since 2026-10-21 --until 2026-11-20");
    let report = report.args("--format json").succeeds();
    let report: Json = serde_json::from_str(&report.stdout).unwrap();
    report["reports"][0]["rows"].as_array().unwrap().clone()
}

/// The sessions of the rows that are so.
fn sessions(rows: &[Json], is_so: impl Fn(&Json) -> bool) -> i64 {
    rows.iter().filter(|row| is_so(row)).map(|row| row["sessions"].as_i64().unwrap()).sum()
}

#[test]
fn what_the_sandbox_automates_is_found_and_nobody_else_is_accused() {
    let (home, sandbox) = (Home::new(), sandbox_with(SandboxOptions { planted: true, ..unlimited() }));
    home.fetch(&sandbox).succeeds();
    let rows = report(&home);
    // Counted of what the API lists, by the words that its scripts and its few old browsers write.
    const OLD: [&str; 9] = [
        "Chrome/128.",
        "Chrome/123.",
        "Chrome/109.",
        "CriOS/128.",
        "CriOS/123.",
        "CriOS/109.",
        "Firefox/130.",
        "Firefox/125.",
        "Firefox/111.",
    ];
    let mut expected: BTreeMap<&str, i64> = BTreeMap::new();
    let mut listed = 0;
    for session in sandbox.listed() {
        let session: Json = serde_json::from_str(&session).unwrap();
        let attributes = &session["attributes"];
        listed += 1;
        let kind = match attributes["user-agent"].as_str() {
            None => "unknown",
            Some(agent) if agent.contains("HeadlessChrome") => "headless",
            Some(agent) if agent.starts_with("python-requests") => "library",
            Some(agent) if agent.contains("SamsungBrowser") => "people",
            Some(agent) if OLD.iter().any(|old| agent.contains(old)) => "outdated",
            Some(_) => "people",
        };
        *expected.entry(kind).or_default() += 1;
    }
    assert!(expected["headless"] > 50 && expected["library"] > 50, "{expected:?}");
    assert!(expected["outdated"] > 100, "{expected:?}");
    for kind in ["headless", "library", "outdated", "unknown"] {
        assert_eq!(sessions(&rows, |row| row["kind"] == kind), expected[kind], "{kind}");
    }
    assert_eq!(sessions(&rows, |row| row["kind"] == "ordinary"), expected["people"]);
    assert_eq!(sessions(&rows, |_| true), listed);
    // First what looks like automation, and more of it is high in threat than of anything that many people have.
    let rate = |row: &Json| row["high"].as_f64().unwrap() / row["assessed"].as_f64().unwrap();
    assert_eq!(rows[0]["kind"], "headless");
    let ordinary =
        rows.iter().filter(|row| row["kind"] == "ordinary" && row["assessed"].as_i64() > Some(500));
    assert!(ordinary.clone().count() > 2);
    for row in ordinary {
        assert!(rate(&rows[0]) > 2.0 * rate(row), "{row}");
    }
}

const WORDS: &[&str] = &[
    "Mozilla/5.0 ",
    "(",
    ")",
    "; ",
    ";",
    "/",
    ".",
    " ",
    "1",
    "18",
    "26",
    "143",
    "0",
    "99999999999999999999",
    "Windows NT 10.0",
    "iPhone; CPU iPhone OS 18_6 like Mac OS X",
    "Android 10; K",
    "X11; Linux x86_64",
    "AppleWebKit/537.36 (KHTML, like Gecko)",
    "Version/",
    "Chrome/",
    "CriOS/",
    "HeadlessChrome/",
    "Firefox/",
    "Safari/604.1",
    "Mobile",
    "SamsungBrowser/",
    "Edg/",
    "OPR/",
    "Instagram ",
    "[FBAN/FBIOS;FBAV/",
    "CFNetwork/",
    "Darwin/",
    "bot",
    "Bot/",
    "spider",
    "+http",
    "python-",
    "\u{202e}",
    "\0",
];

/// The rows that the step makes of these agents, each of one session.
fn of_agents(agents: &[String]) -> Table {
    let step = steps::find("user_agents").unwrap();
    let columns = step.columns.iter().map(|(name, data_type)| Column::new(*name, *data_type)).collect();
    let row = |agent: &String| {
        let mut row = vec![Value::Text(agent.clone())];
        row.resize(step.columns.len(), Value::Integer(1));
        row
    };
    let rows = Table { columns, rows: agents.iter().map(row).collect(), left_out: 0 };
    let days = Days { range: small_lake::range(), incomplete: BTreeSet::new() };
    step.run(&rows, &days, |_| None).unwrap().table
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_agents_have_their_rows_and_no_session_is_lost(
        agents in vec(
            prop_oneof![
                8 => vec(prop_oneof![9 => select(WORDS).prop_map(str::to_owned), 1 => any::<String>()], 0..30)
                    .prop_map(|words| words.concat()),
                1 => any::<String>(),
            ],
            0..12,
        )
    ) {
        let table = of_agents(&agents);
        let sum = |column: &str| -> i64 {
            (0..table.rows.len()).filter_map(|row| table.value(row, column).as_integer()).sum()
        };
        prop_assert_eq!(sum("sessions"), agents.len() as i64);
        prop_assert_eq!(sum("agents"), agents.len() as i64);
        for row in 0..table.rows.len() {
            let Value::Text(example) = table.value(row, "example") else { panic!("a row without an example") };
            prop_assert!(agents.contains(example));
            let blank = agents.iter().all(|agent| agent.trim().is_empty());
            prop_assert!(blank || table.value(row, "kind") != &Value::Text("unknown".to_owned()));
        }
    }
}

#[test]
fn an_agent_as_long_as_a_book_costs_no_more_than_its_beginning() {
    // Quadratic time in the length would take hours.
    let agents: Vec<String> = ["Mozilla/5.0 (", "a", "Mobile;", "bot ", "/1 CFNetwork", "日本", " "]
        .iter()
        .map(|part| part.repeat(20_000_000 / part.len()))
        .collect();
    let table = of_agents(&agents);
    let sessions: i64 =
        (0..table.rows.len()).filter_map(|row| table.value(row, "sessions").as_integer()).sum();
    assert_eq!(sessions, agents.len() as i64);
}

#[test]
#[ignore = "needs python3 with pyarrow and ua-parser, and SESSION_RISK_SAMPLE"]
fn agents_of_all_kinds_are_read_as_another_implementation_reads_them() {
    let home = Home::new();
    let file =
        std::env::var_os("SESSION_RISK_SAMPLE").expect("SESSION_RISK_SAMPLE names sessions-5k.jsonl.gz");
    home.command("import --lake lake").arg(file).succeeds();
    let lake = home.lake();
    let file = |date: &String| DayFile { date: date.parse().unwrap(), path: lake.day_file(date) };
    let files: Vec<DayFile> = lake.dates().iter().map(file).collect();
    let scope = small_lake::scope(DayRange::ending("2026-11-20".parse().unwrap(), 31), &files);
    let query = Catalogue::built_in().unwrap().select(&["user_agents".to_owned()]).unwrap().remove(0);
    let rows = assert_same(&query, &scope, &[("min_newest", 2)]);
    assert!(rows > 300, "{rows}");
}

#[test]
#[ignore = "needs python3 with ua-parser"]
fn the_rules_are_those_of_the_package_that_they_name() {
    let rules = python(&[concat!(env!("CARGO_MANIFEST_DIR"), "/rules/user_agents.py")]).stdout;
    assert!(
        rules == include_bytes!("../rules/user_agents.json"),
        "rules/user_agents.json is of another version"
    );
}
