//! The order of an answer's rows, apart from the SELECT that makes them.
//!
//! An answer that is put together of several, or whose ids are numbers at first, is ordered at the end. Must not know
//! why.

use polars::prelude::{DataFrame, IntoLazy, PolarsResult};
use polars::sql::SQLContext;

/// A SELECT, and what its last ORDER BY says, if that begins a line, as that of the outermost SELECT does.
pub(super) fn apart(sql: &str) -> Option<(&str, &str)> {
    Some(sql.split_at(sql.rfind("\nORDER BY")?))
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
    }
}
