//! What went wrong on a cluster, in a sentence: who is at fault, and the cluster's own words without plan and stack.

use std::time::Duration;

use spark_connect_core::{SparkError, SparkErrorKind};

use crate::analysis::EngineError;

/// A cluster that did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Nobody there, or nobody who speaks Spark Connect.
    #[error(
        "the Spark Connect server at {endpoint} cannot be reached ({words}): look whether it runs, whether --spark-remote names its host and port, and whether it wants use_ssl=true"
    )]
    Unreachable {
        /// Host and port.
        endpoint: String,
        /// What the connection came to.
        words: String,
    },
    /// Not for this user.
    #[error(
        "the Spark Connect server at {endpoint} refuses access ({words}): look whether the token of --spark-remote is valid, and what it is for"
    )]
    Denied {
        /// Host and port.
        endpoint: String,
        /// What the server says.
        words: String,
    },
    /// The day files.
    #[error(
        "the Spark cluster at {endpoint} cannot read the lake ({words}): --spark-lake says where it lies for the cluster, whose machines must all be able to read it"
    )]
    Lake {
        /// Host and port.
        endpoint: String,
        /// What the cluster says.
        words: String,
    },
    /// Anything else, whatever the SQL.
    #[error("the Spark cluster at {endpoint} did not finish the query ({words})")]
    Unfinished {
        /// Host and port.
        endpoint: String,
        /// What the cluster says.
        words: String,
    },
    /// An answer that is not as the protocol has it.
    #[error("what the Spark cluster at {endpoint} answered cannot be read ({words})")]
    Odd {
        /// Host and port.
        endpoint: String,
        /// What is odd.
        words: String,
    },
}

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Saying hello.
    First,
    /// Looking at the day files.
    Lake,
    /// Running the query.
    Query,
}

/// What went wrong, before it is known of which server that is told.
#[derive(Debug)]
pub(super) enum Failure {
    Spark(Stage, Box<SparkError>),
    Silent(Duration),
    Odd(String),
}

// Of gRPC's numbered statuses those that say who is at fault.
const PERMISSION_DENIED: i32 = 7;
const UNAVAILABLE: i32 = 14;
const UNAUTHENTICATED: i32 = 16;

/// The classes of SQLSTATE that blame the statement: a feature, cardinality, data, syntax or access by name.
const OF_SQL: [&str; 4] = ["0A", "21", "22", "42"];

/// The longest that a cluster's words are told.
const LONGEST: usize = 400;

impl Failure {
    pub(super) fn new(stage: Stage, error: SparkError) -> Self {
        Self::Spark(stage, Box::new(error))
    }

    /// Whether the server is not there, perhaps only for now.
    pub(super) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Spark(_, error) if error.grpc_code == Some(UNAVAILABLE))
    }

    /// Whether a day's file is not as it was when the cluster looked at it.
    pub(super) fn is_of_a_file(&self) -> bool {
        matches!(self, Self::Spark(Stage::Query, error) if is_of_a_file(error))
    }

    /// The same, told of a server.
    pub(super) fn of(self, endpoint: &str) -> EngineError {
        let endpoint = endpoint.to_owned();
        let (stage, error) = match self {
            Self::Spark(stage, error) => (stage, error),
            Self::Silent(time) => {
                let words = format!("it has not been heard of for {} seconds", time.as_secs());
                return ClusterError::Unreachable { endpoint, words }.into();
            }
            Self::Odd(words) => return ClusterError::Odd { endpoint, words }.into(),
        };
        let words = sentence(&error.message);
        match error.grpc_code {
            Some(UNAUTHENTICATED | PERMISSION_DENIED) => ClusterError::Denied { endpoint, words }.into(),
            Some(UNAVAILABLE) => ClusterError::Unreachable { endpoint, words }.into(),
            // A server of another kind, or the other kind of connection.
            _ if stage == Stage::First && error.error_class.is_empty() => {
                ClusterError::Unreachable { endpoint, words }.into()
            }
            _ if stage == Stage::Lake || is_of_a_file(&error) => {
                ClusterError::Lake { endpoint, words }.into()
            }
            _ if stage == Stage::Query && is_of_the_sql(&error) => {
                EngineError::Refused { source: words.into() }
            }
            _ => ClusterError::Unfinished { endpoint, words }.into(),
        }
    }
}

fn is_of_a_file(error: &SparkError) -> bool {
    error.error_class.starts_with("FAILED_READ_FILE") || error.message.contains("[FAILED_READ_FILE")
}

fn is_of_the_sql(error: &SparkError) -> bool {
    let told = error.message.split("SQLSTATE: ").nth(1);
    match error.sql_state.as_deref().or(told) {
        Some(state) => OF_SQL.iter().any(|class| state.starts_with(class)),
        None => matches!(error.kind, SparkErrorKind::Analysis | SparkErrorKind::Parse),
    }
}

/// The first sentence of a cluster's words: neither the class of the error nor the plan or the stack that follow, and
/// where a job was given up, its cause.
fn sentence(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.split("SQLSTATE:").next().unwrap_or_default();
    let begins_class = |at: &usize| line[at + 1..].split_once(']').is_some_and(|(name, _)| is_class(name));
    let class = line.match_indices('[').map(|(at, _)| at).rfind(begins_class);
    // What stands in brackets before everything else is a class, or the words of a status.
    let class = class.or(line.starts_with('[').then_some(0));
    let words = class.and_then(|at| line[at..].split_once(']')).map_or(line, |(_, words)| words);
    let words = words.trim().trim_end_matches(['.', ';', '(']).trim_end();
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None if words.is_empty() => "no reason was given".to_owned(),
        None => words.to_owned(),
    }
}

/// Whether this is the name of one of Spark's errors, such as `DIVIDE_BY_ZERO` or `FAILED_READ_FILE.NO_HINT`.
fn is_class(name: &str) -> bool {
    name.len() > 3 && name.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || b"_.".contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_cluster_are_cut_to_their_sentence() {
        for (said, told) in [
            (
                "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `nope` cannot be resolved. Did you mean one of the following? [`os_name`]. SQLSTATE: 42703; line 1 pos 7;\n'Project ['nope]",
                "A column with name `nope` cannot be resolved. Did you mean one of the following? [`os_name`]",
            ),
            (
                "[PARSE_SYNTAX_ERROR] Syntax error at or near end of input. SQLSTATE: 42601 (line 1, pos 7)\n\n== SQL ==",
                "Syntax error at or near end of input",
            ),
            (
                "Job aborted due to stage failure: Task 0 in stage 3.0 failed 4 times: org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:///a/b. SQLSTATE: KD001\n\tat",
                "Encountered error while reading file file:///a/b",
            ),
            ("transport error", "transport error"),
            ("[The service is currently unavailable] tcp connect error", "tcp connect error"),
            ("", "no reason was given"),
        ] {
            assert_eq!(sentence(said), told);
        }
        assert!(sentence(&"é".repeat(1000)).chars().count() <= LONGEST + 1);
    }

    #[test]
    fn who_is_at_fault_is_told_by_the_stage_and_the_state() {
        let error = |message: &str, code: i32, state: Option<&str>| SparkError {
            grpc_code: Some(code),
            sql_state: state.map(str::to_owned),
            ..SparkError::connect_msg(message)
        };
        let told = |stage, error| Failure::new(stage, error).of("host:15002").to_string();
        let internal = 13;
        for (stage, error, words) in [
            (
                Stage::First,
                error("tcp connect error", UNAVAILABLE, None),
                "cannot be reached (tcp connect error)",
            ),
            (Stage::First, error("h2 protocol error", internal, None), "cannot be reached"),
            (Stage::First, error("Invalid token", UNAUTHENTICATED, None), "refuses access (Invalid token)"),
            (
                Stage::Lake,
                error("[PATH_NOT_FOUND] Path does not exist: file:/a.", internal, Some("42K03")),
                "cannot read the lake (Path does not exist: file:/a)",
            ),
            (
                Stage::Query,
                error(
                    "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file a.",
                    internal,
                    Some("KD001"),
                ),
                "cannot read the lake",
            ),
            (
                Stage::Query,
                error("[DIVIDE_BY_ZERO] Division by zero.", internal, Some("22012")),
                "the query cannot be run",
            ),
            (
                Stage::Query,
                error("Job aborted: [CAST_INVALID_INPUT] No. SQLSTATE: 22018", internal, None),
                "the query cannot be run",
            ),
            (
                Stage::Query,
                error("Job aborted due to stage failure", internal, Some("XXKDA")),
                "did not finish the query (Job aborted",
            ),
            (Stage::Query, error("connection reset", UNAVAILABLE, None), "cannot be reached"),
        ] {
            let told = told(stage, error);
            assert!(told.contains(words), "{told}");
        }
    }
}
