//! From the text of a threshold to its [`Condition`].
//!
//! ```text
//! REPORT.COLUMN > NUMBER
//! REPORT[KEY, KEY].COLUMN <= NUMBER min LEAST
//! ```
//! A key stands as it is, or in single or double quotes where it holds a comma, a bracket, a quote or a blank at its
//! end; `null` without quotes is the row whose key is not known.

use std::str::FromStr;

use super::{Condition, Operator};

/// A threshold that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected {expected} {}; a threshold has the form REPORT.COLUMN > NUMBER or REPORT[KEY].COLUMN > NUMBER, with `min LEAST` after it if wanted",
    before(found)
)]
pub struct ConditionError {
    /// What should have stood there.
    expected: &'static str,
    /// What stands there instead.
    found: String,
}

fn before(found: &str) -> String {
    if found.is_empty() { "at the end".to_owned() } else { format!("before `{found}`") }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let mut rest = Rest(text.trim());
        let report = rest.name("a report's name")?;
        let key = if rest.takes("[") { rest.keys()? } else { Vec::new() };
        rest.must("`.` and a column", ".")?;
        let column = rest.name("a column")?;
        let operator = rest.operator()?;
        let limit = rest.word().parse().ok().filter(|limit: &f64| limit.is_finite());
        let limit = limit.ok_or_else(|| rest.error("a number, such as 0.2,"))?;
        rest.skip_word();
        let min = if rest.takes("min ") { Some(rest.least()?) } else { None };
        if !rest.0.is_empty() {
            return Err(rest.error("nothing more, or `min LEAST`,"));
        }
        Ok(Self { text: text.trim().to_owned(), report, key, column, operator, limit, min })
    }
}

/// What is not read yet, without blanks before it.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn error(&self, expected: &'static str) -> ConditionError {
        ConditionError { expected, found: self.0.to_owned() }
    }

    fn skip(&mut self, bytes: usize) {
        self.0 = self.0[bytes..].trim_start();
    }

    /// Whether this stands there, and then goes past it.
    fn takes(&mut self, wanted: &str) -> bool {
        let stands = self.0.starts_with(wanted);
        if stands {
            self.skip(wanted.len());
        }
        stands
    }

    fn must(&mut self, expected: &'static str, wanted: &str) -> Result<(), ConditionError> {
        if self.takes(wanted) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// A plain name, as reports and columns have it.
    fn name(&mut self, expected: &'static str) -> Result<String, ConditionError> {
        let end = self.0.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.0.len());
        if end == 0 {
            return Err(self.error(expected));
        }
        let name = self.0[..end].to_owned();
        self.skip(end);
        Ok(name)
    }

    /// The keys up to the closing bracket.
    fn keys(&mut self) -> Result<Vec<Option<String>>, ConditionError> {
        let mut keys = Vec::new();
        loop {
            keys.push(self.key()?);
            if self.takes("]") {
                return Ok(keys);
            }
            self.must("`,` or `]`", ",")?;
        }
    }

    fn key(&mut self) -> Result<Option<String>, ConditionError> {
        if let Some(quote) = self.0.chars().next().filter(|c| ['\'', '"'].contains(c)) {
            return self.quoted(quote).map(Some);
        }
        let end = self.0.find([',', ']']).unwrap_or(self.0.len());
        let key = self.0[..end].trim_end().to_owned();
        if key.is_empty() {
            return Err(self.error("a key, or '' for the empty text,"));
        }
        self.skip(end);
        Ok((key != "null").then_some(key))
    }

    /// Text in quotes; a doubled quote stands for itself.
    fn quoted(&mut self, quote: char) -> Result<String, ConditionError> {
        let mut key = String::new();
        let mut chars = self.0.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            if c != quote {
                key.push(c);
            } else if chars.next_if(|(_, next)| *next == quote).is_some() {
                key.push(quote);
            } else {
                self.skip(at + 1);
                return Ok(key);
            }
        }
        Err(ConditionError { expected: "the quote to be closed", found: String::new() })
    }

    fn operator(&mut self) -> Result<Operator, ConditionError> {
        const SIGNS: [(&str, Operator); 4] = [
            (">=", Operator::OverOrAt),
            ("<=", Operator::UnderOrAt),
            (">", Operator::Over),
            ("<", Operator::Under),
        ];
        let found = SIGNS.into_iter().find(|(sign, _)| self.0.starts_with(sign));
        let (sign, operator) = found.ok_or_else(|| self.error("one of > >= < <="))?;
        self.skip(sign.len());
        Ok(operator)
    }

    /// What stands there up to the next blank.
    fn word(&self) -> &'a str {
        self.0.split(char::is_whitespace).next().unwrap_or_default()
    }

    fn skip_word(&mut self) {
        self.skip(self.word().len());
    }

    fn least(&mut self) -> Result<i64, ConditionError> {
        let least = self.word().parse().ok().filter(|least| *least > 0);
        let least = least.ok_or_else(|| self.error("a whole number over 0"))?;
        self.skip_word();
        Ok(least)
    }
}
