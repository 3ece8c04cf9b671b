//! From a row of a report to its sessions: the query of those that the row was counted from.
//!
//! Owns which columns such a list has and its order. Must not know how a person names a row, nor how the list is
//! shown.

use jiff::Timestamp;
use jiff::civil::Date;

use super::bind::{self, Arguments, BindError};
use super::catalogue::Query;
use super::header::{Detail, Header};
use super::table::Type;
use super::{Engine, EngineError, Reads};
use crate::range::DayRange;

/// What a list of sessions tells of each: first what finds it again, then what its risk is read from.
const COLUMNS: [&str; 21] = [
    "created_at",
    "session_id",
    "inquiry_id",
    "status",
    "ip_address",
    "country_code",
    "threat_level",
    "is_vpn",
    "is_tor",
    "is_proxy",
    "is_datacenter",
    "device_id",
    "device_type",
    "os_name",
    "browser_name",
    "device_handoff_method",
    "ip_connection_type",
    "ip_isp",
    "gps_country_code",
    "started_at",
    "user_agent",
];

/// A row by its columns and their values as a program reads them; none for a value that is not known.
pub type Row = [(String, Option<String>)];

/// Sessions that cannot be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetailError {
    /// A report whose rows are no groups of sessions.
    #[error("the report `{0}` has no list of sessions behind its rows: its header has no `-- detail:` line")]
    None(String),
    /// A row that is named by other columns than it must be.
    #[error("a row of `{report}` is named by its {}, each given once", columns.join(" and its "))]
    Row {
        /// The report.
        report: String,
        /// The columns that name one of its rows.
        columns: Vec<String>,
    },
    /// A value of another type than the column's.
    #[error("`{value}` does not fit the column `{column}`, which holds {}", words(*data_type))]
    Value {
        /// The column.
        column: String,
        /// What was given.
        value: String,
        /// What the column holds.
        data_type: Type,
    },
    /// An expression of the header with a placeholder that nobody declared.
    #[error("the `-- detail:` lines of `{report}` cannot be used")]
    Bind {
        /// The report.
        report: String,
        /// What does not fit.
        #[source]
        source: BindError,
    },
    /// An expression of the header that the engine refuses.
    #[error("the sessions of a row of `{report}` cannot be found")]
    Engine {
        /// The report.
        report: String,
        /// What the engine says.
        #[source]
        source: EngineError,
    },
}

fn words(data_type: Type) -> &'static str {
    match data_type {
        Type::Integer => "whole numbers",
        Type::Number => "numbers",
        Type::Text => "text",
        Type::Boolean => "true or false",
        Type::Date => "dates such as 2026-11-20",
        Type::Timestamp => "moments such as 2026-11-20T08:30:00Z",
    }
}

/// The query whose answer is the row's sessions, newest first. The engine is asked what its columns hold, and reads
/// nothing for that.
///
/// # Errors
/// [`DetailError`].
pub fn query(of: &Query, row: &Row, engine: &dyn Engine) -> Result<Query, DetailError> {
    let details = &of.header.details;
    if details.is_empty() {
        return Err(DetailError::None(of.name.clone()));
    }
    let value = |detail: &Detail| row.iter().find(|(column, _)| *column == detail.column);
    let values = details.iter().map(value).collect::<Option<Vec<_>>>();
    let Some(values) = values.filter(|_| row.len() == details.len()) else {
        let columns = details.iter().map(|detail| detail.column.clone()).collect();
        return Err(DetailError::Row { report: of.name.clone(), columns });
    };
    let probe = probe(&of.header);
    let probe = probe.map_err(|source| DetailError::Bind { report: of.name.clone(), source })?;
    let plan = engine.plan(&probe, Reads::default());
    let plan = plan.map_err(|source| DetailError::Engine { report: of.name.clone(), source })?;
    let mut types = plan.result.iter().map(|column| column.data_type);
    let mut conditions = Vec::new();
    let mut told = Vec::new();
    for (detail, (column, value)) in details.iter().zip(values) {
        let ways = detail.expressions.iter().zip(types.by_ref());
        let ways =
            ways.map(|(expression, data_type)| condition(expression, data_type, column, value.as_deref()));
        let ways = ways.collect::<Result<Vec<_>, _>>()?;
        conditions.push(if ways.len() == 1 { ways.concat() } else { format!("({})", ways.join(" OR ")) });
        told.push(match value.as_deref() {
            None => format!("{column} is not known"),
            Some("") => format!("{column} is empty"),
            Some(value) => format!("{column} is {value}"),
        });
    }
    let header = Header {
        // An expression may name them.
        parameters: of.header.parameters.clone(),
        title: format!("{}: sessions of a row", of.header.title),
        question: format!("Which sessions are those where {}?", told.join(" and ")),
        key: vec!["session_id".to_owned()],
        // What the report did not count is not listed.
        without_trusted: of.header.without_trusted,
        ..Header::default()
    };
    let sql = format!(
        "SELECT\n  {}\nFROM sessions\nWHERE {}\nORDER BY created_at DESC NULLS LAST, session_id ASC NULLS LAST\n",
        COLUMNS.join(",\n  "),
        conditions.join("\n  AND ")
    );
    Ok(Query { name: format!("{}_sessions", of.name), header, sql, file: None })
}

/// One SELECT whose columns have the types of the header's expressions, in their order.
///
/// # Errors
/// [`BindError`] if that is not what it is, or for a placeholder that nobody declared.
pub(super) fn probe(header: &Header) -> Result<String, BindError> {
    let expressions = (1..).zip(header.details.iter().flat_map(|detail| &detail.expressions));
    let columns: Vec<String> =
        expressions.map(|(nth, expression)| format!("({expression}) AS column_{nth}")).collect();
    // Any range will do: no row is looked at.
    let any = DayRange::ending(jiff::civil::date(2000, 1, 1), 1);
    let sql = format!("SELECT {} FROM sessions", columns.join(", "));
    let sql = bind::bind(&sql, header, any, 0, &Arguments::new())?;
    bind::one_select(&sql).map(|()| sql)
}

/// That an expression of that type has a column's value.
fn condition(
    expression: &str,
    data_type: Type,
    column: &str,
    value: Option<&str>,
) -> Result<String, DetailError> {
    let Some(value) = value else { return Ok(format!("({expression}) IS NULL")) };
    let literal = literal(data_type, value).ok_or_else(|| DetailError::Value {
        column: column.to_owned(),
        value: value.to_owned(),
        data_type,
    })?;
    Ok(format!("({expression}) = {literal}"))
}

/// How a value of that type is written in SQL; none for what is no such value. Text may hold anything: a backslash is
/// one in standard SQL, and an engine that thinks otherwise has to be told.
fn literal(data_type: Type, text: &str) -> Option<String> {
    Some(match data_type {
        Type::Integer => text.parse::<i64>().ok()?.to_string(),
        Type::Number => {
            let value = text.parse().ok().filter(|value: &f64| value.is_finite())?;
            format!("CAST('{value}' AS DOUBLE)")
        }
        Type::Text => format!("'{}'", text.replace('\'', "''")),
        Type::Boolean => text.parse::<bool>().ok()?.to_string(),
        Type::Date => format!("DATE '{}'", text.parse::<Date>().ok()?),
        Type::Timestamp => {
            let moment = text.parse::<Timestamp>().ok()?;
            format!("TIMESTAMP '{}'", moment.strftime("%Y-%m-%d %H:%M:%S%.f"))
        }
    })
}
