//! Trusted networks: whose sessions stay out of which reports, how that is counted and told, and what is refused.

use serde_json::{Value as Json, json};
use session_risk::analysis::bind::{self, Arguments};
use session_risk::analysis::catalogue::{Catalogue, Query};
use session_risk::analysis::header::Literal;
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::table::Value;
use session_risk::analysis::trusted::{LeftOut, Side, Trusted};
use session_risk::analysis::{Answer, Engine, Reads, Scope, answer};
use session_risk::cli::report::Format;
use session_risk::report::{text, words};

use crate::analysis::chain;
use crate::detail;
use crate::duckdb::{assert_same_table, in_duckdb_without};
use crate::formats::OF_TEXT;
use crate::harness::{Home, Invocation, sandbox};
use crate::report::{compared_page, options, page};
use crate::report_schema::validate;
use crate::sample_lake;
use crate::small_lake::{SmallLake, full_rows, odd_rows};

pub(crate) fn trusted(networks: &[&str]) -> Trusted {
    Trusted::new(networks.iter().map(|text| text.parse().unwrap()).collect())
}

/// What a report reads of a lake, with these networks trusted.
fn scope(lake: &SmallLake, networks: &[&str]) -> Scope {
    Scope { trusted: trusted(networks), ..lake.scope() }
}

fn ask(query: &Query, scope: &Scope, given: &Arguments) -> Answer {
    answer(query, scope, given, &LocalEngine::new(scope)).unwrap_or_else(|error| panic!("{}", chain(&error)))
}

fn query(name: &str) -> Query {
    Catalogue::built_in().unwrap().select(&[name.to_owned()]).unwrap().remove(0)
}

/// The reports that leave trusted networks out.
fn leaving_out() -> Vec<Query> {
    let mut queries = Catalogue::built_in().unwrap().queries().to_vec();
    queries.retain(|query| query.header.without_trusted);
    queries
}

/// Those parameters of the query that have one of these names, so low that many rows are told.
pub(crate) fn low(query: &Query) -> Arguments {
    let low = [("min_burst", 2), ("min_inquiries", 1), ("min_addresses", 1), ("min_shared", 2)];
    let low = low.into_iter().filter(|(name, _)| query.header.parameter(name).is_some());
    low.map(|(name, value)| (name.to_owned(), Literal::Integer(value))).collect()
}

/// An IPv4 and an IPv6 network that some of the odd addresses are in.
pub(crate) const NETWORKS: [&str; 2] = ["192.0.2.0/26 Head office", "2001:db8::40/122 Test phones"];

/// The same, known by the last part of the addresses.
fn is_trusted(address: &str) -> bool {
    let v4 = address.strip_prefix("::ffff:").unwrap_or(address).strip_prefix("192.0.2.");
    let v6 = address.strip_prefix("2001:db8::").map(|part| u32::from_str_radix(part, 16).unwrap());
    v4.is_some_and(|part| part.parse::<u32>().unwrap() < 64)
        || v6.is_some_and(|part| (64..128).contains(&part))
}

/// Odd rows with ids and places of their own, some of their addresses in another writing.
pub(crate) fn rows(seed: u64, count: usize) -> Vec<Json> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut rows = full_rows(seed, count);
    for (number, row) in rows.iter_mut().enumerate() {
        row["session_id"] = json!(format!("iqse_{number:05}"));
        row["latitude"] = json!(random.f64() * 120.0 - 60.0);
        row["longitude"] = json!(random.f64() * 300.0 - 150.0);
        if let Some(v4) = row["ip_address"].as_str().filter(|text| text.starts_with("192.") && random.bool())
        {
            row["ip_address"] = json!(format!("::ffff:{v4}"));
        }
    }
    rows
}

#[test]
fn a_report_on_velocity_or_sharing_is_that_of_all_other_sessions_and_the_rest_is_as_it_was() {
    let all = rows(21, 1500);
    let address = |row: &Json| row["ip_address"].as_str().is_some_and(is_trusted);
    let (left_out, others): (Vec<Json>, Vec<Json>) = all.iter().cloned().partition(address);
    assert!(left_out.len() > 200 && others.iter().any(|row| row["ip_address"].is_null()));
    let (lake, others) = (SmallLake::new(all), SmallLake::new(others));
    let scope = scope(&lake, &NETWORKS);
    let of_range = |row: &&Json| row["created_at"].as_str() >= Some("2026-10-24");
    let in_range = left_out.iter().filter(of_range).count() as i64;
    let mut told = 0;
    for query in Catalogue::built_in().unwrap().queries() {
        let given = low(query);
        let counted = ask(query, &scope, &given);
        let without = query.header.without_trusted;
        let expected = ask(query, &if without { others.scope() } else { lake.scope() }, &given);
        assert_eq!(counted.table, expected.table, "{}", query.name);
        assert_eq!(counted.left_out.as_ref().map(LeftOut::sessions), without.then_some(in_range));
        if without {
            // Some of the values at a time, as over large ranges.
            let in_shares = LocalEngine::new(&scope).in_shares_of(20_000);
            let shared = answer(query, &scope, &given, &in_shares).unwrap();
            assert_eq!(shared.table, expected.table, "{} in shares", query.name);
            assert!(!expected.table.rows.is_empty(), "{}", query.name);
            assert_ne!(expected.table, ask(query, &lake.scope(), &given).table, "{}", query.name);
            told += 1;
        }
    }
    assert_eq!(told, 6);
}

#[test]
#[ignore = "needs python3 with duckdb"]
fn the_figures_are_duckdbs_over_the_same_files_with_the_addresses_left_out() {
    let cases: [&[(&str, Option<&str>)]; 4] = [
        &[("192.0.2.0/26", None), ("2001:db8::40/122", None)],
        &[("192.0.2.0/26", Some("2026-11-19")), ("192.0.2.7", None), ("2001:db8::/32", Some("2026-11-18"))],
        &[("0.0.0.0/0", None), ("::/0", None)],
        &[("198.51.100.0/24", None)],
    ];
    for (seed, networks) in (31..).zip(cases) {
        let lake = SmallLake::new(rows(seed, 900));
        let text = |(network, last): &(&str, Option<&str>)| match last {
            Some(last) => format!("{network} Label until {last}"),
            None => format!("{network} Label"),
        };
        let texts: Vec<String> = networks.iter().map(text).collect();
        let scope = scope(&lake, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        let same = |name: &str, sql: &str| {
            let ours = LocalEngine::new(&scope)
                .over(&scope.trusted.part(Side::Others))
                .query(sql, Reads::default())
                .unwrap();
            let theirs = in_duckdb_without(&json!(networks), &scope.files, scope.range.since(), sql);
            assert_same_table(name, &ours, &theirs);
            ours.rows.len() as i64
        };
        let every_row = "SELECT session_id FROM sessions ORDER BY session_id";
        let all = LocalEngine::new(&scope).query(every_row, Reads::default()).unwrap().rows.len() as i64;
        let others = same("every row", every_row);
        for query in leaving_out() {
            let sql = bind::bind(&query.sql, &query.header, scope.range, 0, &low(&query)).unwrap();
            same(&query.name, &sql);
            let left_out = ask(&query, &scope, &Arguments::new()).left_out.unwrap();
            assert_eq!(left_out.sessions(), all - others, "{}", query.name);
        }
    }
}

/// Sessions of one device on 2026-11-20, each of its own inquiry, from these addresses.
fn from_addresses(addresses: &[Json]) -> SmallLake {
    let session = |(number, address): (usize, &Json)| json!({"ip_address": address, "device_id": "dev_1", "inquiry_id": format!("inq_{number}")});
    SmallLake::new(addresses.iter().enumerate().map(session))
}

#[test]
fn an_address_counts_by_what_it_is_and_what_is_none_stays_in() {
    let trusted = ["192.0.2.7", "::ffff:192.0.2.7", " 192.0.2.7\n", "192.0.2.7:443", "::FFFF:C000:207"];
    let trusted =
        trusted.iter().chain(&["2001:db8::9", "2001:DB8:0:0::9", "[2001:db8::9]:443", "2001:db8::9%eth0"]);
    let others =
        ["192.0.2.70", "192.0.2.71", "2001:db8::90", "192.0.2.7, 198.51.100.1", "unknown", "", "192.0.2"];
    let mut addresses: Vec<Json> = trusted.clone().chain(&others).map(|text| json!(text)).collect();
    addresses.extend([Json::Null, Json::Null]);
    let lake = from_addresses(&addresses);
    let scope = scope(&lake, &["192.0.2.7 Phone", "2001:db8::9/128 Phone"]);
    let query = query("inquiries_per_device");
    let answer = ask(&query, &scope, &Arguments::new());
    let count = |column: &str| answer.table.value(0, column).as_integer().unwrap();
    assert_eq!((count("sessions"), count("addresses")), (others.len() as i64 + 2, others.len() as i64));
    assert_eq!(answer.left_out.as_ref().unwrap().sessions(), trusted.count() as i64);
}

#[test]
fn a_session_counts_for_the_narrowest_network_and_labels_are_told_together() {
    let addresses =
        ["192.0.2.7", "192.0.2.8", "192.0.3.1", "192.0.9.1", "192.0.9.2", "2001:db8::1", "198.51.100.1"];
    let lake = from_addresses(&addresses.map(|text| json!(text)));
    let networks = [
        "192.0.0.0/16 Carrier",
        "192.0.2.0/24 Head office",
        "192.0.2.7 Test phone",
        "2001:db8::/32 Head office",
        "203.0.113.0/24 Nobody",
    ];
    let answer = ask(&query("clusters"), &scope(&lake, &networks), &Arguments::new());
    let counts = answer.left_out.as_ref().unwrap().networks.iter().map(|(_, sessions)| *sessions);
    assert_eq!(counts.collect::<Vec<_>>(), [3, 1, 1, 1, 0]);
    let said = "Left out: 6 of the range's sessions, from 5 trusted networks (Carrier 3, Head office 2, Test phone 1).";
    assert_eq!(words::trusted(&answer), [said]);
    let networks: Vec<String> = (1..=9).map(|last| format!("192.0.2.{last} Phone {last}")).collect();
    let addresses: Vec<Json> =
        (1..=9).flat_map(|last| vec![json!(format!("192.0.2.{last}")); 10 - last]).collect();
    let lake = from_addresses(&addresses);
    let networks: Vec<&str> = networks.iter().map(String::as_str).collect();
    let answer = ask(&query("clusters"), &scope(&lake, &networks), &Arguments::new());
    assert!(words::trusted(&answer)[0].ends_with(
        "(Phone 1 9, Phone 2 8, Phone 3 7, Phone 4 6, Phone 5 5, Phone 6 4, Phone 7 3, Phone 8 2, others 1)."
    ));
}

#[test]
fn a_network_is_trusted_up_to_its_last_day_and_what_has_expired_is_said() {
    let session = |(number, moment): (usize, &&str)| json!({"created_at": moment, "ip_address": "192.0.2.7", "device_id": "dev_1", "inquiry_id": format!("inq_{number}")});
    let moments =
        ["2026-11-01T00:00:00Z", "2026-11-10T23:59:59.999Z", "2026-11-11T00:00:00Z", "2026-11-12T00:00:00Z"];
    let lake = SmallLake::new(moments.iter().enumerate().map(session));
    let told = |networks: &[&str]| {
        let answer = ask(&query("inquiries_per_device"), &scope(&lake, networks), &Arguments::new());
        let sessions =
            (0..answer.table.rows.len()).map(|row| answer.table.value(row, "sessions").as_integer());
        (sessions.flatten().sum::<i64>(), words::trusted(&answer).join(" "))
    };
    let left_out =
        |sessions: &str| format!("Left out: {sessions} of the range's sessions, from 1 trusted network");
    let shop = "No longer trusted, so that their sessions count again: Shop after";
    for (last, sessions, said) in [
        // The range is 2026-10-24 to 2026-11-20. A device with one inquiry only is not told.
        ("2026-11-10", 2, format!("{} (Shop 2). {shop} 2026-11-10.", left_out("2"))),
        ("2026-11-09", 3, format!("{} (Shop 1). {shop} 2026-11-09.", left_out("1"))),
        ("2026-11-11", 0, format!("{} (Shop 3). {shop} 2026-11-11.", left_out("3"))),
        ("2026-11-19", 0, format!("{} (Shop 4). {shop} 2026-11-19.", left_out("4"))),
        ("2026-11-20", 0, format!("{} (Shop 4).", left_out("4"))),
        ("2026-10-24", 4, format!("{}. {shop} 2026-10-24.", left_out("0"))),
        ("2026-10-23", 4, format!("{shop} 2026-10-23.")),
    ] {
        assert_eq!(told(&[&format!("192.0.2.0/24 Shop until {last}")]), (sessions, said), "{last}");
    }
    // What a narrower one no longer has a wider one may still have.
    let both = told(&["192.0.2.7 Phone until 2026-11-10", "192.0.2.0/24 Office"]);
    assert!(both.0 == 0 && both.1.contains("from 2 trusted networks (Phone 2, Office 2)."), "{both:?}");
}

#[test]
fn every_format_tells_what_was_left_out_also_where_no_session_is_left() {
    let odd = SmallLake::new(odd_rows(4, 600));
    let trusted_only = from_addresses(&[json!("192.0.2.7"), json!("192.0.2.7")]);
    for (lake, some_rows) in [(&odd, true), (&trusted_only, false)] {
        let scope = scope(lake, &NETWORKS);
        for format in OF_TEXT {
            let shown = page(&options(&["inquiries_per_address"], format, 80), &scope);
            let flat = shown.replace('\n', " ");
            let told = flat.contains("of the range's sessions, from ") && flat.contains(" trusted network");
            assert!(told || format == Format::Csv, "{format:?}: {shown}");
            let rows = match format {
                Format::Csv => shown.lines().count() > 1,
                Format::Json => !shown.contains("\"rows\": []"),
                _ => !shown.contains(words::NO_ROWS),
            };
            assert_eq!(rows, some_rows, "{format:?}: {shown}");
        }
        // A report that leaves none out has nothing to say of it.
        for format in OF_TEXT {
            let shown = page(&options(&["network_risk"], format, 80), &scope);
            assert!(!shown.contains("trusted network") && !shown.contains("left_out"), "{format:?}: {shown}");
        }
    }
    let scope = scope(&odd, &["192.0.2.0/26 <b>Head</b> | \u{1b}[2J _office_ @octocat"]);
    for format in OF_TEXT.into_iter().filter(|format| *format != Format::Csv) {
        let shown = page(&options(&["inquiries_per_device"], format, 80), &scope);
        let steering = shown.chars().find(|c| *c != '\n' && text::steers(*c));
        assert_eq!(steering, None, "{format:?}");
        let marked = match format {
            Format::Html | Format::Mail => shown.contains("<b>Head"),
            Format::Markdown => shown.contains("@octocat"),
            _ => false,
        };
        assert!(!marked, "{format:?}: {shown}");
    }
}

#[test]
fn a_comparison_leaves_them_out_of_both_windows_and_counts_each() {
    let session = |day: &str, address: &str, number: usize| json!({"created_at": format!("2026-{day}T12:00:00Z"), "ip_address": address, "inquiry_id": format!("inq_{number}")});
    let rows = |day: &str, of_office: usize| {
        let office = (0..of_office).map(|number| session(day, "192.0.2.7", number));
        let rows: Vec<Json> =
            office.chain((10..13).map(|number| session(day, "198.51.100.1", number))).collect();
        SmallLake::new(rows)
    };
    let (lake, before) = (rows("11-20", 4), rows("10-20", 5));
    let networks = ["192.0.2.0/24 Head office until 2026-11-01"];
    let here = scope(&lake, &networks);
    let earlier = Scope { trusted: trusted(&networks), ..before.scope_before(None) };
    let document =
        compared_page(&options(&["inquiries_per_address"], Format::Json, 80), &here, Some(&earlier));
    let report = serde_json::from_str::<Json>(&document).unwrap()["reports"][0].clone();
    let states = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["ip_address"].clone(), row["state"].clone()));
    // It expired in between: what was left out before is new now, and both are said.
    let expected = [(json!("192.0.2.7"), json!("new")), (json!("198.51.100.1"), json!("same"))];
    assert_eq!(states.collect::<Vec<_>>(), expected);
    let said = [
        "Left out: 0 of the range's sessions, from 1 trusted network. Of the earlier window's: 5.",
        "No longer trusted, so that their sessions count again: Head office after 2026-11-01.",
    ];
    for sentence in said {
        assert!(report["notes"].as_array().unwrap().contains(&json!(sentence)), "{:#}", report["notes"]);
    }
}

#[test]
fn a_list_of_a_rows_sessions_has_those_that_were_counted() {
    let lake = SmallLake::new(rows(5, 1200));
    let scope = scope(&lake, &NETWORKS);
    for query in leaving_out().into_iter().filter(|query| !query.header.details.is_empty()) {
        let table = ask(&query, &scope, &low(&query)).table;
        for row in 0..table.rows.len().min(40) {
            let list = ask(&detail::of_row(&query, &table, row), &scope, &Arguments::new()).table;
            let addresses = (0..list.rows.len()).map(|row| list.value(row, "ip_address").clone());
            let is_in = |value: &Value| matches!(value, Value::Text(text) if is_trusted(text));
            assert_eq!(addresses.into_iter().find(is_in), None, "{}", query.name);
            let counted = table.value(row, "sessions").as_integer();
            // Travel counts none, and addresses only those with one.
            if !["impossible_travel", "addresses_per_device"].contains(&query.name.as_str()) {
                assert_eq!(counted, Some(list.rows.len() as i64), "{}, row {row}", query.name);
            }
        }
    }
}

fn report<'h>(home: &'h Home, line: &str, networks: &[&str]) -> Invocation<'h> {
    let command = home.command("report --lake").arg(sample_lake::PATH).args("--last 5d").args(line);
    networks.iter().fold(command, |command, network| command.arg("--trust").arg(network))
}

fn document(stdout: &str) -> Json {
    serde_json::from_str(stdout).unwrap()
}

/// How many sessions of the sample lake fulfil a condition.
fn count(home: &Home, condition: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) AS n FROM sessions WHERE {condition}");
    let query = home.command("query --format json --last 5d --lake").arg(sample_lake::PATH).arg(sql);
    document(&query.succeeds().stdout)["reports"][0]["rows"][0]["n"].as_i64().unwrap()
}

const SETTINGS: &str = "[[trusted_network]]\nnetwork = \"203.0.113.0/24\"\nlabel = \"Carrier\"\n\n\
                        [[trusted_network]]\nnetwork = \"2001:db8::/32\"\nlabel = \"Lab\"\nexpires = 2026-11-18\n";

#[test]
fn flags_and_settings_name_them_and_a_flag_takes_the_place_of_the_same_in_the_settings() {
    let home = Home::new();
    let carrier = count(&home, "ip_address LIKE '203.0.113.%'");
    let lab = count(&home, "ip_address LIKE '2001:db8:%' AND created_date <= DATE '2026-11-18'");
    assert!(carrier > 3 && lab > 3, "{carrier} {lab}");
    let left_out = |line: &str, networks: &[&str]| {
        let outcome =
            report(&home, &format!("inquiries_per_device --format json {line}"), networks).succeeds();
        let report = document(&outcome.stdout)["reports"][0].clone();
        let first =
            report["notes"].as_array().unwrap().iter().find(|note| note.to_string().contains("Left out"));
        if let Some(note) = first {
            // Where a page goes to a program, a log tells too.
            assert!(outcome.stderr.contains(note.as_str().unwrap()), "{}", outcome.stderr);
        }
        report["left_out"].clone()
    };
    assert_eq!(left_out("", &[]), Json::Null);
    let network = |network: &str, label: &str, expires: Json, sessions: i64| json!({"network": network, "label": label, "expires": expires, "sessions": sessions});
    let of_settings = [
        network("203.0.113.0/24", "Carrier", Json::Null, carrier),
        network("2001:db8::/32", "Lab", json!("2026-11-18"), lab),
    ];
    let flags = ["203.0.113.0/24 Carrier", "2001:db8::/32 Lab until 2026-11-18"];
    let expected = json!({"sessions": carrier + lab, "networks": of_settings});
    assert_eq!(left_out("", &flags), expected);
    home.write("session-risk.toml", SETTINGS);
    assert_eq!(left_out("", &[]), expected);
    let moved = left_out("", &["203.0.113.0/24 Another until 2026-11-15"]);
    assert_eq!(moved, json!({"sessions": lab, "networks": [of_settings[1]]}));
    home.write("own.toml", SETTINGS);
    home.write("session-risk.toml", "");
    assert_eq!(left_out("--config own.toml", &[]), expected);
    // Commands that report nothing take the file as it is.
    home.write("session-risk.toml", "[[trusted_network]]\nnetwork = \"nonsense\"\n");
    home.command("status --lake").arg(sample_lake::PATH).succeeds();
}

#[test]
fn the_command_for_a_rows_sessions_leaves_the_same_networks_out() {
    let home = Home::new();
    home.write("own.toml", SETTINGS);
    let outcome =
        report(&home, "inquiries_per_device --format json --config own.toml", &["198.51.100.0/24 Office"]);
    let report = document(&outcome.succeeds().stdout)["reports"][0].clone();
    let words = report["detail"]["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let words: Vec<&str> = words.collect();
    for flag in [["--config", "own.toml"], ["--trust", "198.51.100.0/24 Office"]] {
        assert!(words.windows(2).any(|pair| pair == flag), "{words:?}");
    }
    let mut fewer = 0;
    for row in report["rows"].as_array().unwrap() {
        let device = format!("device_id={}", row["device_id"].as_str().unwrap());
        let listed = |words: &[&str]| {
            let command = words.iter().fold(home.command(""), |command, word| command.arg(word));
            let list = command.args("--format json --detail").arg(&device).succeeds().stdout;
            document(&list)["reports"][0]["rows"].as_array().unwrap().len()
        };
        assert_eq!(Some(listed(&words[1..]) as u64), row["sessions"].as_u64(), "{row}");
        let plain = ["query", "inquiries_per_device", "--last", "5d", "--lake", sample_lake::PATH];
        fewer += usize::from(listed(&plain) as u64 > row["sessions"].as_u64().unwrap());
    }
    assert!(fewer > 0, "no device has a session from a trusted network");
    let page = home.command("report inquiries_per_device device_mix --last 5d --format markdown --lake");
    let page =
        page.arg(sample_lake::PATH).arg("--trust").arg("198.51.100.0/24 Bob's office").succeeds().stdout;
    // That of a report which counts every session has no need of it.
    let named = page.matches(" --trust '198.51.100.0/24 Bob'\\''s office' ").count();
    assert_eq!((named, page.matches("session-risk query").count()), (1, 2), "{page}");
}

#[test]
fn an_explanation_names_them_and_the_column_that_tells_them() {
    let home = Home::new();
    let line = "impossible_travel network_risk --explain";
    let explained = document(&report(&home, &format!("{line} --format json"), &NETWORKS).succeeds().stdout);
    let of = |nth: usize| explained["reports"][nth].clone();
    assert_eq!((of(0)["without"].clone(), of(1)["without"].clone()), (json!(NETWORKS), json!([])));
    let reads = |nth: usize| of(nth)["columns"].as_array().unwrap().contains(&json!("ip_address"));
    assert_eq!((reads(0), reads(1)), (true, false));
    let text = report(&home, line, &NETWORKS).succeeds().stdout;
    assert!(text.contains("Without: 192.0.2.0/26 Head office\n"), "{text}");
}

#[test]
fn what_is_no_network_is_refused_before_any_work() {
    let home = Home::new();
    // There is no lake: it is not looked for.
    let refused = |networks: &[&str], words: &[&str]| {
        for command in ["report --lake nowhere", "run --lake nowhere", "query device_mix --lake nowhere"] {
            let command = home.command(command);
            let command =
                networks.iter().fold(command, |command, network| command.arg("--trust").arg(network));
            command.is_refused(2, words);
        }
    };
    refused(&["192.0.2.7/24 Office"], &["write 192.0.2.0/24 for all of it, or 192.0.2.7"]);
    refused(&["Office"], &["`Office` is neither a network, such as 192.0.2.0/24"]);
    refused(&["192.0.2.0/24"], &["has no label"]);
    refused(&["192.0.2.0/24 A", "192.0.2.0/24 B"], &["192.0.2.0/24 is trusted twice, as A and as B"]);
    for (lines, words) in [
        ("label = \"A\"", ["[[trusted_network]] number 1", "missing field `network`"]),
        ("network = \"192.0.2.0/24\"", ["[[trusted_network]] number 1", "missing field `label`"]),
        ("network = \"192.0.2.0/24\"\nlabel = \" \"", ["[[trusted_network]] number 1", "has no label"]),
        ("network = \"192.0.2.9/24\"\nlabel = \"A\"", ["[[trusted_network]] number 1", "write 192.0.2.0/24"]),
        (
            "network = \"192.0.2.0/24\"\nlabel = \"A\"\nuntil = 2026-12-31",
            ["number 1", "unknown field `until`"],
        ),
        (
            "network = \"192.0.2.0/24\"\nlabel = \"A\"\nexpires = \"soon\"",
            ["number 1", "`soon`, the last day of"],
        ),
        (
            "network = \"192.0.2.0/24\"\nlabel = \"A\"\nexpires = 2026-12-31T00:00:00Z",
            ["number 1", "YYYY-MM-DD"],
        ),
        ("network = \"192.0.2.0/24\"\nlabel = \"A\"\nexpires = 3", ["number 1", "invalid type"]),
        (
            "network = \"192.0.2.0/24\"\nlabel = \"A\"\n[[trusted_network]]\nnetwork = \"::ffff:192.0.2.0/120\"\nlabel = \"B\"",
            ["192.0.2.0/24", "is trusted twice"],
        ),
    ] {
        home.write("session-risk.toml", &format!("[[trusted_network]]\n{lines}\n"));
        refused(&[], &words);
    }
}

/// A lake of two sessions of one device, from one network, that keeps this of them.
fn kept(flags: &str) -> Home {
    let session = |id: &str, address: &str| {
        json!({"type": "inquiry-session", "id": id, "attributes": {
            "status": "expired", "created-at": "2026-11-20T08:00:00.000Z", "ip-address": address,
        }, "relationships": {"device": {"data": {"type": "device", "id": "dev_1"}}}})
        .to_string()
    };
    let home = Home::new();
    home.write(
        "in.jsonl",
        &format!("{}\n{}\n", session("iqse_1", "192.0.2.7"), session("iqse_2", "192.0.2.8")),
    );
    home.command("import in.jsonl --lake lake")
        .args(flags)
        .env("SESSION_RISK_IP_KEY", &"k".repeat(40))
        .succeeds();
    home
}

#[test]
fn a_lake_whose_addresses_cannot_tell_is_refused_and_reports_that_leave_none_out_are_not() {
    for (flags, network, words) in [
        ("--ip hash", "192.0.2.0/24 Office", "keyed hashes in place of addresses"),
        ("--drop-attribute ip-address", "192.0.2.0/24 Office", "the lake does not keep addresses"),
        ("--ip truncate", "192.0.2.7 Phone", "192.0.2.7 (Phone) is only a part of one"),
        ("--ip truncate", "192.0.2.0/25 Half", "192.0.2.0/25 (Half) is only a part of one"),
        ("--ip truncate", "2001:db8::/49 Half", "2001:db8::/49 (Half) is only a part of one"),
    ] {
        let home = kept(flags);
        let lines =
            ["report", "report clusters --explain", "query inquiries_per_device --detail device_id=dev_1"];
        for line in lines {
            let command = home.command(line).args("--lake lake --last 1d --trust").arg(network);
            command.is_refused(2, &["cannot leave the trusted networks out", words]);
        }
        home.command("report network_risk --lake lake --last 1d --trust").arg(network).succeeds();
    }
}

#[test]
fn a_lake_of_shortened_addresses_tells_networks_as_wide_as_its_own() {
    let home = kept("--ip truncate");
    for (network, sessions) in [
        ("192.0.2.0/24 Office", 2),
        ("192.0.0.0/16 Campus", 2),
        ("192.0.3.0/24 Other", 0),
        ("2001:db8::/48 Lab", 0),
    ] {
        let command =
            home.command("report clusters --format json --lake lake --last 1d --trust").arg(network);
        let report = document(&command.succeeds().stdout)["reports"][0].clone();
        assert_eq!(report["left_out"]["sessions"], json!(sessions), "{network}");
    }
}

#[test]
fn a_run_that_would_hash_the_addresses_is_refused_before_a_request() {
    let api = sandbox(300, 3);
    let home = Home::new();
    home.write("session-risk.toml", SETTINGS);
    let run = |line: &str| {
        let command = home.command("run --lake lake").args(line).arg("--base-url").arg(api.base_url());
        command.key(api.key()).env("SESSION_RISK_IP_KEY", &"k".repeat(40))
    };
    run("--ip hash").is_refused(2, &["cannot leave the trusted networks out", "keyed hashes"]);
    assert_eq!(api.stats().total(), 0);
    assert!(!home.lake().exists());
    run("network_risk --ip hash").succeeds();
}

#[test]
fn the_readme_names_the_reports_that_leave_them_out() {
    let readme = include_str!("../README.md");
    let section = readme.split("\n## Trusted networks\n").nth(1).unwrap();
    let names = section.split("All other reports").next().unwrap();
    for query in Catalogue::built_in().unwrap().queries() {
        assert_eq!(
            names.contains(&format!("`{}`", query.name)),
            query.header.without_trusted,
            "{}",
            query.name
        );
    }
}

#[test]
#[ignore = "needs python3 with jsonschema"]
fn documents_that_tell_what_was_left_out_fit_the_schema() {
    let lake = SmallLake::new(odd_rows(3, 400));
    for networks in
        [&NETWORKS[..], &["192.0.2.0/24 Shop until 2026-10-01"], &["192.0.2.0/24 Shop until 2026-11-19"]]
    {
        let document: Json =
            serde_json::from_str(&page(&options(&[], Format::Json, 80), &scope(&lake, networks))).unwrap();
        let output = validate(&document);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
