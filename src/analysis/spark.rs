//! The Spark engine: the same SQL on a cluster, through Spark Connect. The only spark_connect.
//!
//! The table `sessions` is exactly the day files of a scope, by the paths that the cluster has for them. What a query
//! would do is planned by the local engine, which reads no file for that. Must not know what the queries ask.

use std::sync::Arc;

use super::local::LocalEngine;
use super::rows::Rows;
use super::table::Table;
use super::trusted::Part;
use super::{DayFile, Engine, EngineError, Plan, Reads, Scope};
use crate::range::DayRange;

mod cluster;
mod convert;
mod dialect;
mod part;
mod reading;
mod remote;
mod session;
mod words;

pub use cluster::Cluster;
pub use remote::{Remote, RemoteError};
pub use words::ClusterError;

use reading::Reading;

/// A cluster over the day files of a range, and over those before it for queries that look back.
#[derive(Debug, Clone)]
pub struct SparkEngine {
    cluster: Arc<Cluster>,
    files: Vec<DayFile>,
    range: DayRange,
    before: Vec<DayFile>,
    /// The sessions that are meant; none means all.
    part: Option<Part>,
    most_rows: usize,
    planner: LocalEngine,
}

impl SparkEngine {
    /// An engine whose table `sessions` is the rows of the scope's files, whose paths are those that the cluster knows
    /// them by; no file at all is an empty table.
    pub fn new(cluster: &Arc<Cluster>, scope: &Scope) -> Self {
        Self {
            cluster: Arc::clone(cluster),
            files: scope.files.clone(),
            range: scope.range,
            before: scope.before.files.clone(),
            part: None,
            most_rows: usize::MAX,
            planner: LocalEngine::without_files(),
        }
    }

    /// The same, but of an answer's rows only the first are given. What goes through a step is not cut.
    #[must_use]
    pub fn giving_at_most(self, rows: usize) -> Self {
        Self { most_rows: rows, ..self }
    }

    fn reading(&self, before: u32) -> Reading {
        let stretch = self.range.before(before);
        let is_in = |file: &&DayFile| stretch.is_some_and(|stretch| stretch.contains(file.date));
        let files = self.before.iter().filter(is_in).chain(&self.files);
        let since = stretch.map(|_| self.range.since());
        Reading::new(files.map(|file| &*file.path), since, self.part.clone())
    }

    /// A cluster takes memory as it needs it and can tell apart whatever it reads: neither the split of a query nor what
    /// is only told apart in it is made use of.
    fn answer(&self, sql: &str, reads: Reads<'_>, most_rows: usize) -> Result<Table, EngineError> {
        let translated = dialect::of_spark(sql);
        let translated = translated.map_err(|source| EngineError::Refused { source: Box::new(source) })?;
        // What the local engine cannot plan may well run on a cluster.
        let known = self.planner.plan(sql, reads).map(|plan| plan.result).unwrap_or_default();
        let streams = self.cluster.ask(&self.reading(reads.before), &translated)?;
        convert::table(&streams, &known, most_rows, |error| self.cluster.odd(error.to_string()))
    }
}

impl Engine for SparkEngine {
    fn query(&self, sql: &str, reads: Reads<'_>) -> Result<Table, EngineError> {
        self.answer(sql, reads, self.most_rows)
    }

    fn rows(&self, sql: &str, reads: Reads<'_>) -> Result<Box<dyn Rows>, EngineError> {
        Ok(Box::new(self.answer(sql, reads, usize::MAX)?))
    }

    fn over(&self, part: &Part) -> Box<dyn Engine> {
        Box::new(Self { part: Some(part.clone()), ..self.clone() })
    }

    fn plan(&self, sql: &str, reads: Reads<'_>) -> Result<Plan, EngineError> {
        self.planner.plan(sql, reads)
    }
}
