use session_risk::analysis::header::Rate;
use session_risk::analysis::rate::{append, wilson};
use session_risk::analysis::table::{Column, Table, Type, Value};

use super::chain;

#[test]
fn wilsons_interval_is_that_of_newcombe_1998_table_i_method_3() {
    // R. G. Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven methods",
    // Statistics in Medicine 17 (1998), 857-872, Table I, method 3 (score, no continuity correction).
    for (hits, trials, low, high) in
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
    {
        let share = wilson(hits, trials).unwrap();
        assert!(
            (share.low - low).abs() < 5e-5 && (share.high - high).abs() < 5e-5,
            "{hits}/{trials}: {share:?}"
        );
    }
}

#[test]
fn nothing_of_nothing_has_no_rate_and_the_ends_are_exact() {
    assert_eq!(wilson(0, 0), None);
    assert_eq!(wilson(0, 7).unwrap().low, 0.0);
    assert_eq!(wilson(7, 7).unwrap().high, 1.0);
    for trials in [1, 2, 10, 1000, 10_000_000] {
        for hits in [0, 1, trials / 2, trials - 1, trials] {
            let share = wilson(hits, trials).unwrap();
            assert!(
                0.0 <= share.low && share.low <= share.rate && share.rate <= share.high && share.high <= 1.0
            );
        }
    }
}

fn table(rows: &[[Option<i64>; 3]]) -> Table {
    let columns = ["hits", "known", "all"].map(|name| Column::new(name, Type::Integer)).to_vec();
    Table { columns, rows: rows.iter().map(|row| row.map(Value::from).to_vec()).collect(), left_out: 0 }
}

fn rate(numerator: &str) -> [Rate; 1] {
    let (name, denominator, total) = ("hit_rate".into(), "known".into(), "all".into());
    [Rate { name, numerator: numerator.into(), denominator, total }]
}

#[test]
fn a_rate_adds_four_columns_and_is_null_over_zero_and_over_null() {
    let mut table =
        table(&[[Some(1), Some(4), Some(10)], [Some(0), Some(0), Some(3)], [None, Some(4), Some(10)]]);
    append(&mut table, &rate("hits")).unwrap();
    let names: Vec<&str> = table.columns[3..].iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["hit_rate", "hit_rate_low", "hit_rate_high", "hit_rate_unknown"]);
    assert_eq!(table.value(0, "hit_rate"), &Value::Number(0.25));
    assert_eq!(table.value(0, "hit_rate_unknown"), &Value::Integer(6));
    assert_eq!(table.rows[1][3..], [Value::Null, Value::Null, Value::Null, Value::Integer(3)]);
    assert_eq!(table.rows[2][3..], [Value::Null, Value::Null, Value::Null, Value::Null]);
}

#[test]
fn a_rate_that_does_not_fit_the_result_is_an_error_that_names_both() {
    let good = table(&[[Some(1), Some(4), Some(10)]]);
    let error = append(&mut good.clone(), &rate("hts")).unwrap_err();
    assert_eq!(chain(&error), "the rate `hit_rate` needs the column `hts`, which the result does not have");
    let mut text = good.clone();
    text.columns[0].data_type = Type::Text;
    let error = append(&mut text, &rate("hits")).unwrap_err();
    assert!(chain(&error).contains("the column `hits` holds the type text"), "{error}");
    let mut taken = good.clone();
    taken.columns[2].name = "hit_rate_low".into();
    taken.columns[1].name = "all".into();
    let mut over = rate("hits");
    over[0].denominator = "all".into();
    let error = append(&mut taken, &over).unwrap_err();
    assert!(chain(&error).contains("would add the column `hit_rate_low`"), "{error}");
    for impossible in [[5, 4, 10], [-1, 4, 10], [1, 11, 10]] {
        let error = append(&mut table(&[impossible.map(Some)]), &rate("hits")).unwrap_err();
        assert!(chain(&error).contains("in row 1 counts"), "{error}");
    }
}
