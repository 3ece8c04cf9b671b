//! Plain SQL in Spark's spelling: where standard SQL and Spark read the same quotes differently.
//!
//! By default Spark takes a backslash in a string for an escape and double quotes for another kind of string. Settings
//! of a session could change both, but not every cluster lets a client set them.

use crate::analysis::bind::{self, BindError};

/// The statement with the meaning that it has for the other engines.
///
/// # Errors
/// [`BindError`] if it is not one SELECT that only reads.
pub(super) fn of_spark(sql: &str) -> Result<String, BindError> {
    bind::one_select(sql)?;
    let mut spelled = String::with_capacity(sql.len() + 64);
    let mut last = "";
    for token in bind::tokens(sql) {
        let text = token?.text;
        match text.chars().next() {
            // Spark's own way to say that a backslash is one.
            Some('\'') if !last.eq_ignore_ascii_case("r") => {
                spelled.push_str(&string(&unquoted(text, '\'')));
            }
            Some('"') => {
                let name = unquoted(text, '"').replace('`', "``");
                spelled.extend(["`", &name, "`"]);
            }
            _ => spelled.push_str(text),
        }
        last = text;
    }
    Ok(spelled)
}

/// A text as Spark's SQL has it.
pub(super) fn string(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// What stands between the quotes; a doubled one stands for itself.
fn unquoted(text: &str, quote: char) -> String {
    let inner = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)).unwrap_or_default();
    inner.replace(&format!("{quote}{quote}"), &quote.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn strings_and_names_keep_the_meaning_that_they_have_in_plain_sql() {
        for (plain, spark) in [
            ("SELECT 'a' FROM sessions", "SELECT 'a' FROM sessions"),
            ("SELECT 'it''s' FROM s", r"SELECT 'it\'s' FROM s"),
            ("SELECT '' FROM s", "SELECT '' FROM s"),
            ("SELECT '''' FROM s", r"SELECT '\'' FROM s"),
            (r"SELECT 'a\b\' FROM s", r"SELECT 'a\\b\\' FROM s"),
            (r"SELECT '\''' FROM s", r"SELECT '\\\'' FROM s"),
            (r"SELECT r'\d' FROM s", r"SELECT r'\d' FROM s"),
            (r#"SELECT "a b", "c""d`e" FROM s"#, r#"SELECT `a b`, `c"d``e` FROM s"#),
            (r#"SELECT '"' AS `"`"#, r#"SELECT '"' AS `"`"#),
            ("SELECT 1 -- \"it''s\" \\", "SELECT 1 -- \"it''s\" \\"),
            ("SELECT a::date, 'é\u{1b}日本' /* '\"' */", "SELECT a::date, 'é\u{1b}日本' /* '\"' */"),
        ] {
            assert_eq!(of_spark(plain).unwrap(), spark);
        }
    }

    #[test]
    fn what_does_more_than_read_is_refused() {
        for sql in
            ["DROP TABLE sessions", "SELECT 1; SELECT 2", "SELECT * FROM read_parquet('a')", "SET a = 1"]
        {
            assert!(of_spark(sql).is_err(), "{sql}");
        }
    }
}
