//! Binding: `:since`, `:until`, `:missing_before` and `:parameter` in a query become typed literals.
//!
//! A small tokenizer knows where SQL's strings, quoted names, comments and `::` casts are, so that nothing inside
//! them is touched and no value can break out of its place. Must not know what the query asks nor who runs it.

use std::collections::BTreeMap;

use crate::range::DayRange;

use super::header::{Header, Literal, Parameter};

/// Values for a query's parameters by name; what is not given keeps its default.
pub type Arguments = BTreeMap<String, Literal>;

/// A query that cannot be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A placeholder that is neither declared nor one of the range.
    #[error("line {line} of the query uses `:{name}`, which its header does not declare as a parameter")]
    Undeclared {
        /// The placeholder.
        name: String,
        /// The line in the file, from 1.
        line: usize,
    },
    /// A value for a parameter that the query does not have.
    #[error("the query has no parameter `{0}`")]
    Unknown(String),
    /// A value of another type than the default's, or out of range.
    #[error("`{value}` does not fit the parameter `{name}`{range}")]
    Unfit {
        /// The parameter.
        name: String,
        /// What was given.
        value: String,
        /// Its range in words, or nothing.
        range: String,
    },
    /// Text that the engines would read differently.
    #[error("the text for `{0}` holds a backslash or a control character, which engines read differently")]
    Text(String),
    /// A string, quoted name or comment that does not end.
    #[error("line {line} of the query begins {what} that does not end")]
    Open {
        /// What was begun.
        what: &'static str,
        /// The line in the file, from 1.
        line: usize,
    },
    /// Something other than one SELECT.
    #[error("only one statement is run, and it must begin with SELECT or WITH")]
    NotOneSelect,
    /// A word that makes a statement write.
    #[error("only a SELECT is run, and `{0}` writes; a column of that name needs double quotes")]
    Writes(String),
    /// A function that opens files of its own.
    #[error("`{0}` would read another file; a query reads the table sessions only")]
    Reads(String),
}

/// Words that stand in no SELECT but in statements that write, wherever in a statement they may stand.
const WRITING: [&str; 5] = ["insert", "update", "delete", "merge", "into"];
/// What the names of the engines' functions that open files begin with.
const OPENING: [&str; 3] = ["read_", "scan_", "parquet_"];

/// Reads values as people type them, for those parameters that the header declares; the others are left out.
///
/// # Errors
/// [`BindError::Unfit`] for a value of another type than the default's, or out of range.
pub fn read(header: &Header, given: &[(String, String)]) -> Result<Arguments, BindError> {
    let declared = given.iter().filter_map(|(name, text)| Some((header.parameter(name)?, text)));
    let value = |(parameter, text): (&Parameter, &String)| {
        let value = parameter.read(text).ok_or_else(|| unfit(parameter, text.clone()))?;
        Ok((parameter.name.clone(), value))
    };
    declared.map(value).collect()
}

fn unfit(parameter: &Parameter, value: String) -> BindError {
    let range = match (&parameter.range, &parameter.default) {
        (Some((min, max)), Literal::Integer(_)) => format!(" (a whole number, {min}..{max})"),
        (Some((min, max)), _) => format!(" (a number, {min}..{max})"),
        (None, _) => String::new(),
    };
    BindError::Unfit { name: parameter.name.clone(), value, range }
}

/// The query with the range's days and every parameter in place: plain SQL for any of the engines. A query that looks
/// back may also ask how many of the days before the range are missing from what it reads.
///
/// # Errors
/// [`BindError`] for a placeholder or an argument without its counterpart, or a value out of range.
pub fn bind(
    sql: &str,
    header: &Header,
    range: DayRange,
    missing_before: usize,
    given: &Arguments,
) -> Result<String, BindError> {
    let mut literals = BTreeMap::from([
        ("since", format!("DATE '{}'", range.since())),
        ("until", format!("DATE '{}'", range.until())),
    ]);
    if header.before.is_some() {
        literals.insert("missing_before", missing_before.to_string());
    }
    for parameter in &header.parameters {
        let value = given.get(&parameter.name).unwrap_or(&parameter.default);
        if !parameter.accepts(value) {
            return Err(unfit(parameter, value.to_string()));
        }
        literals.insert(&parameter.name, literal(&parameter.name, value)?);
    }
    if let Some(name) = given.keys().find(|name| header.parameter(name).is_none()) {
        return Err(BindError::Unknown(name.clone()));
    }
    let mut bound = String::with_capacity(sql.len() + 64);
    for token in tokens(sql) {
        let token = token?;
        match token.kind {
            Kind::Placeholder => {
                let name = &token.text[1..];
                let value = literals.get(name).ok_or_else(|| BindError::Undeclared {
                    name: name.to_owned(),
                    line: line_at(sql, token.start),
                })?;
                bound.push_str(value);
            }
            _ => bound.push_str(token.text),
        }
    }
    Ok(bound)
}

/// Checks that the text is one statement and one that only reads, and nothing but the table `sessions`.
///
/// # Errors
/// [`BindError::NotOneSelect`], [`BindError::Writes`], [`BindError::Reads`], or [`BindError::Open`] where a string
/// or comment does not end.
pub fn one_select(sql: &str) -> Result<(), BindError> {
    let mut code = Vec::new();
    for token in tokens(sql) {
        let token = token?;
        if !matches!(token.kind, Kind::Comment | Kind::Space) {
            code.push(token.text);
        }
    }
    let ended = code.iter().position(|text| *text == ";").unwrap_or(code.len());
    let first = code.iter().take(ended).find(|text| **text != "(").copied().unwrap_or_default();
    let reads = first.eq_ignore_ascii_case("select") || first.eq_ignore_ascii_case("with");
    if !reads || code[ended..].iter().any(|text| *text != ";") {
        return Err(BindError::NotOneSelect);
    }
    if let Some(word) = code.iter().find(|text| WRITING.iter().any(|word| text.eq_ignore_ascii_case(word))) {
        return Err(BindError::Writes((*word).to_owned()));
    }
    // A quoted name calls a function too.
    let opens = |text: &str| {
        let name = text.trim_matches(['"', '`']).to_ascii_lowercase();
        OPENING.iter().any(|begin| name.starts_with(begin))
    };
    match code.windows(2).find(|pair| pair[1] == "(" && opens(pair[0])) {
        Some(call) => Err(BindError::Reads(call[0].to_owned())),
        None => Ok(()),
    }
}

/// How a value is written in SQL. A double is cast from text: a bare decimal point makes a Decimal in Spark.
fn literal(name: &str, value: &Literal) -> Result<String, BindError> {
    match value {
        Literal::Integer(value) => Ok(value.to_string()),
        Literal::Number(value) => Ok(format!("CAST('{value}' AS DOUBLE)")),
        Literal::Text(value) if value.contains(|c: char| c == '\\' || c.is_control()) => {
            Err(BindError::Text(name.to_owned()))
        }
        Literal::Text(value) => Ok(format!("'{}'", value.replace('\'', "''"))),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Comment,
    /// A string, a quoted name, a word, a number or one other character.
    Code,
    Placeholder,
}

/// A piece of SQL: all of them together are its text.
pub(super) struct Token<'a> {
    kind: Kind,
    start: usize,
    pub(super) text: &'a str,
}

pub(super) fn tokens(sql: &str) -> impl Iterator<Item = Result<Token<'_>, BindError>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = &sql[start..];
        let first = rest.chars().next()?;
        let (kind, length) = match token(rest, first) {
            Ok(found) => found,
            Err(what) => {
                let error = BindError::Open { what, line: line_at(sql, start) };
                start = sql.len();
                return Some(Err(error));
            }
        };
        let token = Token { kind, start, text: &rest[..length] };
        start += length;
        Some(Ok(token))
    })
}

/// The kind and length in bytes of the token that `rest` begins with; what it begins if that does not end.
fn token(rest: &str, first: char) -> Result<(Kind, usize), &'static str> {
    let run = |wanted: fn(char) -> bool| rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    let after = |prefix: &str| rest[prefix.len()..].chars().next();
    Ok(match first {
        '\'' => (Kind::Code, quoted(rest, '\'').ok_or("a string")?),
        '"' | '`' => (Kind::Code, quoted(rest, first).ok_or("a quoted name")?),
        '-' if rest.starts_with("--") => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => (Kind::Comment, block_comment(rest).ok_or("a comment")?),
        ':' if rest.starts_with("::") => (Kind::Code, 2),
        ':' if after(":").is_some_and(starts_word) => {
            (Kind::Placeholder, 1 + rest[1..].find(|c| !in_word(c)).unwrap_or(rest.len() - 1))
        }
        c if c.is_whitespace() => (Kind::Space, run(char::is_whitespace)),
        c if in_word(c) => (Kind::Code, run(in_word)),
        c => (Kind::Code, c.len_utf8()),
    })
}

fn starts_word(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a quoted run; a doubled quote stands for itself.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// The length of a block comment; they nest, as in the engines.
fn block_comment(rest: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        if tail.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if tail.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    None
}

fn line_at(sql: &str, at: usize) -> usize {
    1 + sql[..at].matches('\n').count()
}
