use serde_json::json;
use session_risk::analysis::bind::Arguments;
use session_risk::analysis::catalogue::{Catalogue, Query};
use session_risk::analysis::compare::compare;
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::threshold::{Condition, Operator, Outcome, Severity, Threshold, Verdict};
use session_risk::analysis::{Answer, Scope, answer};

use super::chain;
use crate::small_lake::SmallLake;

fn parse(text: &str) -> Condition {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn ask(lake: &SmallLake, query: &Query) -> Answer {
    ask_over(&lake.scope(), query)
}

fn ask_over(scope: &Scope, query: &Query) -> Answer {
    answer(query, scope, &Arguments::new(), &LocalEngine::new(scope)).unwrap()
}

fn named(name: &str) -> Query {
    Catalogue::built_in().unwrap().select(&[name.to_owned()]).unwrap().remove(0)
}

fn evaluate(answer: &Answer, text: &str) -> Verdict {
    let condition = parse(text);
    condition.check_key(&answer.query).unwrap();
    condition.check_column(answer).unwrap();
    Threshold { condition, severity: Severity::Fail }.evaluate(answer)
}

/// The outcome in a word, or why there is none.
fn outcome(answer: &Answer, text: &str) -> String {
    match evaluate(answer, text).outcome {
        Outcome::Crossed => "crossed".to_owned(),
        Outcome::NotCrossed => "not crossed".to_owned(),
        Outcome::NotEvaluated(reason) => reason,
    }
}

#[test]
fn a_threshold_is_read_with_its_key_its_sign_its_limit_and_its_least() {
    let some = |keys: &[&str]| keys.iter().map(|key| Some((*key).to_owned())).collect::<Vec<_>>();
    for (text, report, key, column, operator, limit, min) in [
        ("network_risk.vpn_rate > 0.2", "network_risk", some(&[]), "vpn_rate", Operator::Over, 0.2, None),
        ("a[US].b>=1 min 100", "a", some(&["US"]), "b", Operator::OverOrAt, 1.0, Some(100)),
        (
            " a [ desktop , GNU/Linux ] . b < -0.5 ",
            "a",
            some(&["desktop", "GNU/Linux"]),
            "b",
            Operator::Under,
            -0.5,
            None,
        ),
        ("a[2001:db8::1].b <= 1e3", "a", some(&["2001:db8::1"]), "b", Operator::UnderOrAt, 1000.0, None),
        ("a[null].b > .5", "a", vec![None], "b", Operator::Over, 0.5, None),
        (
            "a['null', \"x, ]\", 'it''s', ''].b > 0",
            "a",
            some(&["null", "x, ]", "it's", ""]),
            "b",
            Operator::Over,
            0.0,
            None,
        ),
        ("a[Côte d'Ivoire].b > 0", "a", some(&["Côte d'Ivoire"]), "b", Operator::Over, 0.0, None),
    ] {
        let text = text.trim();
        let expected = Condition {
            text: text.into(),
            report: report.into(),
            key,
            column: column.into(),
            operator,
            limit,
            min,
        };
        assert_eq!(parse(text), expected);
    }
}

#[test]
fn a_threshold_that_cannot_be_read_is_answered_with_what_was_expected() {
    for (text, said) in [
        ("", "expected a report's name at the end"),
        ("> 0.2", "expected a report's name before `> 0.2`"),
        ("network_risk", "expected `.` and a column at the end"),
        ("network_risk > 0.2", "expected `.` and a column before `> 0.2`"),
        ("network_risk. > 0.2", "expected a column before `> 0.2`"),
        ("network_risk.vpn_rate", "expected one of > >= < <= at the end"),
        ("network_risk.vpn_rate = 0.2", "expected one of > >= < <= before `= 0.2`"),
        ("network_risk.vpn_rate >", "expected a number, such as 0.2, at the end"),
        ("network_risk.vpn_rate > 20%", "expected a number, such as 0.2, before `20%`"),
        ("network_risk.vpn_rate > NaN", "expected a number, such as 0.2, before `NaN`"),
        ("network_risk.vpn_rate > 0.2 or x", "expected nothing more, or `min LEAST`, before `or x`"),
        ("network_risk.vpn_rate > 0.2 min", "expected nothing more, or `min LEAST`, before `min`"),
        ("network_risk.vpn_rate > 0.2 min few", "expected a whole number over 0 before `few`"),
        ("network_risk.vpn_rate > 0.2 min 0", "expected a whole number over 0 before `0`"),
        ("a[].b > 1", "expected a key, or '' for the empty text, before `].b > 1`"),
        ("a[x.b > 1", "expected `,` or `]` at the end"),
        ("a['x.b > 1", "expected the quote to be closed at the end"),
        ("a['x'y].b > 1", "expected `,` or `]` before `y].b > 1`"),
    ] {
        let error = text.parse::<Condition>().unwrap_err().to_string();
        assert!(error.starts_with(said), "{text}: {error}");
        assert!(error.contains("REPORT[KEY].COLUMN > NUMBER"), "{error}");
    }
}

/// 8 sessions with a known VPN flag, 2 of them VPN, and 2 without.
fn lake() -> SmallLake {
    let row =
        |at: usize| json!({"is_vpn": if at < 8 { json!(at < 2) } else { json!(null) }, "country_code": "US"});
    SmallLake::new((0..10).map(row))
}

#[test]
fn each_operator_compares_the_exact_figure() {
    let answer = ask(&lake(), &named("network_risk"));
    for (text, is) in [
        ("network_risk.vpn_rate > 0.25", "not crossed"),
        ("network_risk.vpn_rate >= 0.25", "crossed"),
        ("network_risk.vpn_rate < 0.25", "not crossed"),
        ("network_risk.vpn_rate <= 0.25", "crossed"),
        ("network_risk.vpn_rate > 0.2499999999", "crossed"),
        ("network_risk.vpn_rate < 0.2500000001", "crossed"),
        ("network_risk.vpn >= 2", "crossed"),
        ("network_risk.vpn_rate_unknown > 1", "crossed"),
        ("network_risk.vpn_rate_low > 0.2", "not crossed"),
        ("network_risk.vpn_rate_high > 0.5", "crossed"),
    ] {
        assert_eq!(outcome(&answer, text), is, "{text}");
    }
    let verdict = evaluate(&answer, "network_risk.vpn_rate > 0.2");
    assert_eq!((verdict.value, verdict.assessed), (Some(0.25), Some(8)));
    let verdict = evaluate(&answer, "network_risk.vpn > 1");
    assert_eq!((verdict.value, verdict.assessed), (Some(2.0), None));
}

#[test]
fn what_nobody_can_tell_is_not_evaluated_and_says_why() {
    let network = ask(&lake(), &named("network_risk"));
    let country = ask(&lake(), &named("threat_by_country"));
    for (answer, text, is) in [
        (&network, "network_risk.tor_rate > 0", "nothing was assessed"),
        (&network, "network_risk.tor_rate < 0.5", "nothing was assessed"),
        (&network, "network_risk.tor_rate_low >= 0", "nothing was assessed"),
        (&network, "network_risk.vpn_rate > 0 min 9", "8 assessed, fewer than 9"),
        (&network, "network_risk.vpn_rate > 0 min 8", "crossed"),
        (&country, "threat_by_country[ZZ].high_rate > 0", "there is no such row"),
        (&country, "threat_by_country[null].high_rate > 0", "there is no such row"),
        (&country, "threat_by_country[us].high_rate > 0", "there is no such row"),
        // The report's own least is 30.
        (&country, "threat_by_country[US].high_rate > 0", "0 assessed, fewer than 30"),
        (&country, "threat_by_country[US].high_rate > 0 min 1", "0 assessed, fewer than 1"),
        (&country, "threat_by_country[US].sessions > 9", "crossed"),
    ] {
        assert_eq!(outcome(answer, text), is, "{text}");
    }
    let none = ask(&SmallLake::new([]), &named("daily_trend"));
    assert_eq!(outcome(&none, "daily_trend[2026-11-20].vpn_rate > 0"), "there is no such row");
    let own = Query::parse("own", "own.sql", "-- title: T\n-- question: Q?\n\nSELECT 1 AS n FROM sessions")
        .unwrap();
    assert_eq!(outcome(&ask(&lake(), &own), "own.n > 0"), "the report names no key and has 10 rows");
    assert_eq!(outcome(&ask(&SmallLake::new([]), &own), "own.n > 0"), "the report has no row");
}

#[test]
fn a_row_is_found_by_keys_of_every_type_and_null_is_no_text() {
    let rows = [
        json!({"is_vpn": true, "os_name": "null", "latitude": 0.5}),
        json!({"is_vpn": true, "os_name": "", "latitude": 1.0}),
        json!({"is_vpn": false}),
    ];
    let sql = "-- title: T\n-- question: Q?\n-- key: created_date, is_vpn, os_name, latitude\n\n\
               SELECT created_date, is_vpn, os_name, latitude, COUNT(*) AS n, COUNT(os_name) AS known \
               FROM sessions GROUP BY created_date, is_vpn, os_name, latitude ORDER BY os_name";
    let answer = ask(&SmallLake::new(rows), &Query::parse("own", "own.sql", sql).unwrap());
    for (key, is) in [
        ("2026-11-20, true, 'null', 0.5", "crossed"),
        ("2026-11-20, true, null, 0.5", "there is no such row"),
        ("2026-11-20, true, '', 1", "crossed"),
        ("2026-11-20, false, null, null", "crossed"),
        ("2026-11-20, false, '', null", "there is no such row"),
        ("2026-11-19, true, '', 1", "there is no such row"),
    ] {
        assert_eq!(outcome(&answer, &format!("own[{key}].n > 0")), is, "{key}");
    }
}

#[test]
fn what_was_compared_can_be_held_to_a_limit_too() {
    let before = |count: usize, vpn: usize| {
        let rows = (0..count).map(
            move |at| json!({"created_at": "2026-10-23T12:00:00Z", "is_vpn": at < vpn, "country_code": "DE"}),
        );
        SmallLake::new(rows)
    };
    let compared = |name: &str, lake: &SmallLake, earlier: &SmallLake| {
        let mut now = ask(lake, &named(name));
        let scope = earlier.scope_before(None);
        compare(&mut now, &lake.scope(), ask_over(&scope, &named(name)), &scope).unwrap();
        now
    };
    let answer = compared("network_risk", &lake(), &before(4, 0));
    for (text, is) in [
        ("network_risk.vpn_rate_change > 0.2", "crossed"),
        ("network_risk.vpn_rate_previous > 0", "not crossed"),
        ("network_risk.vpn_rate_p < 0.05", "`vpn_rate_p` is not known"),
        // The fewer of the two windows.
        ("network_risk.vpn_rate_change > 0.2 min 5", "4 assessed, fewer than 5"),
        ("network_risk.vpn_rate_previous >= 0 min 5", "4 assessed, fewer than 5"),
        ("network_risk.vpn_rate > 0.2 min 5", "crossed"),
    ] {
        assert_eq!(outcome(&answer, text), is, "{text}");
    }
    let answer = compared("threat_by_country", &lake(), &before(40, 0));
    let gone = "the row is gone: only the earlier window has it";
    assert_eq!(outcome(&answer, "threat_by_country[DE].sessions < 1"), gone);
    assert_eq!(outcome(&answer, "threat_by_country[DE].high_rate < 1"), gone);
}

#[test]
fn a_threshold_that_does_not_fit_its_report_is_an_error() {
    let network = ask(&lake(), &named("network_risk"));
    let country = ask(&lake(), &named("threat_by_country"));
    let devices = ask(&lake(), &named("device_mix"));
    for (answer, text, said) in [
        (&network, "network_risk[US].vpn_rate > 0", "has only one: leave the brackets out"),
        (
            &country,
            "threat_by_country.high_rate > 0",
            "one for each country_code, as in `threat_by_country[COUNTRY_CODE].high_rate`",
        ),
        (
            &devices,
            "device_mix[desktop].share > 0",
            "one for each device_type and os_name, as in `device_mix[DEVICE_TYPE, OS_NAME].share`",
        ),
        (&country, "threat_by_country[US, x].high_rate > 0", "must say which row it means"),
        (&network, "network_risk.vpn_rates > 0", "did you mean `vpn_rate`?"),
        (&network, "network_risk.nothing_like_it > 0", "there are sessions, vpn, vpn_known,"),
        (&network, "network_risk.vpn_rate_change > 0", "by --compare"),
        (&country, "threat_by_country[US].country_name > 0", "holds the type text"),
        (&network, "network_risk.sessions > 0 min 5", "`sessions` is of no rate"),
        (&network, "network_risk.vpn_rate_unknown > 0 min 5", "`vpn_rate_unknown` is of no rate"),
    ] {
        let condition = parse(text);
        let checked = condition.check_key(&answer.query).and_then(|()| condition.check_column(answer));
        let error = chain(&checked.unwrap_err());
        assert!(error.starts_with(&format!("the threshold `{text}` ")) && error.contains(said), "{error}");
    }
}
