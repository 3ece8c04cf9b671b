//! Why a walk through the API ended before its last page.

use std::time::Duration;

use super::page::BodyError;

/// Why no further page could be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] reqwest::Error),
    /// 401 or 403.
    #[error("the API refused the key with {status}{}: {hint}", said(detail), hint = refusal_hint(*status))]
    Refused {
        /// 401 or 403.
        status: u16,
        /// The API's own words.
        detail: String,
    },
    /// 400, 404 or another answer that no retry will change.
    #[error("the API answered {status} to {what}{}: {hint}", said(detail), hint = request_hint(*status))]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// What was asked for.
        what: String,
        /// The API's own words.
        detail: String,
    },
    /// A redirect, which is never followed.
    #[error(
        "the API at {host} answered with a redirect ({status}), which is not followed so that the key stays where you sent it; check --base-url"
    )]
    Redirect {
        /// The host that was asked.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// 429 `Quota exceeded`: waiting for the next window does not help.
    #[error(
        "the API's quota is used up ({detail}); what was fetched is kept, run again when the quota is renewed"
    )]
    Quota {
        /// The API's own words.
        detail: String,
    },
    /// Never once an answer from this address.
    #[error(
        "no API could be reached at {host} ({attempts} attempts): {last}; check --base-url and the network"
    )]
    Unreachable {
        /// The host that was asked.
        host: String,
        /// How often.
        attempts: u32,
        /// What the last attempt met.
        #[source]
        last: Attempt,
    },
    /// One page failed too often.
    #[error(
        "gave up on {what} after {failures} failures in {elapsed:.0?}, the last: {last}; what was fetched is kept, run again to go on"
    )]
    GaveUp {
        /// What was asked for.
        what: String,
        /// How many attempts failed in a row.
        failures: u32,
        /// Since the first of them.
        elapsed: Duration,
        /// What the last attempt met.
        #[source]
        last: Attempt,
    },
    /// The client has sent as many requests as it may.
    #[error("as many requests were sent as this run may send")]
    Spent,
    /// The cursors go in a circle.
    #[error(
        "the API's cursors go in a circle: {cursor} was already followed, and nothing older came since; what was fetched is kept"
    )]
    Loop {
        /// The cursor that came again.
        cursor: String,
    },
}

/// What one attempt at a page met.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Attempt {
    /// The API answered with an error status.
    #[error("the answer {status}{}", said(detail))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The API's own words.
        detail: String,
    },
    /// No whole answer came.
    #[error("{what}: {}", innermost(cause))]
    Transport {
        /// What failed: the connection, the answer, its body.
        what: &'static str,
        /// The client's error. Not a source: its own sentence says no more than that something failed.
        cause: reqwest::Error,
    },
    /// None was made: as many requests were sent as may be.
    #[error("no request is left")]
    Spent,
    /// The body is larger than any page can be.
    #[error("a body of more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body is not a page.
    #[error("a body that is no page of sessions")]
    Body(#[source] BodyError),
}

fn said(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(" ({detail})") }
}

fn refusal_hint(status: u16) -> &'static str {
    if status == 401 {
        "check that PERSONA_API_KEY holds a live key of the right environment"
    } else {
        "give the key the permission to read inquiry sessions, and this machine's address to its allowlist"
    }
}

fn request_hint(status: u16) -> &'static str {
    if status == 404 { "check --base-url and its path" } else { "check --base-url and --persona-version" }
}

/// The innermost cause in words: reqwest's own sentence only says that something failed.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
