use std::fmt::Write;

use serde_json::json;
use session_risk::analysis::answer;
use session_risk::analysis::bind::Arguments;
use session_risk::analysis::catalogue::Catalogue;
use session_risk::analysis::header::{ChartKind, Header, Literal};
use session_risk::analysis::local::LocalEngine;

use super::chain;
use crate::small_lake::SmallLake;

fn parse(text: &str) -> Result<Header, String> {
    Header::parse("queries/x.sql", text).map_err(|error| chain(&error))
}

#[test]
fn a_full_header_is_read() {
    let header = parse(
        "-- title: Threat: by country\n-- question: Which?\n-- key: country_code, os_name\n\
         -- rate: high_rate = high / assessed of sessions\n-- rate: low_rate=low/assessed of sessions\n\
         -- chart: line high_rate by country_code\n-- parameter: least = 30 (1..1000) what (it) does\n\
         -- parameter: bound = 0.5 (0..1) a share\n-- parameter: level = 'high' which level\n\
         -- detail: country_code\n-- detail: hour = EXTRACT(HOUR FROM created_at)\n\
         -- detail: country_code = gps_country_code\n\
         -- note: one: thing\n-- note: another\n-- before: 28d\n-- without: trusted_networks\n-- split: device_id\n\
         -- distinct: ip_address, device_id\n-- groups: few\n\
         -- then: time_to_start\n\n-- a free comment\nSELECT 1\n",
    )
    .unwrap();
    assert_eq!(header.title, "Threat: by country");
    assert_eq!(header.key, ["country_code", "os_name"]);
    assert_eq!(header.rates[1].numerator, "low");
    assert_eq!(header.rates[1].total, "sessions");
    assert_eq!(header.chart.unwrap().kind, ChartKind::Line);
    assert_eq!(header.parameters[0].default, Literal::Integer(30));
    assert_eq!(header.parameters[0].text, "what (it) does");
    assert_eq!(header.parameters[1].range, Some((Literal::Number(0.0), Literal::Number(1.0))));
    assert_eq!(header.parameters[2].default, Literal::Text("high".into()));
    let details: Vec<(&str, &[String])> =
        header.details.iter().map(|detail| (detail.column.as_str(), &detail.expressions[..])).collect();
    let expected: [(&str, &[String]); 2] = [
        ("country_code", &["country_code".to_owned(), "gps_country_code".to_owned()]),
        ("hour", &["EXTRACT(HOUR FROM created_at)".to_owned()]),
    ];
    assert_eq!(details, expected);
    assert_eq!(header.notes, ["one: thing", "another"]);
    assert_eq!(header.before, Some(28));
    assert!(header.without_trusted);
    assert_eq!(header.split.as_deref(), Some("device_id"));
    assert_eq!(header.distinct, ["ip_address", "device_id"]);
    assert!(header.few_groups);
    assert_eq!(header.then.unwrap().name, "time_to_start");
}

#[test]
fn the_first_eight_have_the_columns_and_keys_that_other_programs_rely_on() {
    let lake = SmallLake::new([json!({})]);
    let catalogue = Catalogue::built_in().unwrap();
    let mut told = String::new();
    for query in &catalogue.queries()[..8] {
        let answer = answer(query, &lake.scope(), &Arguments::new(), &LocalEngine::new(&lake.scope()))
            .expect(&query.name);
        let columns: Vec<&str> = answer.table.columns.iter().map(|column| column.name.as_str()).collect();
        let rates: Vec<&str> = query.header.rates.iter().map(|rate| rate.name.as_str()).collect();
        let own = columns.len() - 4 * rates.len();
        writeln!(
            told,
            "{} | {} | {} | {}",
            query.name,
            query.header.key.join(", "),
            columns[..own].join(", "),
            rates.join(", ")
        )
        .unwrap();
    }
    insta::assert_snapshot!(told, @r"
    network_risk |  | sessions, vpn, vpn_known, tor, tor_known, proxy, proxy_known, datacenter, datacenter_known, anonymised, anonymised_known | vpn_rate, tor_rate, proxy_rate, datacenter_rate, anonymised_rate
    threat_by_country | country_code | country_code, country_name, sessions, assessed, low, medium, high, other | high_rate
    device_mix | device_type, os_name | device_type, os_name, sessions, total | share
    daily_trend | created_date | created_date, sessions, inquiries, vpn, vpn_known, tor, tor_known, high, assessed | vpn_rate, tor_rate, high_rate
    inquiries_per_address | ip_address | ip_address, sessions, inquiries, devices, first_seen, last_seen | 
    inquiries_per_device | device_id | device_id, sessions, inquiries, addresses, countries | 
    started_rate | device_type | device_type, sessions, started, expired_unstarted | started_rate
    signal_coverage | signal | signal, sessions, known | known_rate
    ");
}

#[test]
fn what_is_wrong_with_a_header_is_said_with_file_and_line() {
    let good = "-- title: T\n-- question: Q?\n";
    for (text, said) in [
        ("-- titel: T\n", "line 1: unknown field `titel`; known are title, question, key"),
        ("-- title: T\n-- just words\n", "line 2: expected `-- field: value`"),
        ("-- title: T\n-- title: U\n", "line 2: `title` is given twice"),
        ("-- title:\n", "line 1: `title` has the form `-- title: a few words`"),
        ("-- question: Q?\nSELECT 1", "line 1: the header has no `-- title:` line"),
        ("SELECT 1", "line 1: the header has no `-- title:` line"),
        ("-- title: T\nSELECT 1", "line 1: the header has no `-- question:` line"),
        ("+-- key: a b\n", "line 3: `key` has the form"),
        (
            "+-- rate: r = a / b\n",
            "line 3: `rate` has the form `-- rate: NAME = numerator / denominator of total`",
        ),
        ("+-- rate: r = a / b of c\n-- rate: r = a / b of c\n", "line 4: the name `r` is declared twice"),
        ("+-- chart: pie a by b\n", "line 3: `chart` has the form"),
        ("+-- parameter: p = 3\n", "line 3: `parameter` has the form"),
        ("+-- parameter: since = 3 (1..4) taken\n", "line 3: `parameter` has the form"),
        ("+-- parameter: missing_before = 3 (1..4) taken\n", "line 3: `parameter` has the form"),
        ("+-- parameter: p = 5 (1..4) five\n", "line 3: the default of `p` lies outside its range"),
        ("+-- detail: a b\n", "line 3: `detail` has the form `-- detail: COLUMN, or COLUMN = EXPRESSION`"),
        ("+-- detail: a =\n", "line 3: `detail` has the form"),
        ("+-- before: 4 weeks\n", "line 3: `before` has the form `-- before: 28d`"),
        ("+-- before: 0d\n", "line 3: `before` has the form"),
        ("+-- without: vpns\n", "line 3: `without` has the form `-- without: trusted_networks`"),
        ("+-- split: device_id, os_name\n", "line 3: `split` has the form `-- split: COLUMN`"),
        (
            "+-- distinct: device_id and more\n",
            "line 3: `distinct` has the form `-- distinct: COLUMN, COLUMN`",
        ),
        ("+-- groups: many\n", "line 3: `groups` has the form `-- groups: few`"),
        ("+-- then: one, two\n", "line 3: `then` has the form `-- then: STEP`"),
        (
            "+-- then: time_to_stat\n",
            "line 3: there is no step `time_to_stat`; did you mean `time_to_start`?",
        ),
        (
            "+-- then: nothing_like_it\n",
            "line 3: there is no step `nothing_like_it`; there are time_to_start, address_velocity, impossible_travel, gps_distance, clusters, user_agents, anomalies",
        ),
        ("+SELECT 1\n-- rate: r = a / b of c\n", "line 4: `-- rate:` stands below the header"),
        ("+\n-- note: n\nSELECT 1\n", "line 4: `-- note:` stands below the header"),
        ("+", "line 3: there is no query below the header"),
        ("+-- note: n\n\n-- nothing else\n", "line 4: there is no query below the header"),
    ] {
        let text = text.replace('+', good);
        let error = parse(&text).expect_err(&text);
        assert!(error.starts_with("queries/x.sql, ") && error.contains(said), "{text}\n{error}");
    }
}

#[test]
fn the_built_in_headers_are_read_and_unknown_names_are_answered_with_the_known() {
    let catalogue = Catalogue::built_in().unwrap();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(catalogue.select(&[]).unwrap(), catalogue.queries());
    let twice = catalogue.select(&names(&["device_mix", "network_risk", "device_mix"])).unwrap();
    assert_eq!(
        twice.iter().map(|query| query.name.as_str()).collect::<Vec<_>>(),
        ["device_mix", "network_risk"]
    );
    let error = catalogue.select(&names(&["network_risk", "nope"])).unwrap_err();
    let known: Vec<&str> = catalogue.queries().iter().map(|query| query.name.as_str()).collect();
    assert_eq!(error.to_string(), format!("there is no report `nope`; there are {}", known.join(", ")));
    let error = catalogue.select(&names(&["threat_by_contry"])).unwrap_err();
    assert_eq!(error.to_string(), "there is no report `threat_by_contry`; did you mean `threat_by_country`?");
}
