use proptest::prelude::*;
use session_risk::analysis::bind::{Arguments, bind, one_select, read};
use session_risk::analysis::header::{Header, Literal};

use super::chain;
use crate::small_lake::range;

const HEADER: &str = "-- title: T\n-- question: Q?\n-- parameter: least = 30 (1..1000) n\n\
                      -- parameter: share = 0.5 (0..1) s\n-- parameter: level = 'high' l\n\nSELECT 1";

fn bound(sql: &str, given: &[(&str, Literal)]) -> Result<String, String> {
    let header = Header::parse("x.sql", HEADER).unwrap();
    let given: Arguments = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    bind(sql, &header, range(), 0, &given).map_err(|error| chain(&error))
}

#[test]
fn placeholders_become_typed_literals() {
    let sql = "SELECT :least, :share, :level WHERE d >= :since AND d<=:until";
    insta::assert_snapshot!(
        bound(sql, &[]).unwrap(),
        @"SELECT 30, CAST('0.5' AS DOUBLE), 'high' WHERE d >= DATE '2026-10-24' AND d<=DATE '2026-11-20'"
    );
    let given = [("least", Literal::Integer(7)), ("level", Literal::Text("o'clock".into()))];
    insta::assert_snapshot!(bound("SELECT :least, :level", &given).unwrap(), @"SELECT 7, 'o''clock'");
}

#[test]
fn the_number_of_missing_days_before_is_only_there_for_a_query_that_looks_back() {
    let sql = "SELECT :missing_before";
    let said = bound(sql, &[]).unwrap_err();
    assert!(said.starts_with("line 1 of the query uses `:missing_before`"), "{said}");
    let header = Header { before: Some(28), ..Header::default() };
    assert_eq!(bind(sql, &header, range(), 3, &Arguments::new()).unwrap(), "SELECT 3");
}

#[test]
fn binding_never_touches_strings_quoted_names_comments_and_casts() {
    for sql in [
        "SELECT ':least'",
        "SELECT 'it''s :least'",
        "SELECT 'a\n:least'",
        "SELECT \":least\" AS \"a\"\":least\"",
        "SELECT `:least`",
        "SELECT 1 -- :least and 'an open string\nFROM t",
        "SELECT /* :least /* nested :least */ ' :least */ 1",
        "SELECT created_at::least, a::text",
        "SELECT '12:30' || x: y, a:1",
        "SELECT 'é:least' AS é",
    ] {
        assert_eq!(bound(sql, &[]).unwrap(), sql);
    }
    assert_eq!(bound("SELECT 'é' || :least::least", &[]).unwrap(), "SELECT 'é' || 30::least");
}

#[test]
fn what_cannot_be_bound_is_said() {
    let text = |text: &str| Literal::Text(text.into());
    for (sql, given, said) in [
        ("SELECT 1\n, :lest", None, "line 2 of the query uses `:lest`"),
        ("SELECT 1,\n 'open", None, "line 2 of the query begins a string that does not end"),
        ("SELECT \"open", None, "line 1 of the query begins a quoted name that does not end"),
        ("SELECT 1 /* /* */", None, "line 1 of the query begins a comment that does not end"),
        ("SELECT 1", Some(("nope", text("x"))), "the query has no parameter `nope`"),
        (
            "SELECT 1",
            Some(("least", Literal::Integer(0))),
            "`0` does not fit the parameter `least` (a whole number, 1..1000)",
        ),
        (
            "SELECT 1",
            Some(("least", text("1; DROP"))),
            "`1; DROP` does not fit the parameter `least` (a whole number, 1..1000)",
        ),
        ("SELECT :level", Some(("level", text("\\'"))), "holds a backslash or a control character"),
    ] {
        let error = bound(sql, given.as_slice()).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn only_one_statement_that_reads_is_run() {
    for sql in
        ["SELECT 1", " -- c\nwith a AS (SELECT 1) SELECT * FROM a;", "(SELECT 1)", "SELECT ';' ; ; -- x"]
    {
        one_select(sql).unwrap();
    }
    for sql in
        ["", ";", "DROP TABLE sessions", "SELECT 1; SELECT 2", "EXPLAIN SELECT 1", "/* SELECT */ SHOW TABLES"]
    {
        one_select(sql).unwrap_err();
    }
}

#[test]
fn what_writes_or_opens_a_file_is_refused_however_it_is_written() {
    for (sql, word) in [
        ("WITH a AS (SELECT 1) DELETE FROM sessions", "`DELETE` writes"),
        ("WITH a AS (SELECT 1) insert INTO sessions SELECT * FROM a", "`insert` writes"),
        ("SELECT * INTO elsewhere FROM sessions", "`INTO` writes"),
        ("SELECT 1 FROM (MERGE x)", "`MERGE` writes"),
        ("WITH a AS (UPDATE sessions SET os_name = NULL) SELECT 1", "`UPDATE` writes"),
        ("SELECT * FROM read_parquet('/etc/x')", "`read_parquet` would read another file"),
        ("SELECT * FROM \"Read_Parquet\" /* hidden */ ('x')", "`\"Read_Parquet\"` would read another file"),
        ("SELECT * FROM sessions, `read_csv`('x')", "would read another file"),
        ("SELECT * FROM READ_JSON\n('x')", "would read another file"),
        ("SELECT * FROM (SELECT * FROM scan_parquet('x')) a", "would read another file"),
        ("SELECT * FROM parquet_scan('x')", "would read another file"),
    ] {
        let error = one_select(sql).unwrap_err().to_string();
        assert!(error.contains(word), "{sql}: {error}");
    }
    for sql in [
        "SELECT 'insert into x; read_parquet(1)' AS a",
        "SELECT \"delete\", updated, read_parquet FROM sessions -- update\n",
        "SELECT COUNT(*) AS read_count FROM (SELECT 1)",
    ] {
        one_select(sql).unwrap();
    }
}

#[test]
fn typed_values_are_read_by_the_type_of_the_default() {
    let header = Header::parse("x.sql", HEADER).unwrap();
    let given = |name: &str, text: &str| read(&header, &[(name.to_owned(), text.to_owned())]);
    assert_eq!(given("least", "7").unwrap()["least"], Literal::Integer(7));
    assert_eq!(given("share", "1").unwrap()["share"], Literal::Number(1.0));
    assert_eq!(given("level", "5").unwrap()["level"], Literal::Text("5".into()));
    assert_eq!(given("unheard_of", "5").unwrap(), Arguments::new());
    for (name, text) in [("least", "7.0"), ("least", "0"), ("least", "x"), ("least", ""), ("share", "NaN")] {
        let error = given(name, text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{text}` does not fit the parameter `{name}`")), "{error}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_out_of_its_string(text in "[^\\\\\\pC]*") {
        let sql = bound("SELECT :level", &[("level", Literal::Text(text.clone()))]).unwrap();
        let inside = sql.strip_prefix("SELECT '").unwrap().strip_suffix('\'').unwrap();
        prop_assert_eq!(inside.replace("''", ""), text.replace('\'', ""));
        prop_assert_eq!(inside.replace("''", "'"), text);
        // Bound again, nothing in it is taken for a placeholder.
        prop_assert_eq!(bound(&sql, &[]).unwrap(), sql);
    }
}
