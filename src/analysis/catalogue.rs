//! The catalogue: which queries there are, by name, with the SQL and header of each.
//!
//! Owns the files of `queries/`, built into the binary, and the rule by which a user's own are added to them. Must
//! not know how queries are bound, run or shown.

use std::path::PathBuf;

use super::bind::{self, BindError};
use super::header::{Header, HeaderError};
use super::near;
use super::steps::{Setting, Step};

mod folder;

pub use folder::FolderError;

/// The built-in queries, in the order in which reports show them.
const BUILT_IN: &[(&str, &str)] = &[
    ("network_risk", include_str!("../../queries/network_risk.sql")),
    ("threat_by_country", include_str!("../../queries/threat_by_country.sql")),
    ("device_mix", include_str!("../../queries/device_mix.sql")),
    ("daily_trend", include_str!("../../queries/daily_trend.sql")),
    ("inquiries_per_address", include_str!("../../queries/inquiries_per_address.sql")),
    ("inquiries_per_device", include_str!("../../queries/inquiries_per_device.sql")),
    ("started_rate", include_str!("../../queries/started_rate.sql")),
    ("signal_coverage", include_str!("../../queries/signal_coverage.sql")),
    ("hour_of_day", include_str!("../../queries/hour_of_day.sql")),
    ("connection_types", include_str!("../../queries/connection_types.sql")),
    ("networks", include_str!("../../queries/networks.sql")),
    ("sessions_per_inquiry", include_str!("../../queries/sessions_per_inquiry.sql")),
    ("addresses_per_device", include_str!("../../queries/addresses_per_device.sql")),
    ("handoff_methods", include_str!("../../queries/handoff_methods.sql")),
    ("off_hours", include_str!("../../queries/off_hours.sql")),
    ("device_changes", include_str!("../../queries/device_changes.sql")),
    ("new_countries", include_str!("../../queries/new_countries.sql")),
    ("time_to_start", include_str!("../../queries/time_to_start.sql")),
    ("address_velocity", include_str!("../../queries/address_velocity.sql")),
    ("impossible_travel", include_str!("../../queries/impossible_travel.sql")),
    ("gps_distance", include_str!("../../queries/gps_distance.sql")),
    ("clusters", include_str!("../../queries/clusters.sql")),
    ("user_agents", include_str!("../../queries/user_agents.sql")),
    ("anomalies", include_str!("../../queries/anomalies.sql")),
];

/// The name of a query that is in no catalogue.
pub const AD_HOC: &str = "query";

/// A named question: its SQL with placeholders, and its header.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The file's name without `.sql`; a report is asked for by it.
    pub name: String,
    /// What the file says about itself.
    pub header: Header,
    /// The whole file, header included.
    pub sql: String,
    /// The user's file; none for a query that is built in or was typed.
    pub file: Option<PathBuf>,
}

impl Query {
    /// Reads one query file. `file` is what errors name.
    ///
    /// # Errors
    /// [`HeaderError`] if its header cannot be understood.
    pub fn parse(name: &str, file: &str, sql: &str) -> Result<Self, HeaderError> {
        let header = Header::parse(file, sql)?;
        Ok(Self { name: name.to_owned(), header, sql: sql.to_owned(), file: None })
    }

    /// A query as somebody typed it: one SELECT without a header, and the step that its rows go through.
    ///
    /// # Errors
    /// [`BindError`] if it is not one SELECT, or would do more than read the table `sessions`.
    pub fn ad_hoc(sql: &str, then: Option<&'static Step>) -> Result<Self, BindError> {
        bind::one_select(sql)?;
        let header = Header {
            title: "Query".to_owned(),
            question: sql.split_whitespace().collect::<Vec<_>>().join(" "),
            parameters: then.iter().flat_map(|step| step.parameters).map(Setting::parameter).collect(),
            then,
            ..Header::default()
        };
        Ok(Self { name: AD_HOC.to_owned(), header, sql: sql.to_owned(), file: None })
    }
}

/// All queries that can be asked for by name.
#[derive(Debug, Clone)]
pub struct Catalogue {
    queries: Vec<Query>,
}

/// A report that the catalogue does not have.
#[derive(Debug, thiserror::Error)]
#[error("there is no report `{name}`; {}", near::hint(near.as_deref(), known.iter().map(String::as_str)))]
pub struct UnknownReport {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: Vec<String>,
    /// What was likely meant.
    pub near: Option<String>,
}

impl Catalogue {
    /// The queries built into the binary.
    ///
    /// # Errors
    /// [`HeaderError`] if one was shipped with a header that is none.
    pub fn built_in() -> Result<Self, HeaderError> {
        let parse = |(name, sql): &(&str, &str)| Query::parse(name, &format!("queries/{name}.sql"), sql);
        Ok(Self { queries: BUILT_IN.iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// Adds a query at the end; one of the same name gives its place to it.
    fn add(&mut self, query: Query) {
        match self.queries.iter_mut().find(|old| old.name == query.name) {
            Some(old) => *old = query,
            None => self.queries.push(query),
        }
    }

    /// All queries, in order.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The queries of these names, in the order asked for and each once; all of them for no name.
    ///
    /// # Errors
    /// [`UnknownReport`] for the first name that is not there.
    pub fn select(&self, names: &[String]) -> Result<Vec<Query>, UnknownReport> {
        if names.is_empty() {
            return Ok(self.queries.clone());
        }
        let mut selected: Vec<Query> = Vec::new();
        for name in names {
            let query =
                self.queries.iter().find(|query| query.name == *name).ok_or_else(|| self.unknown(name))?;
            if selected.iter().all(|other| other.name != *name) {
                selected.push(query.clone());
            }
        }
        Ok(selected)
    }

    fn unknown(&self, name: &str) -> UnknownReport {
        let known: Vec<String> = self.queries.iter().map(|query| query.name.clone()).collect();
        let near = near::nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        UnknownReport { name: name.to_owned(), known, near }
    }
}
