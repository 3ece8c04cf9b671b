//! The header of a query file: comment lines that say what the query answers and what its columns mean.
//!
//! The header is the run of `--` lines at the top of the file; it ends with the first line that is none. Owns the
//! grammar and its errors, which name file and line. Must not know how a query is bound, run or shown, and of the
//! steps only their names and parameters.
//!
//! ```sql
//! -- title: Threat level by country                      required
//! -- question: Which countries send …?                   required
//! -- key: country_code, os_name                          the columns that name a row; absent: one row
//! -- rate: NAME = numerator / denominator of total       repeatable; three columns of counts
//! -- chart: bar VALUE by COLUMN                          bar or line
//! -- parameter: NAME = DEFAULT (MIN..MAX) text           repeatable; 'text' in quotes has no range
//! -- detail: COLUMN, or COLUMN = EXPRESSION              repeatable; the sessions that equal a row's are its
//! -- note: how the figures mislead                       repeatable
//! -- before: 28d                                         days read before the range: rows without `in_range`
//! -- without: trusted_networks                           sessions that the query is not to see
//! -- split: device_id                                    each row comes from the sessions of one value of it
//! -- distinct: inquiry_id, device_id                     columns whose values are told apart, whatever they are
//! -- groups: few                                         its groupings stay small however many sessions there are
//! -- then: STEP                                          what is made of the rows; key, rates and chart are over that
//! ```
//! A parameter named `min_sessions` also says under how many counted sessions a row is marked as small. A step's
//! parameters are the query's: what the header does not declare of them, the step does.

use std::fmt;

use super::Reads;
use super::steps::{Step, UnknownStep};

mod parse;

/// The name of the parameter under whose value a rate's denominator counts as small.
pub const MIN_SESSIONS: &str = "min_sessions";

/// What a query file says about itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Header {
    /// A few words, for headings.
    pub title: String,
    /// The question that the rows answer.
    pub question: String,
    /// The columns that name a row; none for a query of one row.
    pub key: Vec<String>,
    /// The rates over the query's counts, in order.
    pub rates: Vec<Rate>,
    /// What is worth drawing.
    pub chart: Option<Chart>,
    /// What can be set, in order.
    pub parameters: Vec<Parameter>,
    /// By what a row's sessions are found, all of it together; none where they are not.
    pub details: Vec<Detail>,
    /// How the figures mislead, a sentence each.
    pub notes: Vec<String>,
    /// How many days before the range the query reads.
    pub before: Option<u32>,
    /// Whether the query is not to see the sessions of trusted networks.
    pub without_trusted: bool,
    /// The column of which each row of the answer concerns one value's sessions only, so that they can be read some at
    /// a time.
    pub split: Option<String>,
    /// The columns whose values are only told apart and, under their own names, shown.
    pub distinct: Vec<String>,
    /// Whether its groupings stay small however many sessions there are, so that it can share a reading with others.
    pub few_groups: bool,
    /// What is made of the SQL's rows.
    pub then: Option<&'static Step>,
}

/// A declared share: SQL counts, the code divides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The rate's column.
    pub name: String,
    /// The column that counts what is so.
    pub numerator: String,
    /// The column that counts what was assessed.
    pub denominator: String,
    /// The column that counts all.
    pub total: String,
}

/// What a row of the result has in common with each of its sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The column of the result.
    pub column: String,
    /// What is equal to it, in SQL over the table `sessions`; null is equal to null, and one of several is enough.
    pub expressions: Vec<String>,
}

/// What a chart draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Bars or a line.
    pub kind: ChartKind,
    /// The rate or column whose size is drawn.
    pub value: String,
    /// The column that names each bar or point.
    pub by: String,
}

/// The kinds of chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartKind {
    /// One bar a row.
    Bar,
    /// One point a row, in the rows' order.
    Line,
}

/// Something a user may set.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name, without the colon.
    pub name: String,
    /// What stands in when nothing is given.
    pub default: Literal,
    /// The smallest and largest value; none for text.
    pub range: Option<(Literal, Literal)>,
    /// What it does, in words.
    pub text: String,
}

/// A value that can be bound into a query.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Literal {
    /// A whole number.
    Integer(i64),
    /// A double.
    Number(f64),
    /// Text, unquoted.
    Text(String),
}

/// A header that cannot be understood, with its file and line.
#[derive(Debug, thiserror::Error)]
#[error("{file}, line {line}")]
pub struct HeaderError {
    file: String,
    line: usize,
    #[source]
    problem: Problem,
}

/// What is wrong with a header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A comment line that is no field.
    #[error("expected `-- field: value`; other comments go below the header, after an empty line")]
    NoField,
    /// A field that the grammar does not have.
    #[error("unknown field `{0}`; known are {known}", known = FIELDS.join(", "))]
    UnknownField(String),
    /// A field given twice that may stand once.
    #[error("`{0}` is given twice")]
    Twice(&'static str),
    /// A required field is not there.
    #[error("the header has no `-- {0}:` line")]
    Missing(&'static str),
    /// A field that stands below the header.
    #[error("`-- {0}:` stands below the header, which ends with the first line that is no comment")]
    BelowHeader(String),
    /// A field without a value, or with one of the wrong form.
    #[error("`{field}` has the form `-- {form}`")]
    Form {
        /// The field.
        field: &'static str,
        /// How it is written.
        form: &'static str,
    },
    /// Two rates or two parameters of one name.
    #[error("the name `{0}` is declared twice")]
    Name(String),
    /// A default outside its own range.
    #[error("the default of `{0}` lies outside its range")]
    Default(String),
    /// A step that is none.
    #[error(transparent)]
    UnknownStep(#[from] UnknownStep),
    /// A parameter of the step that cannot be its.
    #[error(
        "the step `{step}` takes a whole number as `{parameter}`, and the header declares something else"
    )]
    StepParameter {
        /// The step.
        step: &'static str,
        /// The parameter.
        parameter: &'static str,
    },
    /// No SQL after the header.
    #[error("there is no query below the header")]
    NoQuery,
}

const FIELDS: [&str; 14] = [
    "title",
    "question",
    "key",
    "rate",
    "chart",
    "parameter",
    "detail",
    "note",
    "before",
    "without",
    "split",
    "distinct",
    "groups",
    "then",
];

impl Header {
    /// How many days before the range the query reads; 0 if none.
    pub fn days_before(&self) -> u32 {
        self.before.unwrap_or(0)
    }

    /// How the query reads the sessions.
    pub fn reads(&self) -> Reads<'_> {
        Reads { before: self.days_before(), split: self.split.as_deref(), distinct: &self.distinct }
    }

    /// The declared parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// Sends the rows through a step, whose parameters become the query's where it has not declared them itself.
    ///
    /// # Errors
    /// [`Problem::StepParameter`] if it has declared one as something else.
    pub fn go_through(&mut self, step: &'static Step) -> Result<(), Problem> {
        for setting in step.parameters {
            match self.parameter(setting.name).map(|parameter| &parameter.default) {
                Some(Literal::Integer(_)) => {}
                Some(_) => return Err(Problem::StepParameter { step: step.name, parameter: setting.name }),
                None => self.parameters.push(setting.parameter()),
            }
        }
        self.then = Some(step);
        Ok(())
    }
}

impl Parameter {
    /// Reads a value as a person types it, by the type of the default; none if it is of another type or out of range.
    pub fn read(&self, text: &str) -> Option<Literal> {
        let value = match self.default {
            Literal::Integer(_) => Literal::Integer(text.parse().ok()?),
            Literal::Number(_) => Literal::Number(text.parse().ok().filter(|value: &f64| value.is_finite())?),
            Literal::Text(_) => Literal::Text(text.to_owned()),
        };
        self.accepts(&value).then_some(value)
    }

    /// Whether the value is of the parameter's type and within its range.
    pub fn accepts(&self, value: &Literal) -> bool {
        std::mem::discriminant(value) == std::mem::discriminant(&self.default)
            && self.range.as_ref().is_none_or(|(min, max)| min <= value && value <= max)
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}
