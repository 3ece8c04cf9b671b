//! The analysis: questions of the catalogue, asked of the lake's day files, answered as plain tables.
//!
//! A query's header is read ([`header`]), its placeholders are bound ([`bind`]), an [`Engine`] runs it, its rows go
//! through a step if it names one ([`steps`]), and its rates are computed ([`rate`]). Two answers can be compared
//! ([`compare`]). Must not know how the day files came to be, nor how an answer is shown.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::path::PathBuf;

use jiff::civil::Date;

pub mod bind;
pub mod catalogue;
pub mod compare;
pub mod detail;
pub mod figure;
pub mod header;
pub mod local;
pub(crate) mod near;
pub mod rate;
pub mod rows;
mod scope;
#[cfg(feature = "spark")]
pub mod spark;
pub mod steps;
pub mod table;
pub mod threshold;
pub mod trusted;

use bind::{Arguments, BindError};
use catalogue::Query;
use compare::Compared;
use header::Literal;
use rate::RateError;
use rows::Rows;
pub use scope::{Before, DayFile, Scope};
use steps::{Days, Outcome, StepError};
use table::{Column, Table};
use trusted::{LeftOut, Network, Part, Side};

/// What an engine would do for a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The columns of the day files that it would read, in the files' order.
    pub columns: Vec<String>,
    /// The columns of the answer, in order.
    pub result: Vec<Column>,
}

/// How a query reads the sessions, as its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Reads<'a> {
    /// So many days before the range besides.
    pub before: u32,
    /// The column of which each row of the answer comes from the sessions of one value: an engine whose memory is small
    /// may take some of the values at a time. The query ends with an ORDER BY over columns of its own.
    pub split: Option<&'a str>,
    /// The columns whose values are only told apart and, under their own names, shown: an engine may work with numbers
    /// in their place. The query ends as one that is split does.
    pub distinct: &'a [String],
}

/// Something that runs SQL over a table `sessions`: the days of a range and, for a query that looks back, so many days
/// before it. Its column `in_range` says of each row which of the two it is of.
pub trait Engine {
    /// Runs one bound SELECT.
    ///
    /// # Errors
    /// [`EngineError`]; a panic of the engine is one too.
    fn query(&self, sql: &str, reads: Reads<'_>) -> Result<Table, EngineError>;

    /// Runs one bound SELECT whose rows are only read, and may be too many for a [`Table`].
    ///
    /// # Errors
    /// As [`Engine::query`].
    fn rows(&self, sql: &str, reads: Reads<'_>) -> Result<Box<dyn Rows>, EngineError> {
        Ok(Box::new(self.query(sql, reads)?))
    }

    /// Runs several bound SELECTs of few groups that read alike: an engine may read the sessions once for all of them.
    ///
    /// # Errors
    /// Each its own, as [`Engine::query`].
    fn queries(&self, sqls: &[&str], reads: Reads<'_>) -> Vec<Result<Table, EngineError>> {
        sqls.iter().map(|sql| self.query(sql, reads)).collect()
    }

    /// The same engine, whose table `sessions` is a part of all sessions.
    fn over(&self, part: &Part) -> Box<dyn Engine>;

    /// Plans one bound SELECT without reading a file.
    ///
    /// # Errors
    /// [`EngineError::Refused`] if it could not be run.
    fn plan(&self, sql: &str, reads: Reads<'_>) -> Result<Plan, EngineError>;
}

/// An engine's own error, kept as a cause.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// What went wrong in an engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The SQL itself.
    #[error("the query cannot be run")]
    Refused {
        /// What the engine says.
        #[source]
        source: Cause,
    },
    /// The engine, whatever the SQL.
    #[error("the query engine could not be started")]
    Failed {
        /// What the system says.
        #[source]
        source: Cause,
    },
    /// A day file that is no Parquet file or only the beginning of one.
    #[error("{} is not a whole Parquet file: it was cut off, or is something else", path.display())]
    NotParquet {
        /// The file.
        path: PathBuf,
    },
    /// A day file that cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system or the engine says.
        #[source]
        source: Cause,
    },
    /// A panic inside the engine.
    #[error("the query engine broke off: {message}")]
    Panicked {
        /// The panic's words.
        message: String,
    },
    /// A Spark cluster.
    #[cfg(feature = "spark")]
    #[error(transparent)]
    Cluster(#[from] spark::ClusterError),
    /// A result column that a report cannot hold.
    #[error("the column `{column}` has the type {found}; cast it to a number, text, a date or a timestamp")]
    Type {
        /// The column.
        column: String,
        /// Its type, in the engine's words.
        found: String,
    },
    /// A value too large to hold.
    #[error("the column `{column}` holds a value outside the range of its type")]
    Range {
        /// The column.
        column: String,
    },
}

/// A report that could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// Its placeholders.
    #[error("the report `{report}` could not be put together")]
    Bind {
        /// The report.
        report: String,
        /// What does not fit.
        #[source]
        source: BindError,
    },
    /// Its run.
    #[error("the report `{report}` could not be computed")]
    Engine {
        /// The report.
        report: String,
        /// What the engine says.
        #[source]
        source: EngineError,
    },
    /// Its step.
    #[error("the rows of the report `{report}` cannot be taken further")]
    Step {
        /// The report.
        report: String,
        /// Which step and column.
        #[source]
        source: StepError,
    },
    /// Its rates.
    #[error("the header of the report `{report}` does not fit its rows")]
    Rate {
        /// The report.
        report: String,
        /// Which rate and column.
        #[source]
        source: RateError,
    },
    /// Its key, chart or detail.
    #[error("the report `{report}` names the {role} column `{column}`, which the result does not have")]
    Column {
        /// The report.
        report: String,
        /// What the column is for.
        role: &'static str,
        /// The column.
        column: String,
    },
    /// A column in the way of a comparison.
    #[error("the report `{report}` has a column `{column}`, as a comparison would add; give it another name")]
    Taken {
        /// The report.
        report: String,
        /// The column.
        column: String,
    },
}

impl AnalysisError {
    /// Whether the query is at fault or the values it was given, and not a file or the engine.
    pub fn is_about_the_query(&self) -> bool {
        match self {
            Self::Engine { source, .. } => {
                matches!(source, EngineError::Refused { .. } | EngineError::Type { .. })
            }
            Self::Bind { .. }
            | Self::Step { .. }
            | Self::Rate { .. }
            | Self::Column { .. }
            | Self::Taken { .. } => true,
        }
    }
}

/// What a report would run and read.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What is asked.
    pub query: Query,
    /// The parameters' values.
    pub parameters: BTreeMap<String, Literal>,
    /// The SQL with everything bound, without the header.
    pub sql: String,
    /// The days before the range that it looks back to and that are not complete.
    pub missing_before: Vec<Date>,
    /// The networks whose sessions it would not see.
    pub without: Vec<Network>,
    /// What the engine would do.
    pub plan: Plan,
}

/// A report's rows with their meaning.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked.
    pub query: Query,
    /// The parameters' values in this run.
    pub parameters: BTreeMap<String, Literal>,
    /// The query's columns or those of its step, then four a rate; where it was compared, three more a rate and the
    /// state.
    pub table: Table,
    /// The days before the range that the query looks back to and that are not complete.
    pub missing_before: Vec<Date>,
    /// What of the range it did not see as its network is trusted, if it leaves any network out.
    pub left_out: Option<LeftOut>,
    /// What the query's step has to say beside its table, a sentence each.
    pub said: Vec<String>,
    /// What it was compared with, if it was.
    pub compared: Option<Compared>,
}

impl Answer {
    /// Under how many assessed sessions a row is small, if the query says.
    pub fn min_sessions(&self) -> Option<i64> {
        match self.parameters.get(header::MIN_SESSIONS) {
            Some(Literal::Integer(least)) => Some(*least),
            _ => None,
        }
    }

    /// How many rows the window has of its own: those after them are an earlier window's alone.
    pub fn own_rows(&self) -> usize {
        self.compared.as_ref().map_or(self.table.rows.len(), |compared| compared.own)
    }

    /// Whether one of the row's rates rests on too few assessed sessions.
    pub fn is_small(&self, row: usize) -> bool {
        self.min_sessions().is_some_and(|least| {
            let assessed = |rate: &header::Rate| self.table.value(row, &rate.denominator).as_integer();
            self.query.header.rates.iter().filter_map(assessed).any(|assessed| assessed < least)
        })
    }
}

/// Asks one question of an engine, sends the rows through the query's step and computes its rates.
///
/// # Errors
/// [`AnalysisError`], which names the report and what does not fit.
pub fn answer(
    query: &Query,
    scope: &Scope,
    given: &Arguments,
    engine: &dyn Engine,
) -> Result<Answer, AnalysisError> {
    Question::new(query, scope, given)?.ask(engine)
}

/// Asks several questions of an engine: those of few groups together, so that the sessions are read once for them,
/// and each of the others by itself, so that their memory does not add up.
///
/// # Errors
/// [`AnalysisError`] of the first that cannot be answered.
pub fn answers(
    asked: &[(&Query, &Arguments)],
    scope: &Scope,
    engine: &dyn Engine,
) -> Result<Vec<Answer>, AnalysisError> {
    let questions = asked.iter().map(|(query, given)| Question::new(query, scope, given));
    let questions = questions.collect::<Result<Vec<_>, _>>()?;
    let mut small: BTreeMap<Reads<'_>, Vec<usize>> = BTreeMap::new();
    for (place, question) in questions.iter().enumerate().filter(|(_, question)| question.has_few_groups()) {
        small.entry(question.query.header.reads()).or_default().push(place);
    }
    let mut tables: BTreeMap<usize, Table> = BTreeMap::new();
    for (reads, places) in small {
        let sqls: Vec<&str> = places.iter().map(|place| questions[*place].sql.as_str()).collect();
        for (place, table) in places.into_iter().zip(engine.queries(&sqls, reads)) {
            tables.insert(place, table.map_err(|source| questions[place].of_engine(source))?);
        }
    }
    let answered = |(place, question): (usize, Question<'_>)| match tables.remove(&place) {
        Some(table) => question.answered(table.into(), None),
        None => question.ask(engine),
    };
    questions.into_iter().enumerate().map(answered).collect()
}

/// A query with everything bound.
struct Question<'a> {
    query: &'a Query,
    scope: &'a Scope,
    sql: String,
    parameters: BTreeMap<String, Literal>,
    missing_before: Vec<Date>,
}

impl<'a> Question<'a> {
    fn new(query: &'a Query, scope: &'a Scope, given: &Arguments) -> Result<Self, AnalysisError> {
        let missing_before = scope.before(query.header.days_before()).missing;
        let bound = bind::bind(&query.sql, &query.header, scope.range, missing_before.len(), given);
        let sql = bound.map_err(|source| AnalysisError::Bind { report: query.name.clone(), source })?;
        let value = |parameter: &header::Parameter| {
            let value = given.get(&parameter.name).unwrap_or(&parameter.default);
            (parameter.name.clone(), value.clone())
        };
        let parameters = query.header.parameters.iter().map(value).collect();
        Ok(Self { query, scope, sql, parameters, missing_before })
    }

    /// Whether it can be asked together with others: their rows are plain, and from all sessions.
    fn has_few_groups(&self) -> bool {
        self.query.header.few_groups && self.query.header.then.is_none() && !self.leaves_out()
    }

    /// Whether it does not see the sessions of trusted networks.
    fn leaves_out(&self) -> bool {
        self.query.header.without_trusted && !self.scope.trusted.is_empty()
    }

    /// An engine that does not see them.
    fn others(&self, engine: &dyn Engine) -> Option<Box<dyn Engine>> {
        self.leaves_out().then(|| engine.over(&self.scope.trusted.part(Side::Others)))
    }

    fn of_engine(&self, source: EngineError) -> AnalysisError {
        AnalysisError::Engine { report: self.query.name.clone(), source }
    }

    fn ask(self, engine: &dyn Engine) -> Result<Answer, AnalysisError> {
        let others = self.others(engine);
        let left_out = others.as_ref().map(|_| self.scope.trusted.count(self.scope.range, engine));
        let left_out = left_out.transpose().map_err(|source| self.of_engine(source))?;
        let outcome = self.outcome(others.as_deref().unwrap_or(engine))?;
        self.answered(outcome, left_out)
    }

    /// The rows of the SQL, or those of its step.
    fn outcome(&self, engine: &dyn Engine) -> Result<Outcome, AnalysisError> {
        let header = &self.query.header;
        let Some(step) = header.then else {
            let table = engine.query(&self.sql, header.reads());
            return table.map(Outcome::from).map_err(|source| self.of_engine(source));
        };
        let rows = engine.rows(&self.sql, header.reads()).map_err(|source| self.of_engine(source))?;
        let whole = |name: &str| match self.parameters.get(name) {
            Some(Literal::Integer(value)) => Some(*value),
            _ => None,
        };
        let incomplete = self.missing_before.iter().chain(&self.scope.missing).copied().collect();
        let outcome = step.run(&*rows, &Days { range: self.scope.range, incomplete }, whole);
        outcome.map_err(|source| AnalysisError::Step { report: self.query.name.clone(), source })
    }

    /// Computes the rates, and checks that what the header names is there.
    fn answered(self, outcome: Outcome, left_out: Option<LeftOut>) -> Result<Answer, AnalysisError> {
        let Outcome { mut table, said } = outcome;
        let header = &self.query.header;
        let report = || self.query.name.clone();
        rate::append(&mut table, &header.rates)
            .map_err(|source| AnalysisError::Rate { report: report(), source })?;
        let key = header.key.iter().map(|column| ("key", column));
        let details = header.details.iter().map(|detail| ("detail", &detail.column));
        let chart = header.chart.iter().flat_map(|chart| [("chart", &chart.value), ("chart", &chart.by)]);
        if let Some((role, column)) =
            key.chain(chart).chain(details).find(|(_, column)| table.position(column).is_none())
        {
            return Err(AnalysisError::Column { report: report(), role, column: column.clone() });
        }
        let Self { query, parameters, missing_before, .. } = self;
        Ok(Answer { parameters, query: query.clone(), table, missing_before, left_out, said, compared: None })
    }
}

/// Says what a question would run and read, without running it.
///
/// # Errors
/// [`AnalysisError`], which names the report and what does not fit.
pub fn explain(
    query: &Query,
    scope: &Scope,
    given: &Arguments,
    engine: &dyn Engine,
) -> Result<Explanation, AnalysisError> {
    let question = Question::new(query, scope, given)?;
    let others = question.others(engine);
    let without = if others.is_some() { scope.trusted.networks().to_vec() } else { Vec::new() };
    let plan = others.as_deref().unwrap_or(engine).plan(&question.sql, query.header.reads());
    let plan = plan.map_err(|source| question.of_engine(source))?;
    let Question { sql, parameters, missing_before, .. } = question;
    let is_comment = |line: &&str| line.trim().is_empty() || line.trim().starts_with("--");
    let sql = sql.lines().skip_while(is_comment).collect::<Vec<_>>().join("\n");
    Ok(Explanation { query: query.clone(), parameters, sql, missing_before, without, plan })
}
