//! The order of an answer's rows, apart from the SELECT that makes them.
//!
//! An answer that is put together of several, or whose ids are numbers at first, is ordered at the end. Must not know
//! why.

use polars::prelude::{DataFrame, IntoLazy, PolarsResult};
use polars::sql::SQLContext;

/// A SELECT, and what its last ORDER BY says, if that begins a line and is that of the outermost SELECT.
pub(super) fn apart(sql: &str) -> Option<(&str, &str)> {
    let apart = sql.split_at(sql.rfind("\nORDER BY")?);
    is_outermost(apart.1).then_some(apart)
}

/// Whether the end of a statement closes no parenthesis that it does not open.
fn is_outermost(end: &str) -> bool {
    let deeper = |depth: i32, c: char| match c {
        '(' => Some(depth + 1),
        ')' => Some(depth - 1).filter(|depth| *depth >= 0),
        _ => Some(depth),
    };
    end.chars().try_fold(0, deeper).is_some()
}

/// Whether it says how rows are ordered, and not also which of them there are.
pub(super) fn only(order: &str) -> bool {
    let cuts = |word: &str| ["LIMIT", "OFFSET", "FETCH"].iter().any(|cut| word.eq_ignore_ascii_case(cut));
    !order.split_whitespace().any(cuts)
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
        assert!(apart("SELECT x\nFROM sessions\nORDER BY COALESCE(x, (1))").is_some());
        assert!(
            only("\nORDER BY y DESC, x") && !only("\nORDER BY x\nlimit 3") && !only("\nORDER BY x OFFSET 1")
        );
    }
}
