//! Replies and how they go out on the wire, whole or broken.
//!
//! Owns statuses, headers and error bodies; it knows neither cursors nor why a fault was chosen.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::json::quote;
use super::limit::Budget;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// A reply before it goes out.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) media_type: &'static str,
    pub(crate) body: Vec<Bytes>,
    pub(crate) budget: Option<Budget>,
    pub(crate) retry_after: Option<u64>,
    /// Whether the API itself answers and signs with its ids; a proxy in front of it does not.
    pub(crate) signed: bool,
    pub(crate) ending: Ending,
}

/// How a reply ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Whole,
    /// Less than `Content-Length` says.
    Truncated,
    /// The connection breaks at once.
    ResetAtOnce,
    /// The connection breaks in the midst of the body.
    ResetMidway,
    /// Whole, after a pause in its midst.
    Slow(Duration),
}

/// Marks a reply that must reach the client as it is. A compressor would close a cut body neatly, and the
/// client would never see that something broke.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AsItIs;

impl Reply {
    /// Status 200 with JSON.
    pub(crate) fn json(body: Vec<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            media_type: "application/json",
            body,
            budget: None,
            retry_after: None,
            signed: true,
            ending: Ending::Whole,
        }
    }

    /// An error as the API writes it.
    pub(crate) fn error(status: StatusCode, title: &str, details: Option<&str>) -> Self {
        let mut body = b"{\"errors\":[{\"title\":".to_vec();
        quote(&mut body, title);
        if let Some(details) = details {
            body.extend_from_slice(b",\"details\":");
            quote(&mut body, details);
        }
        body.extend_from_slice(b"}]}");
        Self { status, ..Self::json(vec![body.into()]) }
    }

    /// What the API says over its limit.
    pub(crate) fn limited(budget: Budget, retry_after: u64) -> Self {
        let details = format!(
            "You have hit your rate limit of {} requests. Please wait for the window's reset.",
            budget.limit
        );
        Self {
            budget: Some(budget),
            retry_after: Some(retry_after),
            ..Self::error(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded", Some(&details))
        }
    }

    /// Puts the reply on the wire. `signature` holds the headers that name request, environment and
    /// organisation.
    pub(crate) fn send(self, date: HeaderValue, signature: impl FnOnce(&mut HeaderMap)) -> Response<Body> {
        let length: usize = self.body.iter().map(Bytes::len).sum();
        let mut response = Response::new(body(self.body, length, self.ending));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(DATE, date);
        if !matches!(self.ending, Ending::ResetAtOnce | Ending::ResetMidway) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(budget) = self.budget {
            headers.insert(LIMIT, HeaderValue::from(budget.limit));
            headers.insert(REMAINING, HeaderValue::from(budget.remaining));
            headers.insert(RESET, HeaderValue::from(budget.seconds_to_reset));
        }
        if self.signed {
            signature(headers);
        }
        if self.ending != Ending::Whole {
            response.extensions_mut().insert(AsItIs);
        }
        response
    }
}

/// The parts go out one after the other, without being copied together.
fn body(parts: Vec<Bytes>, length: usize, ending: Ending) -> Body {
    let whole = |parts: Vec<Bytes>| stream::iter(parts.into_iter().map(Ok::<_, io::Error>));
    match ending {
        Ending::Whole => Body::from_stream(whole(parts)),
        Ending::ResetAtOnce => Body::from_stream(stream::once(async { broken() })),
        Ending::Truncated | Ending::ResetMidway => {
            let rest = stream::once(async {
                // Lets go of the thread once, so that what was written before is sent before the end.
                tokio::task::yield_now().await;
                broken()
            });
            Body::from_stream(whole(halves(parts, length).0).chain(rest))
        }
        Ending::Slow(pause) => {
            let (first, second) = halves(parts, length);
            let paused = stream::once(async move {
                tokio::time::sleep(pause).await;
                Ok(Bytes::new())
            });
            Body::from_stream(whole(first).chain(paused).chain(whole(second)))
        }
    }
}

/// Closes the connection without the end that the headers promised.
fn broken() -> io::Result<Bytes> {
    Err(io::ErrorKind::ConnectionReset.into())
}

/// The parts up to the middle of the body, and the rest.
fn halves(parts: Vec<Bytes>, length: usize) -> (Vec<Bytes>, Vec<Bytes>) {
    let mut left = length / 2;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for mut part in parts {
        let rest = part.split_off(part.len().min(left));
        left -= part.len();
        first.extend(Some(part).filter(|part| !part.is_empty()));
        second.extend(Some(rest).filter(|rest| !rest.is_empty()));
    }
    (first, second)
}

/// A moment as the `Date` header writes it.
pub(crate) fn http_date(unix_seconds: i64) -> HeaderValue {
    let moment = Timestamp::from_second(unix_seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    HeaderValue::try_from(moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_else(|_| HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}
