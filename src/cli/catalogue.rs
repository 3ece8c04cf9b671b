//! Which queries there are and what their parameters are: `--queries` and `--param`, for every command that asks.
//!
//! Must not know the lake, the range of days nor how an answer looks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use crate::analysis::bind::{self, Arguments, BindError};
use crate::analysis::catalogue::{Catalogue, FolderError, Query, UnknownReport};
use crate::analysis::detail::DetailError;
use crate::analysis::header::HeaderError;
use crate::analysis::steps::{self, UnknownStep};

/// The flags that say what can be asked.
#[derive(Debug, Clone, Args)]
pub struct CatalogueArgs {
    /// Set a parameter of the reports that have it; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_parameter, help_heading = "Queries")]
    pub param: Vec<(String, String)>,

    /// A folder with .sql files of your own: more reports, or others in place of built-in ones of the same name
    #[arg(long, value_name = "DIR", help_heading = "Queries")]
    pub queries: Option<PathBuf>,
}

/// A question that cannot be put.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// A name that the catalogue does not have.
    #[error(transparent)]
    UnknownReport(#[from] UnknownReport),
    /// A built-in query whose header is none.
    #[error("the catalogue cannot be read")]
    BuiltIn(#[from] HeaderError),
    /// The user's own folder of queries.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A step that is none.
    #[error(transparent)]
    UnknownStep(#[from] UnknownStep),
    /// A step for a report, which has its own or none.
    #[error(
        "--then is for SQL that is typed, and `{0}` is a report; what becomes of its rows says its header"
    )]
    StepOfReport(String),
    /// SQL that is not one SELECT, or would do more than read.
    #[error("the query cannot be run")]
    Sql(#[source] BindError),
    /// A row whose sessions cannot be listed.
    #[error(transparent)]
    Detail(#[from] DetailError),
    /// A value that does not fit a parameter.
    #[error("the report `{report}` cannot be given this parameter")]
    Value {
        /// The report.
        report: String,
        /// What does not fit.
        #[source]
        source: BindError,
    },
    /// A parameter that none of the reports has.
    #[error("--param {name}: {}", whose(asked, known))]
    UnknownParameter {
        /// The parameter.
        name: String,
        /// What was asked.
        asked: Vec<String>,
        /// The parameters that these reports have.
        known: Vec<String>,
    },
}

fn whose(asked: &[String], known: &[String]) -> String {
    let asked = match asked {
        [one] => format!("the report `{one}` has no such parameter"),
        _ => "none of the reports has such a parameter".to_owned(),
    };
    if known.is_empty() { asked } else { format!("{asked}; there are {}", known.join(", ")) }
}

impl CatalogueArgs {
    /// The built-in queries, and the user's own where a folder is named.
    ///
    /// # Errors
    /// [`AskError::Folder`] if that cannot be used.
    pub fn catalogue(&self) -> Result<Catalogue, AskError> {
        let mut catalogue = Catalogue::built_in()?;
        if let Some(folder) = &self.queries {
            catalogue.add_folder(folder)?;
        }
        Ok(catalogue)
    }

    /// The query of that name, or the one that the text itself is: whatever is more than a word is SQL, whose rows
    /// can go through a step.
    ///
    /// # Errors
    /// [`AskError`] if the catalogue does not have it, it is not one SELECT that only reads, or there is no such step.
    pub fn query(&self, asked: &str, then: Option<&str>) -> Result<Query, AskError> {
        let asked = asked.trim();
        let step = then.map(steps::find).transpose()?;
        if !asked.is_empty() && asked.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c)) {
            let mut found = self.catalogue()?.select(&[asked.to_owned()])?;
            if let Some(query) = found.pop() {
                return if step.is_some() { Err(AskError::StepOfReport(query.name)) } else { Ok(query) };
            }
        }
        Query::ad_hoc(asked, step).map_err(AskError::Sql)
    }

    /// The given parameters' values for each of the queries, by its name. Each must be one of theirs; a later value
    /// counts before an earlier.
    ///
    /// # Errors
    /// [`AskError::UnknownParameter`] or [`AskError::Value`].
    pub fn arguments(&self, queries: &[Query]) -> Result<BTreeMap<String, Arguments>, AskError> {
        let has = |name: &str| queries.iter().any(|query| query.header.parameter(name).is_some());
        if let Some((name, _)) = self.param.iter().find(|(name, _)| !has(name)) {
            let parameters = queries.iter().flat_map(|query| &query.header.parameters);
            let mut known: Vec<String> = parameters.map(|parameter| parameter.name.clone()).collect();
            known.sort();
            known.dedup();
            let asked = queries.iter().map(|query| query.name.clone()).collect();
            return Err(AskError::UnknownParameter { name: name.clone(), asked, known });
        }
        let arguments = |query: &Query| {
            let read = bind::read(&query.header, &self.param);
            let read = read.map_err(|source| AskError::Value { report: query.name.clone(), source })?;
            Ok((query.name.clone(), read))
        };
        queries.iter().map(arguments).collect()
    }
}

/// No parameter.
#[derive(Debug, thiserror::Error)]
#[error("it is not of the form NAME=VALUE, such as min_sessions=50")]
struct NoParameter;

fn parse_parameter(text: &str) -> Result<(String, String), NoParameter> {
    let (name, value) = text.split_once('=').ok_or(NoParameter)?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() { Err(NoParameter) } else { Ok((name.to_owned(), value.to_owned())) }
}
