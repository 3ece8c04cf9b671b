use std::collections::BTreeMap;

use session_risk::analysis::catalogue::Query;
use session_risk::analysis::compare::{chance, compare};
use session_risk::analysis::header::Literal;
use session_risk::analysis::table::{Column, Table, Type, Value};
use session_risk::analysis::trusted::Trusted;
use session_risk::analysis::{Answer, Before, Scope, rate};
use session_risk::range::DayRange;

use super::chain;

fn scope(since: &str, until: &str, missing: &[&str]) -> Scope {
    Scope {
        range: DayRange::new(since.parse().unwrap(), until.parse().unwrap()).unwrap(),
        files: Vec::new(),
        before: Before::default(),
        missing: missing.iter().map(|day| day.parse().unwrap()).collect(),
        newest: None,
        complete: missing.is_empty(),
        trusted: Trusted::default(),
        notes: Vec::new(),
    }
}

fn november() -> Scope {
    scope("2026-11-08", "2026-11-14", &[])
}

fn week_before() -> Scope {
    scope("2026-11-01", "2026-11-07", &[])
}

/// An answer with one rate over `hits` and `known`, and what stands before them in each row.
fn answer(key: &str, columns: &[(&str, Type)], rows: &[(&[Value], i64, i64)]) -> Answer {
    let key = if key.is_empty() { String::new() } else { format!("-- key: {key}\n") };
    let header = format!(
        "-- title: T\n-- question: Q?\n{key}-- rate: hit_rate = hits / known of known\n\
         -- parameter: min_sessions = 1 (1..1000) few\n"
    );
    let query = Query::parse("x", "x.sql", &format!("{header}\nSELECT 1")).unwrap();
    let counts = [("hits", Type::Integer), ("known", Type::Integer)];
    let columns = columns.iter().chain(&counts).map(|(name, data_type)| Column::new(*name, *data_type));
    let row = |(before, hits, known): &(&[Value], i64, i64)| {
        before.iter().cloned().chain([*hits, *known].map(Value::Integer)).collect()
    };
    let mut table = Table { columns: columns.collect(), rows: rows.iter().map(row).collect(), left_out: 0 };
    rate::append(&mut table, &query.header.rates).unwrap();
    let parameters = BTreeMap::from([("min_sessions".to_owned(), Literal::Integer(1))]);
    Answer {
        query,
        parameters,
        table,
        missing_before: Vec::new(),
        left_out: None,
        said: Vec::new(),
        compared: None,
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn day(value: &str) -> Value {
    Value::Date(value.parse().unwrap())
}

/// The compared rows: the key, the share, what it was, and the state.
fn told(answer: &Answer, keys: &[&str]) -> Vec<String> {
    let percent =
        |value: &Value| value.as_number().map_or("-".to_owned(), |share| format!("{:.0}", share * 100.0));
    let row = |at: usize| {
        let value = |name: &str| answer.table.value(at, name);
        let key: Vec<String> = keys
            .iter()
            .map(|name| match value(name) {
                Value::Text(text) => text.clone(),
                Value::Date(day) => day.strftime("%m-%d").to_string(),
                _ => "null".to_owned(),
            })
            .collect();
        let Value::Text(state) = value("state") else { panic!("{answer:?}") };
        let shares = ["hit_rate", "hit_rate_previous", "hit_rate_change"].map(|name| percent(value(name)));
        format!("{} {} {state}", key.join(" "), shares.join(" "))
    };
    (0..answer.table.rows.len()).map(row).collect()
}

#[test]
fn rows_are_joined_by_key_null_with_null_and_those_that_are_gone_stand_last_in_their_order() {
    let columns = [("country", Type::Text), ("name", Type::Text)];
    let row = |code: &str, hits, known| ([text(code), text("n")], hits, known);
    let (de, fr, us) = (row("DE", 50, 100), row("FR", 20, 100), row("US", 30, 100));
    let null = ([Value::Null, Value::Null], 10, 100);
    let empty = ([text(""), Value::Null], 40, 100);
    let mut now = answer(
        "country",
        &columns,
        &[(&us.0, us.1, us.2), (&null.0, null.1, null.2), (&empty.0, empty.1, empty.2), (&de.0, 0, 0)],
    );
    let earlier = [
        (&fr.0[..], 20, 100),
        (&null.0[..], 30, 100),
        (&de.0[..], 50, 100),
        (&row("BR", 1, 4).0[..], 1, 4),
        (&us.0[..], 10, 100),
    ];
    let earlier = answer("country", &columns, &earlier);
    compare(&mut now, &november(), earlier, &week_before()).unwrap();
    assert_eq!(
        told(&now, &["country"]),
        [
            "US 30 10 20 same",
            "null 10 30 -20 same",
            // The empty text is no null: it was not there before.
            " 40 - - new",
            // Nobody was assessed now: known before, no change to tell, and not 0 %.
            "DE - 50 - same",
            "FR - 20 - gone",
            "BR - 25 - gone",
        ]
    );
    // Of a row that is gone nothing but its key and its earlier share is told.
    assert_eq!(now.table.rows[4][1..8], vec![Value::Null; 7]);
    let names: Vec<&str> = now.table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names[8..], ["hit_rate_previous", "hit_rate_change", "hit_rate_p", "state"]);
    assert!(now.table.rows.iter().all(|row| row.len() == names.len()));
    assert_eq!(now.own_rows(), 4);
}

#[test]
fn p_is_adjusted_over_the_rows_that_were_tested_and_null_where_few_were_assessed() {
    let columns = [("country", Type::Text)];
    let keys: Vec<[Value; 1]> = ["A", "B", "C", "D"].map(|key| [text(key)]).into();
    let rows = |counts: [(i64, i64); 4]| -> Answer {
        let rows: Vec<(&[Value], i64, i64)> =
            keys.iter().zip(counts).map(|(key, (hits, known))| (&key[..], hits, known)).collect();
        answer("country", &columns, &rows)
    };
    let mut now = rows([(60, 200), (45, 200), (9, 30), (99, 99)]);
    now.parameters.insert("min_sessions".to_owned(), Literal::Integer(100));
    // C has too few on one side, D on the other.
    compare(&mut now, &november(), rows([(30, 200), (30, 200), (90, 300), (50, 200)]), &week_before())
        .unwrap();
    let counts = |hits, trials| chance::Counts { hits, trials };
    let raw = [(60, 30), (45, 30)]
        .map(|(hits, before)| chance::two_proportions(counts(hits, 200), counts(before, 200)).unwrap());
    assert!(raw[0] < raw[1] && raw[1] > 0.05 && raw[1] < 0.1, "{raw:?}");
    let p = |row: usize| now.table.value(row, "hit_rate_p").as_number();
    assert_eq!([p(0), p(1), p(2), p(3)], [Some(2.0 * raw[0]), Some(raw[1]), None, None]);
    assert!(now.table.value(2, "hit_rate_change").as_number().is_some());
}

#[test]
fn a_question_without_a_key_has_one_row_in_each_window() {
    let mut now = answer("", &[], &[(&[], 5, 10)]);
    compare(&mut now, &november(), answer("", &[], &[(&[], 2, 10)]), &week_before()).unwrap();
    assert_eq!(told(&now, &[]), [" 50 20 30 same"]);
    // Several rows without a key cannot be told apart.
    let two: [(&[Value], i64, i64); 2] = [(&[], 5, 10), (&[], 1, 10)];
    let mut now = answer("", &[], &two);
    compare(&mut now, &november(), answer("", &[], &[(&[], 2, 10)]), &week_before()).unwrap();
    assert_eq!(told(&now, &[]), [" 50 - - n/a", " 10 - - n/a"]);
    assert!(now.compared.unwrap().notes[0].contains("names no key"));
}

#[test]
fn a_key_that_names_several_rows_is_not_compared_and_the_others_are() {
    let columns = [("country", Type::Text)];
    let (a, b, c) = ([text("A")], [text("B")], [text("C")]);
    let mut now = answer("country", &columns, &[(&a, 1, 10), (&b, 2, 10), (&c, 3, 10), (&a, 4, 10)]);
    let earlier = answer("country", &columns, &[(&a, 1, 10), (&b, 2, 10), (&b, 4, 10), (&c, 4, 10)]);
    compare(&mut now, &november(), earlier, &week_before()).unwrap();
    let expected = ["A 10 - - n/a", "B 20 - - n/a", "C 30 40 -10 same", "A 40 - - n/a"];
    assert_eq!(told(&now, &["country"]), expected);
    assert!(now.compared.unwrap().notes[0].contains("not theirs alone"));
}

#[test]
fn days_are_joined_by_their_place_and_a_day_that_the_lake_lacks_is_no_quiet_one() {
    let columns = [("created_date", Type::Date), ("os", Type::Text)];
    let key = |date: &str, os: &str| [day(date), text(os)];
    let rows = |keys: &[[Value; 2]]| {
        let rows: Vec<(&[Value], i64, i64)> =
            keys.iter().zip(1..).map(|(key, hits)| (&key[..], hits, 10)).collect();
        answer("created_date, os", &columns, &rows)
    };
    let mut now = rows(&[
        key("2026-11-08", "iOS"),
        // Its counterpart, 11-02, has no session of it.
        key("2026-11-09", "iOS"),
        // Its counterpart, 11-03, is not in the lake.
        key("2026-11-10", "iOS"),
    ]);
    let earlier = rows(&[
        key("2026-11-01", "iOS"),
        // Its counterpart, 11-11, is not in the lake.
        key("2026-11-04", "iOS"),
        // Its counterpart, 11-12, has no session of it.
        key("2026-11-05", "iOS"),
    ]);
    let november = scope("2026-11-08", "2026-11-14", &["2026-11-11"]);
    compare(&mut now, &november, earlier, &scope("2026-11-01", "2026-11-07", &["2026-11-03"])).unwrap();
    assert_eq!(
        told(&now, &["created_date", "os"]),
        [
            "11-08 iOS 10 10 0 same",
            "11-09 iOS 20 - - new",
            "11-10 iOS 30 - - n/a",
            "11-11 iOS - 20 - n/a",
            "11-12 iOS - 30 - gone",
        ]
    );
    let notes = now.compared.unwrap().notes;
    assert_eq!(notes, ["Days are compared by their place in the window: 2026-11-08 with 2026-11-01."]);
}

#[test]
fn days_of_windows_of_different_lengths_have_a_counterpart_as_far_as_both_go() {
    let columns = [("created_date", Type::Date)];
    let rows = |days: &[&str]| {
        let keys: Vec<[Value; 1]> = days.iter().map(|date| [day(date)]).collect();
        let rows: Vec<(&[Value], i64, i64)> = keys.iter().map(|key| (&key[..], 1, 10)).collect();
        answer("created_date", &columns, &rows)
    };
    let (short, long) = (scope("2026-11-08", "2026-11-09", &[]), scope("2026-10-01", "2026-10-05", &[]));
    let mut now = rows(&["2026-11-08", "2026-11-09"]);
    compare(&mut now, &short, rows(&["2026-10-01", "2026-10-02", "2026-10-03"]), &long).unwrap();
    assert_eq!(told(&now, &["created_date"]), ["11-08 10 10 0 same", "11-09 10 10 0 same"]);
    assert!(now.compared.unwrap().notes[1].contains("Of the 5 days of the earlier window the first 2"));
    let later = scope("2026-11-08", "2026-11-12", &[]);
    let mut now = rows(&["2026-11-08", "2026-11-10"]);
    let before = scope("2026-10-01", "2026-10-02", &[]);
    compare(&mut now, &later, rows(&["2026-10-01", "2026-10-02"]), &before).unwrap();
    let expected = ["11-08 10 10 0 same", "11-10 10 - - n/a", "11-09 - 10 - gone"];
    assert_eq!(told(&now, &["created_date"]), expected);
}

#[test]
fn nothing_is_new_where_the_lake_has_no_day_of_the_earlier_window() {
    let columns = [("country", Type::Text)];
    let de = [text("DE")];
    let mut now = answer("country", &columns, &[(&de, 1, 10)]);
    let none = scope("2026-11-06", "2026-11-07", &["2026-11-06", "2026-11-07"]);
    compare(&mut now, &november(), answer("country", &columns, &[]), &none).unwrap();
    assert_eq!(told(&now, &["country"]), ["DE 10 - - n/a"]);
    // A window without a session is no such thing.
    let mut now = answer("country", &columns, &[(&de, 1, 10)]);
    compare(&mut now, &november(), answer("country", &columns, &[]), &week_before()).unwrap();
    assert_eq!(told(&now, &["country"]), ["DE 10 - - new"]);
}

#[test]
fn a_column_of_the_query_in_the_way_of_a_comparison_is_named() {
    let columns = [("state", Type::Text)];
    let by = [text("BY")];
    let mut now = answer("state", &columns, &[(&by, 1, 10)]);
    let earlier = now.clone();
    let error = compare(&mut now, &november(), earlier, &week_before()).unwrap_err();
    assert!(error.is_about_the_query());
    assert!(chain(&error).contains("`x` has a column `state`"), "{}", chain(&error));
    assert_eq!(now.table.columns.len(), 7);
}
