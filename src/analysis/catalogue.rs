//! The catalogue: which queries there are, by name, with the SQL and header of each.
//!
//! Owns the files of `queries/`, built into the binary. Must not know how they are bound, run or shown.

use super::header::{Header, HeaderError};

/// The built-in queries, in the order in which reports show them.
const BUILT_IN: [(&str, &str); 3] = [
    ("network_risk", include_str!("../../queries/network_risk.sql")),
    ("threat_by_country", include_str!("../../queries/threat_by_country.sql")),
    ("device_mix", include_str!("../../queries/device_mix.sql")),
];

/// A named question: its SQL with placeholders, and its header.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The file's name without `.sql`; a report is asked for by it.
    pub name: String,
    /// What the file says about itself.
    pub header: Header,
    /// The whole file, header included.
    pub sql: String,
}

impl Query {
    /// Reads one query file. `file` is what errors name.
    ///
    /// # Errors
    /// [`HeaderError`] if its header cannot be understood.
    pub fn parse(name: &str, file: &str, sql: &str) -> Result<Self, HeaderError> {
        Ok(Self { name: name.to_owned(), header: Header::parse(file, sql)?, sql: sql.to_owned() })
    }
}

/// All queries that can be asked for by name.
#[derive(Debug, Clone)]
pub struct Catalogue {
    queries: Vec<Query>,
}

/// A report that the catalogue does not have.
#[derive(Debug, thiserror::Error)]
#[error("there is no report `{name}`; there are {known}", known = known.join(", "))]
pub struct UnknownReport {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: Vec<String>,
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
                self.queries.iter().find(|query| query.name == *name).ok_or_else(|| UnknownReport {
                    name: name.clone(),
                    known: self.queries.iter().map(|query| query.name.clone()).collect(),
                })?;
            if selected.iter().all(|other| other.name != *name) {
                selected.push(query.clone());
            }
        }
        Ok(selected)
    }
}
