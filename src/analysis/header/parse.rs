//! From a query file's text to its [`Header`]: one small parser a field.
//!
//! Must not know what the fields are used for.

use std::str::FromStr;

use crate::analysis::steps::{self, Step};

use super::{Chart, ChartKind, Detail, FIELDS, Header, HeaderError, Literal, Parameter, Problem, Rate};

const RATE: Problem = Problem::Form { field: "rate", form: "rate: NAME = numerator / denominator of total" };
const CHART: Problem = Problem::Form { field: "chart", form: "chart: bar VALUE by COLUMN" };
const PARAMETER: Problem =
    Problem::Form { field: "parameter", form: "parameter: NAME = DEFAULT (MIN..MAX) text" };
const DETAIL: Problem = Problem::Form { field: "detail", form: "detail: COLUMN, or COLUMN = EXPRESSION" };

const WITHOUT: Problem = Problem::Form { field: "without", form: "without: trusted_networks" };

/// The placeholders that are no parameters.
const RESERVED: [&str; 3] = ["since", "until", "missing_before"];

impl Header {
    /// Reads the header of a query file. `file` is what errors name.
    ///
    /// # Errors
    /// [`HeaderError`] with the line of the first thing that is not understood.
    pub fn parse(file: &str, sql: &str) -> Result<Self, HeaderError> {
        let at = |line: usize| move |problem| HeaderError { file: file.to_owned(), line, problem };
        let mut draft = Draft::default();
        let mut lines = (1..).zip(sql.lines());
        let mut last = 0;
        let mut body = false;
        for (line, text) in lines.by_ref() {
            let Some(comment) = text.trim().strip_prefix("--") else {
                body = !text.trim().is_empty();
                break;
            };
            last = line;
            draft.read(comment.trim()).map_err(at(line))?;
        }
        for (line, text) in lines {
            let text = text.trim();
            body |= !text.is_empty() && !text.starts_with("--");
            let field = text.strip_prefix("--").and_then(|comment| comment.trim().split_once(':'));
            if let Some((field, _)) = field.filter(|(field, _)| FIELDS.contains(field)) {
                return Err(at(line)(Problem::BelowHeader(field.to_owned())));
            }
        }
        if !body {
            return Err(at(last + 1)(Problem::NoQuery));
        }
        draft.finish().map_err(at(last.max(1)))
    }
}

/// A header while its lines are read.
#[derive(Default)]
struct Draft {
    title: Option<String>,
    question: Option<String>,
    key: Option<Vec<String>>,
    rates: Vec<Rate>,
    chart: Option<Chart>,
    parameters: Vec<Parameter>,
    details: Vec<Detail>,
    notes: Vec<String>,
    before: Option<u32>,
    without_trusted: Option<()>,
    split: Option<String>,
    distinct: Option<Vec<String>>,
    few_groups: Option<bool>,
    then: Option<&'static Step>,
}

impl Draft {
    fn read(&mut self, comment: &str) -> Result<(), Problem> {
        let (field, value) = comment.split_once(':').ok_or(Problem::NoField)?;
        let (field, value) = (field.trim(), value.trim());
        match field {
            "title" => once("title", &mut self.title, text("title", "title: a few words", value)?),
            "question" => {
                once("question", &mut self.question, text("question", "question: one sentence", value)?)
            }
            "key" => once("key", &mut self.key, key(value)?),
            "chart" => once("chart", &mut self.chart, chart(value).ok_or(CHART)?),
            "before" => {
                let form = Problem::Form { field: "before", form: "before: 28d" };
                once("before", &mut self.before, days(value).ok_or(form)?)
            }
            "without" if value == "trusted_networks" => once("without", &mut self.without_trusted, ()),
            "without" => Err(WITHOUT),
            "split" => {
                let form = Problem::Form { field: "split", form: "split: COLUMN" };
                once("split", &mut self.split, name(value).ok_or(form)?)
            }
            "distinct" => {
                let form = Problem::Form { field: "distinct", form: "distinct: COLUMN, COLUMN" };
                once("distinct", &mut self.distinct, names(value).ok_or(form)?)
            }
            "groups" => {
                let form = Problem::Form { field: "groups", form: "groups: few" };
                once("groups", &mut self.few_groups, (value == "few").then_some(true).ok_or(form)?)
            }
            "then" => {
                let step = name(value).ok_or(Problem::Form { field: "then", form: "then: STEP" })?;
                once("then", &mut self.then, steps::find(&step)?)
            }
            "note" => {
                self.notes.push(text("note", "note: one sentence", value)?);
                Ok(())
            }
            "rate" => {
                let rate = rate(value).ok_or(RATE)?;
                push_named(&mut self.rates, rate, |rate| &rate.name)
            }
            "parameter" => {
                let parameter = parameter(value).ok_or(PARAMETER)?;
                if !parameter.accepts(&parameter.default) {
                    return Err(Problem::Default(parameter.name));
                }
                push_named(&mut self.parameters, parameter, |parameter| &parameter.name)
            }
            "detail" => {
                let (column, expression) = detail(value).ok_or(DETAIL)?;
                match self.details.iter_mut().find(|detail| detail.column == column) {
                    Some(detail) => detail.expressions.push(expression),
                    None => self.details.push(Detail { column, expressions: vec![expression] }),
                }
                Ok(())
            }
            other => Err(Problem::UnknownField(other.to_owned())),
        }
    }

    fn finish(self) -> Result<Header, Problem> {
        let mut header = Header {
            title: self.title.ok_or(Problem::Missing("title"))?,
            question: self.question.ok_or(Problem::Missing("question"))?,
            key: self.key.unwrap_or_default(),
            rates: self.rates,
            chart: self.chart,
            parameters: self.parameters,
            details: self.details,
            notes: self.notes,
            before: self.before,
            without_trusted: self.without_trusted.is_some(),
            split: self.split,
            distinct: self.distinct.unwrap_or_default(),
            few_groups: self.few_groups.unwrap_or(false),
            then: None,
        };
        if let Some(step) = self.then {
            header.go_through(step)?;
        }
        Ok(header)
    }
}

fn once<T>(field: &'static str, slot: &mut Option<T>, value: T) -> Result<(), Problem> {
    if slot.replace(value).is_some() { Err(Problem::Twice(field)) } else { Ok(()) }
}

fn push_named<T>(list: &mut Vec<T>, item: T, name: impl Fn(&T) -> &String) -> Result<(), Problem> {
    if list.iter().any(|other| name(other) == name(&item)) {
        return Err(Problem::Name(name(&item).clone()));
    }
    list.push(item);
    Ok(())
}

fn text(field: &'static str, form: &'static str, value: &str) -> Result<String, Problem> {
    if value.is_empty() { Err(Problem::Form { field, form }) } else { Ok(value.to_owned()) }
}

fn key(value: &str) -> Result<Vec<String>, Problem> {
    names(value).ok_or(Problem::Form { field: "key", form: "key: COLUMN, COLUMN" })
}

fn names(value: &str) -> Option<Vec<String>> {
    value.split(',').map(name).collect()
}

/// A plain identifier: the names that need no quotes in any of the engines.
fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let mut chars = text.chars();
    let first = chars.next()?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (first.is_ascii_lowercase() && chars.all(plain)).then(|| text.to_owned())
}

fn rate(value: &str) -> Option<Rate> {
    let (rate, counts) = value.split_once('=')?;
    let (numerator, counts) = counts.split_once('/')?;
    let (denominator, total) = counts.split_once(" of ")?;
    Some(Rate {
        name: name(rate)?,
        numerator: name(numerator)?,
        denominator: name(denominator)?,
        total: name(total)?,
    })
}

fn detail(value: &str) -> Option<(String, String)> {
    let (column, expression) = value.split_once('=').unwrap_or((value, value));
    Some((name(column)?, expression.trim().to_owned())).filter(|(_, expression)| !expression.is_empty())
}

fn chart(value: &str) -> Option<Chart> {
    let (kind, drawn) = value.split_once(' ')?;
    let (value, by) = drawn.split_once(" by ")?;
    let kind = match kind {
        "bar" => ChartKind::Bar,
        "line" => ChartKind::Line,
        _ => return None,
    };
    Some(Chart { kind, value: name(value)?, by: name(by)? })
}

fn parameter(value: &str) -> Option<Parameter> {
    let (parameter, rest) = value.split_once('=')?;
    let name = name(parameter).filter(|name| !RESERVED.contains(&name.as_str()))?;
    let rest = rest.trim();
    if let Some(quoted) = rest.strip_prefix('\'') {
        let (default, text) = quoted.split_once('\'')?;
        let default = Literal::Text(default.to_owned());
        return Some(Parameter { name, default, range: None, text: text.trim().to_owned() });
    }
    let (default, rest) = rest.split_once('(')?;
    let (range, text) = rest.split_once(')')?;
    let (min, max) = range.split_once("..")?;
    let (default, min, max) = (number(default)?, number(min)?, number(max)?);
    // All three as doubles if one is, so that they compare.
    let (default, min, max) = match (&default, &min, &max) {
        (Literal::Integer(_), Literal::Integer(_), Literal::Integer(_)) => (default, min, max),
        _ => (default.widen(), min.widen(), max.widen()),
    };
    Some(Parameter { name, default, range: Some((min, max)), text: text.trim().to_owned() })
}

impl Literal {
    fn widen(self) -> Self {
        match self {
            Self::Integer(value) => Self::Number(value as f64),
            other => other,
        }
    }
}

fn number(text: &str) -> Option<Literal> {
    let text = text.trim();
    i64::from_str(text)
        .map(Literal::Integer)
        .ok()
        .or_else(|| f64::from_str(text).ok().filter(|value| value.is_finite()).map(Literal::Number))
}

fn days(text: &str) -> Option<u32> {
    text.strip_suffix('d')?.parse().ok().filter(|days| *days > 0)
}
