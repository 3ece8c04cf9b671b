use std::fs;
use std::path::PathBuf;

use serde_json::json;
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::table::{Table, Type, Value};
use session_risk::analysis::{DayFile, Engine, Reads};

use super::chain;
use crate::small_lake::{SmallLake, odd_rows, range, scope, write};

fn query(files: &[DayFile], sql: &str) -> Result<Table, String> {
    LocalEngine::new(&scope(range(), files)).query(sql, Reads::default()).map_err(|error| chain(&error))
}

fn split(column: &str) -> Reads<'_> {
    Reads { split: Some(column), ..Reads::default() }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

#[test]
fn every_type_comes_through_and_moments_are_naive_utc() {
    let row =
        json!({"created_at": "2026-11-20T23:30:00.123Z", "is_vpn": true, "latitude": 1.5, "os_name": "iOS"});
    let lake = SmallLake::new([row]);
    let sql = "SELECT created_at, created_date, is_vpn, latitude, os_name, started_at, \
               EXTRACT(HOUR FROM created_at) AS hour, NULL AS nothing FROM sessions";
    let table = query(&lake.files, sql).unwrap();
    let types: Vec<Type> = table.columns.iter().map(|column| column.data_type).collect();
    use Type::{Boolean, Date, Integer, Number, Text, Timestamp};
    assert_eq!(types, [Timestamp, Date, Boolean, Number, Text, Timestamp, Integer, Text]);
    let expected = [
        Value::Timestamp("2026-11-20T23:30:00.123Z".parse().unwrap()),
        Value::Date("2026-11-20".parse().unwrap()),
        Value::Boolean(true),
        Value::Number(1.5),
        text("iOS"),
        Value::Null,
        Value::Integer(23),
        Value::Null,
    ];
    assert_eq!(table.rows, [expected.to_vec()]);
}

#[test]
fn a_split_by_what_tells_no_sessions_apart_is_refused_and_one_over_no_session_is_empty() {
    let lake = SmallLake::new([json!({}), json!({})]);
    let engine = LocalEngine::new(&scope(range(), &lake.files)).in_shares_of(1000);
    for column in ["is_vpn", "created_at", "nowhere"] {
        let error = engine.query("SELECT 1 AS n\nORDER BY n", split(column)).unwrap_err();
        let words = format!("it cannot be split by `{column}`: name created_date or a column of text");
        assert!(chain(&error).contains(&words), "{}", chain(&error));
    }
    let empty = LocalEngine::new(&scope(range(), &[])).in_shares_of(1000);
    let sql = "SELECT device_id, COUNT(*) AS n FROM sessions GROUP BY device_id\nORDER BY n";
    assert_eq!(empty.query(sql, split("device_id")).unwrap().rows.len(), 0);
    assert_eq!(engine.query(sql, split("device_id")).unwrap().rows, [[Value::Null, Value::Integer(2)]]);
}

#[test]
fn a_query_at_fault_spoils_none_that_shares_its_reading() {
    let lake = SmallLake::new([json!({"os_name": "iOS"}), json!({})]);
    let engine = LocalEngine::new(&lake.scope());
    let count = |column: &str| format!("SELECT COUNT({column}) AS n FROM sessions");
    let sqls = [count("os_name"), count("nothing"), count("*"), "DROP TABLE sessions".to_owned()];
    let told = |sqls: &[String]| {
        let sqls: Vec<&str> = sqls.iter().map(String::as_str).collect();
        let told = |table: Result<Table, _>| table.map(|table| table.rows).map_err(|error| chain(&error));
        engine.queries(&sqls, Reads::default()).into_iter().map(told).collect::<Vec<_>>()
    };
    let rows = |n| Ok(vec![vec![Value::Integer(n)]]);
    let found = told(&sqls[..3]);
    assert_eq!([&found[0], &found[2]], [&rows(1), &rows(2)]);
    assert!(found[1].as_ref().unwrap_err().contains("nothing"), "{found:?}");
    let found = told(&sqls[2..]);
    assert_eq!(found[0], rows(2));
    assert!(found[1].is_err());
    assert_eq!(told(&[]), []);
}

#[test]
fn what_is_only_told_apart_is_counted_joined_ordered_and_shown_as_if_there_were_no_numbers() {
    let of = |device: Option<&str>, inquiry: &str| json!({"device_id": device, "inquiry_id": inquiry});
    let rows = [of(Some("a"), "x"), of(Some("a"), "y"), of(Some("b"), "x"), of(None, "x"), of(None, "z")];
    let lake = SmallLake::new(rows);
    let engine = LocalEngine::new(&lake.scope());
    let distinct = ["device_id".to_owned()];
    let reads = Reads { distinct: &distinct, ..Reads::default() };
    let joined = "WITH shared AS (SELECT device_id FROM sessions GROUP BY device_id HAVING COUNT(*) > 1) \
                  SELECT sessions.inquiry_id, COUNT(*) AS n, COUNT(DISTINCT sessions.device_id) AS devices, \
                  COUNT(shared.device_id) AS of_shared FROM sessions \
                  LEFT JOIN shared ON sessions.device_id = shared.device_id \
                  GROUP BY sessions.inquiry_id\nORDER BY inquiry_id";
    let row =
        |inquiry: &str, counts: [i64; 3]| [vec![text(inquiry)], counts.map(Value::Integer).to_vec()].concat();
    let of_inquiries = [row("x", [3, 2, 1]), row("y", [1, 1, 1]), row("z", [1, 0, 0])];
    let shown = "SELECT device_id, COUNT(*) AS n FROM sessions GROUP BY device_id\nORDER BY device_id DESC NULLS FIRST";
    let row = |device: Value, n: i64| vec![device, Value::Integer(n)];
    let of_devices = [row(Value::Null, 2), row(text("b"), 1), row(text("a"), 2)];
    for (sql, expected) in [(joined, &of_inquiries), (shown, &of_devices)] {
        for reads in [reads, Reads::default()] {
            assert_eq!(engine.query(sql, reads).unwrap().rows, expected);
        }
        // Numbers could not be put in order by an ORDER BY that nobody finds.
        assert_eq!(engine.query(&sql.replace('\n', " "), reads).unwrap().rows, expected);
        assert_eq!(engine.plan(sql, reads).unwrap(), engine.plan(sql, Reads::default()).unwrap());
    }
    for (answer, expected) in
        engine.queries(&[joined, shown], reads).into_iter().zip([of_inquiries, of_devices])
    {
        assert_eq!(answer.unwrap().rows, expected);
    }
    let told = |column: &str, sql: &str| {
        let distinct = [column.to_owned()];
        let reads = Reads { distinct: &distinct, ..Reads::default() };
        [engine.query(sql, reads).unwrap_err(), engine.plan(sql, reads).unwrap_err()]
            .map(|error| chain(&error))
    };
    for words in told("device_id", "SELECT COUNT(*) AS n FROM sessions WHERE device_id LIKE 'a%'\nORDER BY n")
    {
        assert!(
            words.contains("declares device_id as `distinct`, and the query looks at what one is"),
            "{words}"
        );
    }
    for column in ["is_vpn", "devices"] {
        for words in told(column, "SELECT COUNT(*) AS n FROM sessions\nORDER BY n") {
            assert!(
                words.contains(&format!("`{column}` as `distinct`, and it is no column of text")),
                "{words}"
            );
        }
    }
    let renamed = "SELECT device_id AS id FROM sessions\nORDER BY id";
    for error in [engine.query(renamed, reads).unwrap_err(), engine.plan(renamed, reads).unwrap_err()] {
        let words = "`id` shows what the header declares as `distinct` under another name";
        assert!(chain(&error).contains(words), "{}", chain(&error));
    }
}

#[test]
fn an_order_by_at_the_beginning_of_a_line_may_be_any_where_no_header_says_otherwise() {
    let rows =
        (0..4).map(|minute| json!({"created_at": format!("2026-11-20T08:0{minute}:00Z"), "os_name": "iOS"}));
    let lake = SmallLake::new(rows);
    let inside = "WITH last AS (\nSELECT created_at FROM sessions\nORDER BY created_at DESC\nLIMIT 3\n)\n\
                  SELECT COUNT(*) AS n FROM last";
    // By what is not shown.
    let other =
        "SELECT EXTRACT(MINUTE FROM created_at) AS minute FROM sessions\nORDER BY created_at DESC\nLIMIT 1";
    let engine = LocalEngine::new(&lake.scope());
    let three = vec![vec![Value::Integer(3)]];
    for sql in [inside, other] {
        assert_eq!(engine.query(sql, Reads::default()).unwrap().rows, three);
    }
    for answer in engine.queries(&[inside, other], Reads::default()) {
        assert_eq!(answer.unwrap().rows, three);
    }
}

#[test]
fn a_lake_without_files_is_an_empty_table_with_every_column() {
    let table = query(&[], "SELECT * FROM sessions").unwrap();
    assert_eq!((table.rows.len(), table.columns.len()), (0, 43));
    assert_eq!((table.position("created_date"), table.position("in_range")), (Some(41), Some(42)));
    let counted =
        query(&[], "SELECT COUNT(*) AS n, COUNT(*) FILTER (WHERE is_vpn) AS vpn FROM sessions").unwrap();
    assert_eq!(counted.rows, [vec![Value::Integer(0), Value::Integer(0)]]);
}

#[test]
fn several_days_are_one_table_and_literals_of_dates_select_among_them() {
    let rows = (18..=20).map(|day| json!({"created_at": format!("2026-11-{day}T08:00:00Z")}));
    let lake = SmallLake::new(rows);
    let sql = "SELECT COUNT(*) AS n, MIN(created_date) AS first FROM sessions \
               WHERE created_date >= DATE '2026-11-19' AND created_at < TIMESTAMP '2026-11-20 00:00:00'";
    let table = query(&lake.files, sql).unwrap();
    assert_eq!(table.rows, [vec![Value::Integer(1), Value::Date("2026-11-19".parse().unwrap())]]);
}

#[test]
fn days_before_the_range_are_read_only_as_far_back_as_is_asked_and_are_not_in_range() {
    // The range of the tests begins on 2026-10-24.
    let days = ["09-25", "09-26", "10-22", "10-23", "10-24", "11-20"];
    let lake = SmallLake::new(days.map(|day| json!({"created_at": format!("2026-{day}T23:59:59.999Z")})));
    let engine = LocalEngine::new(&lake.scope());
    let told = |before: u32| {
        let sql = "SELECT created_date, in_range FROM sessions ORDER BY created_date";
        let rows = engine.query(sql, Reads { before, ..Reads::default() }).unwrap().rows;
        rows.iter().map(|row| format!("{:?}", row)).collect::<Vec<_>>()
    };
    let row = |day: &str, in_range: bool| format!("[Date(2026-{day}), Boolean({in_range})]");
    let range = [row("10-24", true), row("11-20", true)];
    assert_eq!(told(0), range);
    assert_eq!(told(1), [&[row("10-23", false)], &range[..]].concat());
    assert_eq!(told(27), [&[row("10-22", false), row("10-23", false)], &range[..]].concat());
    let before = ["09-26", "10-22", "10-23"].map(|day| row(day, false));
    assert_eq!(told(28), [&before, &range[..]].concat());
    // No other column is read.
    let sql = "SELECT COUNT(*) FILTER (WHERE in_range) AS n, COUNT(*) FILTER (WHERE NOT in_range) AS b FROM sessions";
    let counted = |before: u32| engine.query(sql, Reads { before, ..Reads::default() }).unwrap().rows;
    assert_eq!(counted(0), [vec![Value::Integer(2), Value::Integer(0)]]);
    assert_eq!(counted(28), [vec![Value::Integer(2), Value::Integer(3)]]);
    let none = LocalEngine::new(&SmallLake::new([]).scope());
    assert_eq!(none.query(sql, Reads::default()).unwrap().rows, [vec![Value::Integer(0), Value::Integer(0)]]);
    assert_eq!(
        none.query(sql, Reads { before: 28, ..Reads::default() }).unwrap().rows,
        [vec![Value::Integer(0), Value::Integer(0)]]
    );
}

#[test]
fn a_lake_below_folders_with_odd_names_is_read() {
    let lake = SmallLake::new([]);
    let path = lake.folder.path().join("env=prod/a [b]*?/created_date=x/sessions/s é.parquet");
    write(
        &path,
        &[
            json!({"session_id": "a", "created_at": "2026-11-20T00:00:00Z", "fetched_at": "2026-11-20T00:00:00Z"}),
        ],
    );
    let file = DayFile { date: "2026-11-20".parse().unwrap(), path };
    let table = query(&[file], "SELECT session_id, created_date FROM sessions").unwrap();
    assert_eq!(table.rows, [vec![text("a"), Value::Date("2026-11-20".parse().unwrap())]]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let lake = SmallLake::new((19..=20).map(|day| json!({"created_at": format!("2026-11-{day}T08:00:00Z")})));
    let bad = &lake.files[1].path;
    let whole = fs::read(bad).unwrap();
    let said = || query(&lake.files, "SELECT session_id, is_vpn FROM sessions").unwrap_err();
    let not_whole =
        format!("{} is not a whole Parquet file: it was cut off, or is something else", bad.display());
    for bytes in [&whole[..whole.len() / 2], b"<html>not a Parquet file</html>", b""] {
        fs::write(bad, bytes).unwrap();
        assert_eq!(said(), not_whole);
    }
    let mut garbled = whole.clone();
    let middle = 4..whole.len() - 8;
    garbled[middle].fill(0xff);
    fs::write(bad, garbled).unwrap();
    assert!(said().starts_with(&format!("{} cannot be read: ", bad.display())), "{}", said());
    fs::remove_file(bad).unwrap();
    assert!(said().starts_with(&format!("{} cannot be read: ", bad.display())), "{}", said());
}

#[test]
fn a_file_with_another_type_in_a_column_is_named() {
    use parquet::arrow::ArrowWriter;
    use std::sync::Arc;
    let lake = SmallLake::new([json!({})]);
    let path: PathBuf = lake.folder.path().join("other.parquet");
    let vpn: arrow::array::ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![1]));
    let batch = arrow::array::RecordBatch::try_from_iter([("is_vpn", vpn)]).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let files = [lake.files[0].clone(), DayFile { date: lake.files[0].date, path: path.clone() }];
    let error = query(&files, "SELECT COUNT(is_vpn) AS n FROM sessions").unwrap_err();
    assert!(error.starts_with(&format!("{} cannot be read", path.display())), "{error}");
}

#[test]
fn a_query_that_cannot_be_run_is_blamed_on_the_query() {
    let lake = SmallLake::new([json!({})]);
    for (sql, said) in [
        ("SELECT nope FROM sessions", "nope"),
        ("SELECT * FROM elsewhere", "elsewhere"),
        ("SELEC 1", "SELECT or WITH"),
        ("SELECT 1 FROM sessions WHERE", ""),
        ("SELECT 1; DROP TABLE sessions", "only one statement"),
        ("DROP TABLE sessions", "SELECT or WITH"),
        ("SELECT created_at - created_at AS d FROM sessions", "the column `d` has the type"),
    ] {
        let error = query(&lake.files, sql).unwrap_err();
        assert!(error.contains(said) && !error.contains(".parquet"), "{sql}: {error}");
    }
}

#[test]
fn rows_read_as_the_table_has_them() {
    let lake = SmallLake::new(odd_rows(3, 300));
    let sql = "SELECT session_id, created_at, started_at, latitude, is_vpn, created_date, NULL AS nothing, \
               EXTRACT(HOUR FROM created_at) AS hour, COUNT(*) AS sessions, threat_level FROM sessions \
               GROUP BY session_id, created_at, started_at, latitude, is_vpn, created_date, threat_level \
               ORDER BY session_id";
    for files in [&lake.files[..], &[]] {
        let engine = LocalEngine::new(&scope(range(), files));
        let (table, rows) =
            (engine.query(sql, Reads::default()).unwrap(), engine.rows(sql, Reads::default()).unwrap());
        assert_eq!((rows.columns(), rows.len()), (&table.columns[..], table.rows.len()));
        let mut read = 0;
        for (row, values) in table.rows.iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                let cell = match table.columns[column].data_type {
                    Type::Integer => rows.integer(row, column).into(),
                    Type::Number => rows.number(row, column).into(),
                    Type::Text => rows.text(row, column).map_or(Value::Null, text),
                    Type::Timestamp => rows.moment(row, column).map_or(Value::Null, Value::Timestamp),
                    Type::Boolean | Type::Date => continue,
                };
                assert_eq!(cell, *value, "row {row}, {}", table.columns[column].name);
                read += usize::from(!value.is_null());
                // What is read as another type is nothing, but a whole number is a number too.
                let number = rows.number(row, column);
                assert_eq!(number, value.as_number());
                assert_eq!(rows.integer(row, column), value.as_integer());
            }
        }
        assert_eq!(read > 1000, !files.is_empty());
    }
    let sql = "SELECT created_at - started_at AS wait FROM sessions";
    let error = LocalEngine::new(&scope(range(), &[])).rows(sql, Reads::default());
    assert!(chain(&error.err().unwrap()).contains("the column `wait` has the type"));
}
