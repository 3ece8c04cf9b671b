//! What is asked for, however many attempts it takes: the pages of sessions, and whatever else the API answers.
//!
//! Must not know how a request is sent.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::stream::{self, Stream};
use url::Url;

use super::{Answer, Client, FailedAttempt, text};
use crate::persona::PAGE_SIZE;
use crate::persona::error::{Attempt, Error};
use crate::persona::page::{BodyError, Cursor, Page, Place, outline, place_after};
use crate::persona::retry::{self, Failure, Trouble, Verdict};

impl Client {
    /// Every page of sessions from `start` (none: the newest) towards older ones, until the API says that there
    /// is no next page. An empty or short page ends nothing: a key's payload filter makes such pages
    /// (docs: api-key-payload-filters). Where the API does not know the session any more that a page is to begin
    /// below, the page begins below an earlier one, and sessions may come twice. After an error the stream ends.
    pub fn pages(&self, start: Option<Place>) -> impl Stream<Item = Result<Page, Error>> + '_ {
        stream::try_unfold(Some(start), move |place| async move {
            let Some(place) = place else { return Ok(None) };
            let page = self.page(place.as_ref()).await?;
            let place = page.next.clone().map(Some);
            Ok(Some((page, place)))
        })
    }

    /// The page below a place.
    async fn page(&self, place: Option<&Place>) -> Result<Page, Error> {
        let cursor = place.map(|place| &place.cursor);
        let rejected = match (place, self.page_below(cursor, place).await) {
            (Some(_), Err(error @ Error::Rejected { status: 400 | 404, .. })) => error,
            (_, asked) => return asked,
        };
        for earlier in place.into_iter().flat_map(|place| &place.earlier) {
            tracing::info!("a session to go on below is gone; trying one that was listed before it");
            match self.page_below(Some(earlier), place).await {
                Err(Error::Rejected { status: 400 | 404, .. }) => {}
                asked => return Ok(Page { stepped_back: true, ..asked? }),
            }
        }
        // Not one of them: then it is the request.
        Err(rejected)
    }

    async fn page_below(&self, cursor: Option<&Cursor>, place: Option<&Place>) -> Result<Page, Error> {
        let mut url = self.base_url.join("inquiry-sessions");
        url.query_pairs_mut().append_pair("page[size]", &PAGE_SIZE.to_string());
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("page[after]", cursor.as_str());
        }
        let what = || match cursor {
            Some(cursor) => format!("the page after {}", cursor.as_str()),
            None => "the first page".to_owned(),
        };
        self.ask(&url, what, cursor.is_some(), |answer| self.read_page(answer, place)).await
    }

    /// The page that an answer holds.
    pub(super) fn read_page(&self, answer: Answer, place: Option<&Place>) -> Result<Page, BodyError> {
        let outline = outline(&answer.body)?;
        if let Some(host) = outline.host.as_ref().filter(|host| **host != self.base_url.host()) {
            tracing::warn!(%host, "the next link names another host; only its cursor is used");
        }
        Ok(Page {
            next: place_after(&outline, &answer.body, place),
            stepped_back: false,
            resources: outline.resources,
            server_time: answer.received,
            environment: text(&answer.headers, "persona-environment-id").map(str::to_owned),
            body: answer.body,
        })
    }

    /// Asks until there is an answer that can be read, or none is to be had. `known_good` says whether this address
    /// ever answered as the API does.
    pub(in crate::persona) async fn ask<T>(
        &self,
        url: &Url,
        what: impl Fn() -> String,
        known_good: bool,
        read: impl Fn(Answer) -> Result<T, BodyError>,
    ) -> Result<T, Error> {
        let mut first_failure = None;
        let mut failures = 0;
        loop {
            let attempt = match self.attempt(url, &read).await {
                Ok(read) => return Ok(read),
                Err(attempt) => attempt,
            };
            failures += 1;
            let elapsed = first_failure.get_or_insert_with(Instant::now).elapsed();
            let known_good = known_good || matches!(attempt.failure, Failure::Status { code: 429, .. });
            let trouble = Trouble { failures, elapsed, known_good };
            match retry::decide(&self.policy, attempt.failure, trouble, fastrand::f64()) {
                Verdict::Retry(wait) => {
                    tracing::debug!(failures, wait_ms = wait.as_millis() as u64, cause = %attempt.error, "asking again for {}", what());
                    self.counters.retries.fetch_add(1, Ordering::Relaxed);
                    self.wait(wait).await;
                }
                Verdict::GiveUp => {
                    return Err(Error::GaveUp { what: what(), failures, elapsed, last: attempt.error });
                }
                Verdict::Unreachable => {
                    let host = self.base_url.host();
                    return Err(Error::Unreachable { host, attempts: failures, last: attempt.error });
                }
                Verdict::Spent => return Err(Error::Spent),
                Verdict::Refused | Verdict::Rejected | Verdict::Quota => {
                    return Err(self.final_error(attempt.error, what()));
                }
            }
        }
    }

    /// Asks once.
    pub(super) async fn attempt<T>(
        &self,
        url: &Url,
        read: impl Fn(Answer) -> Result<T, BodyError>,
    ) -> Result<T, FailedAttempt> {
        let answer = self.get(url).await?;
        read(answer).map_err(|error| FailedAttempt { failure: Failure::Broken, error: Attempt::Body(error) })
    }

    /// An answer that stays the same however often it is asked for.
    pub(super) fn final_error(&self, attempt: Attempt, what: String) -> Error {
        match attempt {
            Attempt::Status { status: status @ (401 | 403), detail } => Error::Refused { status, detail },
            Attempt::Status { status: 429, detail } => Error::Quota { detail },
            Attempt::Status { status: status @ 300..=399, .. } => {
                Error::Redirect { host: self.base_url.host(), status }
            }
            Attempt::Status { status, detail } => Error::Rejected { status, what, detail },
            last => Error::GaveUp { what, failures: 1, elapsed: Duration::ZERO, last },
        }
    }
}
