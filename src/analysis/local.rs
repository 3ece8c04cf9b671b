//! The local engine: polars SQL, streaming over exactly the day files it is given. The only polars.
//!
//! Owns the table `sessions` as SQL sees it: the declared columns, timestamps as naive UTC, `created_date`,
//! `in_range`. Must not know what the queries ask.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::DataType as ArrowType;
use jiff::civil::Date;
use polars::io::HiveOptions;
use polars::prelude::{
    DataFrame, DataType, Engine as PolarsEngine, Field, IntoLazy, LazyFrame, OptFlags, PlRefPath,
    PolarsError, PolarsResult, ScanArgsParquet, Schema, TimeUnit, TimeZone, col, lit,
};
use polars::sql::SQLContext;

use self::numbers::Coded;
use self::shares::Values;
use super::rows::Rows;
use super::table::Table;
use super::trusted::Part;
use super::{DayFile, Engine, EngineError, Plan, Reads, Scope, bind, near};
use crate::range::DayRange;
use crate::session::schema;

mod convert;
mod frame;
mod numbers;
mod order;
mod part;
mod shares;

/// Four bytes at both ends of every Parquet file.
const MAGIC: &[u8; 4] = b"PAR1";

/// The column of the days.
const DATE: &str = "created_date";

/// How many bytes of day files a query that can be split reads at a time: some eleven million sessions.
const SHARE_BYTES: u64 = 1280 << 20;

/// Polars over the day files of a range, and over those before it for queries that look back.
#[derive(Debug, Clone)]
pub struct LocalEngine {
    files: Vec<PathBuf>,
    range: DayRange,
    before: Vec<DayFile>,
    /// The sessions that are meant; none means all.
    part: Option<Part>,
    share_bytes: u64,
    most_rows: usize,
}

/// What one query reads of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reading {
    files: Vec<PathBuf>,
    /// The first day of the range, where there may be rows before it.
    since: Option<Date>,
    /// The part of the sessions that is meant; none means all.
    part: Option<Part>,
    /// The values whose sessions are meant; none means all.
    values: Option<Values>,
    /// The columns that have numbers in place of their values.
    distinct: Vec<String>,
}

impl LocalEngine {
    /// An engine whose table `sessions` is the rows of the scope's files; no file at all is an empty table.
    pub fn new(scope: &Scope) -> Self {
        // What polars thinks of a query's style is not for whoever reads the report.
        polars::error::set_warning_function(|words, _| tracing::debug!("{words}"));
        Self {
            files: scope.files.iter().map(|file| file.path.clone()).collect(),
            range: scope.range,
            before: scope.before.files.clone(),
            part: None,
            share_bytes: SHARE_BYTES,
            most_rows: usize::MAX,
        }
    }

    /// The same, but of an answer's rows only the first are given: a table of all may be larger than what was read. What
    /// goes through a step is not cut.
    #[must_use]
    pub fn giving_at_most(self, rows: usize) -> Self {
        Self { most_rows: rows, ..self }
    }

    /// The same, but a query that can be split reads so many bytes of day files at a time.
    #[must_use]
    pub fn in_shares_of(self, bytes: u64) -> Self {
        Self { share_bytes: bytes, ..self }
    }

    /// An engine over no day file: what it is for is planning.
    pub fn without_files() -> Self {
        Self {
            files: Vec::new(),
            range: DayRange::ending(jiff::civil::date(2000, 1, 1), 1),
            before: Vec::new(),
            part: None,
            share_bytes: SHARE_BYTES,
            most_rows: usize::MAX,
        }
    }

    fn reading(&self, reads: Reads<'_>) -> Reading {
        let (part, distinct) = (self.part.clone(), reads.distinct.to_vec());
        let Some(stretch) = self.range.before(reads.before) else {
            return Reading { files: self.files.clone(), since: None, part, values: None, distinct };
        };
        let before = self.before.iter().filter(|file| stretch.contains(file.date));
        let files = before.map(|file| file.path.clone()).chain(self.files.iter().cloned());
        Reading { files: files.collect(), since: Some(self.range.since()), part, values: None, distinct }
    }
}

impl Engine for LocalEngine {
    fn query(&self, sql: &str, reads: Reads<'_>) -> Result<Table, EngineError> {
        convert::table(&self.collect(sql, reads, true)?.frame, self.most_rows)
    }

    fn rows(&self, sql: &str, reads: Reads<'_>) -> Result<Box<dyn Rows>, EngineError> {
        // No step minds the order of its rows.
        Ok(Box::new(frame::Frame::new(self.collect(sql, reads, false)?)?))
    }

    fn queries(&self, sqls: &[&str], reads: Reads<'_>) -> Vec<Result<Table, EngineError>> {
        let reading = self.reading(reads);
        let is_fit =
            |sql: &&str| checked(sql).is_ok() && (reads.distinct.is_empty() || order::apart(sql).is_some());
        let can_share = sqls.len() > 1 && sqls.iter().all(is_fit);
        match can_share.then(|| guarded(|| collect_all(&reading, sqls))) {
            Some(Ok(Ok(frames))) => {
                frames.iter().map(|frame| convert::table(frame, self.most_rows)).collect()
            }
            // By itself, the one that is at fault says what is wrong, and the others are answered.
            _ => sqls.iter().map(|sql| self.query(sql, reads)).collect(),
        }
    }

    fn over(&self, part: &Part) -> Box<dyn Engine> {
        Box::new(Self { part: Some(part.clone()), ..self.clone() })
    }

    fn plan(&self, sql: &str, reads: Reads<'_>) -> Result<Plan, EngineError> {
        checked(sql)?;
        let reading = self.reading(reads);
        let schema = || {
            let schema = planned(&reading, sql)?.collect_schema()?;
            numbers::restored(schema.as_ref().clone(), &reading.distinct)
        };
        numbers::check(reads.distinct)?;
        let planned = guarded(|| Ok((columns_read(&reading, sql)?, schema()?)))?;
        let (columns, schema) = planned.map_err(|error| reading.refused(sql, error))?;
        Ok(Plan { columns, result: convert::columns(&schema)? })
    }
}

impl LocalEngine {
    /// The answer; without its order its ids are places among their texts.
    fn collect(&self, sql: &str, reads: Reads<'_>, ordered: bool) -> Result<Coded, EngineError> {
        checked(sql)?;
        reads.split.map_or(Ok(()), shares::check)?;
        numbers::check(reads.distinct)?;
        let reading = self.reading(reads);
        let shares = match reads.split {
            Some(column) if !reading.files.is_empty() => shares::cut(&reading, column, self.share_bytes),
            _ => vec![reading.clone()],
        };
        let is_whole = shares.len() == 1 && reading.distinct.is_empty();
        let ordered = ordered || !order::is_idle(sql);
        let Some((select, order)) = order::apart(sql).filter(|_| !(is_whole && ordered)) else {
            // Neither answers of shares nor numbers in place of ids could be put in order.
            let reading = Reading { distinct: Vec::new(), ..reading };
            return reading.answered(sql, || Ok(run(&reading, sql)?.into()));
        };
        let answer = || {
            let answers = shares.iter().map(|share| collect(share, select));
            let answer = shares::together(answers.collect::<PolarsResult<_>>()?)?;
            if ordered {
                return finished(&reading, answer, order).map(Coded::from);
            }
            Coded::of(answer, &reading.distinct, || sessions(&reading))
        };
        reading.answered(sql, || guarded(answer)?.map_err(|error| reading.refused(sql, error)))
    }
}

impl Reading {
    /// The answer of a query that reads these files, or the best word for why there is none.
    fn answered(
        &self,
        sql: &str,
        run: impl FnOnce() -> Result<Coded, EngineError>,
    ) -> Result<Coded, EngineError> {
        for file in &self.files {
            check_ends(file)?;
        }
        match run() {
            Err(error) if self.files.is_empty() => Err(error),
            Err(error) => Err(self.blame(sql, error)),
            done => done,
        }
    }

    /// What polars says; or, if it says so because of the numbers, that the query must not look at what they stand for.
    fn refused(&self, sql: &str, error: PolarsError) -> EngineError {
        let plans = |reading: &Self| planned(reading, sql).and_then(|mut plan| plan.collect_schema()).is_ok();
        if !plans(self) && plans(&Self { distinct: Vec::new(), ..self.clone() }) {
            let distinct = self.distinct.join(", ");
            let words = format!(
                "the header declares {distinct} as `distinct`, and the query looks at what one is: {error}"
            );
            return EngineError::Refused { source: words.into() };
        }
        refused(error)
    }

    /// Polars does not always say which file it tripped on: the first that cannot be read by itself, in the columns
    /// that the query reads. If each can, the query is at fault.
    fn blame(&self, sql: &str, error: EngineError) -> EngineError {
        let Ok(Ok(columns)) = guarded(|| columns_read(self, sql)) else { return error };
        let mut counts = vec!["COUNT(*) AS every_row".to_owned()];
        counts.extend(columns.iter().map(|name| format!("COUNT(\"{name}\") AS \"{name}\"")));
        let probe = format!("SELECT {} FROM sessions", counts.join(", "));
        for path in &self.files {
            let alone = Self { files: vec![path.clone()], ..self.clone() };
            if let Err(cause) = run(&alone, &probe) {
                return EngineError::File { path: path.clone(), source: Box::new(cause) };
            }
        }
        error
    }
}

fn checked(sql: &str) -> Result<(), EngineError> {
    bind::one_select(sql).map_err(|source| EngineError::Refused { source: Box::new(source) })
}

/// What polars says, without the plan and the columns that it lists at length, and with a column that was meant.
fn refused(source: PolarsError) -> EngineError {
    let words = source.to_string();
    let words = words.split("\n\nResolved plan").next().unwrap_or_default();
    let Some((said, _)) = words.split_once("; valid columns:") else {
        return EngineError::Refused { source: words.into() };
    };
    let declared = declared();
    let known = declared.iter_names().map(|name| name.as_str());
    let near = said.split('"').nth(1).and_then(|typed| near::nearest(typed, known));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    EngineError::Refused { source: format!("{said}{hint}").into() }
}

fn run(reading: &Reading, sql: &str) -> Result<DataFrame, EngineError> {
    guarded(|| collect(reading, sql))?.map_err(refused)
}

/// Does the work on a thread of its own, where a panic of the engine ends that thread only.
pub(super) fn guarded<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, EngineError> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("analysis".into())
            // The SQL parser and planner recurse: deep queries need a deep stack.
            .stack_size(64 << 20)
            .spawn_scoped(scope, work)
            .map_err(|source| EngineError::Failed { source: Box::new(source) })?
            .join()
            .map_err(|panic| EngineError::Panicked { message: panic_text(panic.as_ref()) })
    })
}

fn collect(reading: &Reading, sql: &str) -> PolarsResult<DataFrame> {
    let planned = planned(reading, sql)?;
    // A join waits for one side: what both sides read would pile up for the other, so that each reads by itself, but
    // for numbers, which are small.
    let shares = !reading.distinct.is_empty() || !joins(&planned)?;
    let planned = planned.with_comm_subplan_elim(shares);
    // One SELECT has one result; only sinks have several.
    Ok(planned.collect_with_engine(PolarsEngine::Streaming)?.unwrap_single())
}

/// Whether anything is joined.
fn joins(planned: &LazyFrame) -> PolarsResult<bool> {
    let plan = planned.clone().to_alp()?;
    let mut nodes = vec![plan.lp_top];
    while let Some(node) = nodes.pop() {
        let step = plan.lp_arena.get(node);
        if step.name() == "join" {
            return Ok(true);
        }
        nodes.extend(step.get_inputs().iter().copied());
    }
    Ok(false)
}

/// The answers of several queries, for which each column of the sessions is read once.
fn collect_all(reading: &Reading, sqls: &[&str]) -> PolarsResult<Vec<DataFrame>> {
    let apart = |sql| order::apart(sql).filter(|_| !reading.distinct.is_empty());
    let (selects, orders): (Vec<_>, Vec<_>) = sqls
        .iter()
        .map(|sql| apart(sql).map_or((*sql, None), |(select, order)| (select, Some(order))))
        .unzip();
    let plans = selects.iter().map(|select| Ok(planned(reading, select)?.logical_plan));
    let plans = plans.collect::<PolarsResult<Vec<_>>>()?;
    let answers = LazyFrame::collect_all_with_engine(plans, PolarsEngine::Streaming, OptFlags::default())?;
    let finished = |(answer, order)| match order {
        Some(order) => finished(reading, answer, order),
        None => Ok(answer),
    };
    answers.into_iter().zip(orders).map(finished).collect()
}

/// An answer with its texts, in its order.
fn finished(reading: &Reading, answer: DataFrame, order: &str) -> PolarsResult<DataFrame> {
    order::ordered(Coded::of(answer, &reading.distinct, || sessions(reading))?.in_full()?, order)
}

fn planned(reading: &Reading, sql: &str) -> PolarsResult<LazyFrame> {
    let mut context = SQLContext::new();
    let filters = [reading.values.as_ref().map(Values::filter), reading.part.as_ref().map(part::filter)];
    let sessions = filters.into_iter().flatten().fold(sessions(reading)?, LazyFrame::filter);
    let sessions =
        sessions.with_columns(reading.distinct.iter().map(|it| numbers::instead_of(it)).collect::<Vec<_>>());
    context.register("sessions", sessions);
    context.execute(sql)
}

/// The declared columns that the optimised plan's scans give, in the files' order.
fn columns_read(reading: &Reading, sql: &str) -> PolarsResult<Vec<String>> {
    let plan = planned(reading, sql)?.to_alp_optimized()?;
    let mut read = HashSet::new();
    let mut nodes = vec![plan.lp_top];
    while let Some(node) = nodes.pop() {
        let step = plan.lp_arena.get(node);
        let inputs = step.get_inputs();
        if inputs.is_empty() {
            read.extend(step.schema(&plan.lp_arena).iter_names().cloned());
        }
        nodes.extend(inputs.iter().copied());
    }
    Ok(declared().iter_names().filter(|name| read.contains(*name)).map(ToString::to_string).collect())
}

/// The table `sessions`: the files' columns as declared, every moment as naive UTC, `created_date` and `in_range`.
fn sessions(reading: &Reading) -> PolarsResult<LazyFrame> {
    let declared = declared();
    let files = &reading.files;
    let scan = if files.is_empty() {
        DataFrame::empty_with_schema(&declared).lazy()
    } else {
        let paths =
            files.iter().map(|path| PlRefPath::try_from_path(path)).collect::<PolarsResult<Vec<_>>>()?;
        let args = ScanArgsParquet {
            schema: Some(Arc::new(declared.clone())),
            // Day files of an older schema lack the newer columns.
            allow_missing_columns: true,
            glob: false,
            cache: false,
            hive_options: HiveOptions::new_disabled(),
            ..ScanArgsParquet::default()
        };
        LazyFrame::scan_parquet_files(paths.into(), args)?
    };
    let naive = DataType::Datetime(TimeUnit::Milliseconds, None);
    let mut moments: Vec<_> = declared
        .iter()
        .filter(|(_, data_type)| matches!(data_type, DataType::Datetime(..)))
        .map(|(name, _)| col(name.clone()).cast(naive.clone()))
        .collect();
    // A day file holds the sessions whose `created_at` lies on that UTC date: the path says nothing more, and a
    // lake below a folder that looks like `key=value` would confuse a reader of paths.
    let date = col("created_at").cast(naive.clone()).cast(DataType::Date);
    let in_range = match reading.since {
        None => lit(true),
        Some(since) => date.clone().gt_eq(lit(days_since_epoch(since)).cast(DataType::Date)),
    };
    moments.extend([date.alias(DATE), in_range.alias("in_range")]);
    Ok(scan.with_columns(moments))
}

fn days_since_epoch(date: Date) -> i32 {
    jiff::civil::date(1970, 1, 1).until(date).map_or(i32::MAX, |span| span.get_days())
}

/// The day files' columns in polars' types.
fn declared() -> Schema {
    let fields = schema::schema();
    fields
        .fields()
        .iter()
        .map(|field| {
            let data_type = match field.data_type() {
                ArrowType::Boolean => DataType::Boolean,
                ArrowType::Float64 => DataType::Float64,
                ArrowType::Timestamp(..) => DataType::Datetime(TimeUnit::Milliseconds, Some(TimeZone::UTC)),
                _ => DataType::String,
            };
            Field::new(field.name().as_str().into(), data_type)
        })
        .collect()
}

/// Tells a file that is gone, cut off or no Parquet apart before the engine trips on it.
fn check_ends(path: &Path) -> Result<(), EngineError> {
    let ends = || -> std::io::Result<bool> {
        let mut file = File::open(path)?;
        let mut head = [0; 4];
        let mut tail = [0; 4];
        // The shortest Parquet file: magic, footer length, magic.
        if file.metadata()?.len() < 12 {
            return Ok(false);
        }
        file.read_exact(&mut head)?;
        file.seek(SeekFrom::End(-4))?;
        file.read_exact(&mut tail)?;
        Ok(&head == MAGIC && &tail == MAGIC)
    };
    match ends() {
        Ok(true) => Ok(()),
        Ok(false) => Err(EngineError::NotParquet { path: path.to_owned() }),
        Err(source) => Err(EngineError::File { path: path.to_owned(), source: Box::new(source) }),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_engine_is_an_error_with_its_words() {
        let error = guarded(|| -> () { panic!("index {} out of bounds", 3) }).unwrap_err();
        assert_eq!(error.to_string(), "the query engine broke off: index 3 out of bounds");
    }

    #[test]
    fn only_the_columns_that_are_asked_for_are_read() {
        let file = PathBuf::from("/nowhere/created_date=2026-11-20/sessions.parquet");
        let query = "SELECT EXTRACT(HOUR FROM created_at) AS hour, COUNT(is_vpn) FROM sessions GROUP BY 1";
        let reading =
            Reading { files: vec![file], since: None, part: None, values: None, distinct: Vec::new() };
        let plan = planned(&reading, query).unwrap().explain(true).unwrap();
        assert!(plan.contains("PROJECT 2/41 COLUMNS"), "{plan}");
        assert_eq!(columns_read(&reading, query).unwrap(), ["created_at", "is_vpn"]);
    }
}
