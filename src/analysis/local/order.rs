//! The order of an answer's rows, apart from the SELECT that makes them.
//!
//! An answer that is put together of several, or whose ids are numbers at first, is ordered at the end. Must not know
//! why.

use polars::prelude::{DataFrame, IntoLazy, PolarsResult};
use polars::sql::SQLContext;

use crate::analysis::bind::tokens;

/// A SELECT, and what its own ORDER BY says, if that begins a line.
pub(super) fn apart(sql: &str) -> Option<(&str, &str)> {
    let (mut depth, mut at, mut order) = (0, 0, None);
    for token in tokens(sql) {
        let text = token.ok()?.text;
        match text {
            "(" => depth += 1,
            ")" => depth -= 1,
            "ORDER" if depth == 0 && sql[..at].ends_with('\n') => order = Some(at - 1),
            _ => {}
        }
        at += text.len();
    }
    Some(sql.split_at(order?))
}

/// Whether the order of the statement's rows has no say in which rows there are.
pub(super) fn is_idle(sql: &str) -> bool {
    let words = tokens(sql).filter_map(Result::ok).map(|token| token.text.to_ascii_uppercase());
    // With an ON behind it, DISTINCT keeps the first of each.
    let words: Vec<String> = words.filter(|word| !word.trim().is_empty()).collect();
    let cuts = |word: &String| ["LIMIT", "OFFSET", "FETCH"].contains(&word.as_str());
    !words.iter().any(cuts) && !words.windows(2).any(|pair| pair[0] == "DISTINCT" && pair[1] == "ON")
}

/// The rows in an order over their own columns.
pub(super) fn ordered(answer: DataFrame, order: &str) -> PolarsResult<DataFrame> {
    let mut context = SQLContext::new();
    context.register("answer", answer.lazy());
    context.execute(&format!("SELECT * FROM answer{order}"))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_order_of_the_outermost_select_counts() {
        let sql = "WITH a AS (\n  SELECT x\n  ORDER BY x\n)\nSELECT *\nFROM a\nORDER BY y DESC, x";
        let select = "WITH a AS (\n  SELECT x\n  ORDER BY x\n)\nSELECT *\nFROM a";
        assert_eq!(apart(sql), Some((select, "\nORDER BY y DESC, x")));
        assert_eq!(apart("SELECT x FROM sessions ORDER BY x"), None);
        assert_eq!(apart("SELECT *\nFROM (\n  SELECT x\nORDER BY COALESCE(x, 1)\n) AS a"), None);
        assert_eq!(apart("SELECT '\nORDER BY x' AS y\nFROM sessions"), None);
        assert!(apart("SELECT x\nFROM sessions\nORDER BY REPLACE(x, ')', '(') -- :)").is_some());
    }

    #[test]
    fn an_order_that_says_which_rows_there_are_is_not_idle() {
        assert!(is_idle("SELECT DISTINCT x\nFROM sessions AS a\nJOIN b ON a.x = b.x\nORDER BY 'limit', x"));
        for sql in [
            "SELECT x\nFROM sessions\nORDER BY COALESCE(x, 1)limit 3",
            "SELECT x\nFROM sessions\nORDER BY x OFFSET 1",
            "SELECT DISTINCT ON (x) x\nFROM sessions\nORDER BY x, y",
        ] {
            assert!(!is_idle(sql), "{sql}");
        }
    }
}
