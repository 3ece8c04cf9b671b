//! Requests, one page at a time: paced, retried, and never to another host.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream};
use jiff::Timestamp;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode};
use tokio::sync::{Notify, OnceCell};
use url::Url;

use super::error::{Attempt, Error};
use super::pacing::{Budget, Pacer, Ticket};
use super::page::{Cursor, Page, outline};
use super::retry::{self, Failure, Policy, Trouble, Verdict};
use super::{ApiKey, BaseUrl, PAGE_SIZE};

mod limits;
mod probe;

pub use limits::Allowance;
use limits::Flight;
pub use probe::Probe;

/// The largest body that is read: a thousand times an ordinary page.
const MAX_BODY: usize = 128 << 20;

/// How the API is asked.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Where it is.
    pub base_url: BaseUrl,
    /// Who asks.
    pub key: ApiKey,
    /// `Persona-Version`.
    pub version: String,
    /// Share of the budget.
    pub budget: Budget,
    /// Patience.
    pub policy: Policy,
}

/// What a client spent so far.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    retries: AtomicU64,
    too_many: AtomicU64,
    waited_ms: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    /// Requests sent, retries included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
    /// Requests that were sent again after a failure.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
    /// 429 answers.
    pub fn too_many(&self) -> u64 {
        self.too_many.load(Ordering::Relaxed)
    }
    /// Time spent waiting for the pace and after failures.
    pub fn waited(&self) -> Duration {
        Duration::from_millis(self.waited_ms.load(Ordering::Relaxed))
    }
    /// Bytes of bodies, unpacked.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// A client of one environment: one connection pool, one pacer.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base_url: BaseUrl,
    policy: Policy,
    pacer: Mutex<Pacer>,
    /// Held by the request that waits for its time; the others queue up behind it.
    turn: tokio::sync::Mutex<()>,
    /// Wakes it: what the pacer knows has changed.
    heard: Notify,
    limits_asked: OnceCell<()>,
    counters: Arc<Counters>,
}

/// An answer with status 200.
struct Answer {
    headers: HeaderMap,
    body: Bytes,
    received: Timestamp,
    ticket: Ticket,
}

impl Client {
    /// Sets up the connection pool; sends nothing yet.
    ///
    /// # Errors
    /// [`Error::Setup`] if the HTTP client or the version header cannot be made.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        let ClientOptions { base_url, key, version, budget, policy } = options;
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, key.header());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        // Without these two the key's own settings in the dashboard decide (docs: versioning, api-key-inflection).
        headers.insert(HeaderName::from_static("key-inflection"), HeaderValue::from_static("kebab"));
        if let Ok(version) = HeaderValue::from_str(&version) {
            headers.insert(HeaderName::from_static("persona-version"), version);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("session-risk/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(60))
            .timeout(Duration::from_secs(300))
            .tcp_keepalive(Duration::from_secs(30));
        if base_url.is_loopback() {
            builder = builder.no_proxy();
        }
        Ok(Self {
            http: builder.build().map_err(Error::Setup)?,
            base_url,
            policy,
            pacer: Mutex::new(Pacer::new(budget)),
            turn: tokio::sync::Mutex::default(),
            heard: Notify::new(),
            limits_asked: OnceCell::new(),
            counters: Arc::default(),
        })
    }

    /// What was spent so far; shared, so that a progress bar can watch it.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Every page of sessions from `start` (none: the newest) towards older ones, until the API says that there
    /// is no next page. An empty or short page ends nothing: a key's payload filter makes such pages
    /// (docs: api-key-payload-filters). After an error the stream ends.
    pub fn pages(&self, start: Option<Cursor>) -> impl Stream<Item = Result<Page, Error>> + '_ {
        stream::try_unfold(Some(start), move |place| async move {
            let Some(after) = place else { return Ok(None) };
            let page = self.page(after.as_ref()).await?;
            let place = page.next.clone().map(Some);
            Ok(Some((page, place)))
        })
    }

    /// One page, however many attempts it takes.
    async fn page(&self, after: Option<&Cursor>) -> Result<Page, Error> {
        let mut url = self.base_url.join("inquiry-sessions");
        url.query_pairs_mut().append_pair("page[size]", &PAGE_SIZE.to_string());
        if let Some(cursor) = after {
            url.query_pairs_mut().append_pair("page[after]", cursor.as_str());
        }
        let what = || {
            after.map_or_else(|| "the first page".to_owned(), |c| format!("the page after {}", c.as_str()))
        };
        let mut first_failure = None;
        let mut failures = 0;
        loop {
            let attempt = match self.attempt(&url).await {
                Ok(page) => return Ok(page),
                Err(attempt) => attempt,
            };
            failures += 1;
            let elapsed = first_failure.get_or_insert_with(Instant::now).elapsed();
            let known_good = after.is_some() || matches!(attempt.failure, Failure::Status { code: 429, .. });
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
                Verdict::Refused | Verdict::Rejected | Verdict::Quota => {
                    return Err(self.final_error(attempt.error, what()));
                }
            }
        }
    }

    /// An answer that stays the same however often it is asked for.
    fn final_error(&self, attempt: Attempt, what: String) -> Error {
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

    /// Asks for a page once.
    async fn attempt(&self, url: &Url) -> Result<Page, FailedAttempt> {
        let answer = self.get(url).await?;
        let page = outline(&answer.body)
            .map_err(|error| FailedAttempt { failure: Failure::Broken, error: Attempt::Body(error) })?;
        if let Some(host) = page.host.filter(|host| *host != self.base_url.host()) {
            tracing::warn!(%host, "the next link names another host; only its cursor is used");
        }
        Ok(Page {
            body: answer.body,
            resources: page.resources,
            next: page.next,
            server_time: answer.received,
            environment: text(&answer.headers, "persona-environment-id").map(str::to_owned),
        })
    }

    /// Waits until the pace lets it, sends one request and reads its answer.
    async fn get(&self, url: &Url) -> Result<Answer, FailedAttempt> {
        let flight = self.depart().await;
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let response =
            self.http.get(url.clone()).send().await.map_err(|e| broken("the connection failed", e))?;
        self.read(flight, response).await
    }

    async fn read(&self, flight: Flight<'_>, response: Response) -> Result<Answer, FailedAttempt> {
        let status = response.status();
        let headers = response.headers().clone();
        let received = server_time(&headers);
        let ticket = flight.ticket();
        let hint = flight.land(status, &headers, received);
        if status != StatusCode::OK {
            return Err(self.status_failure(status, response, hint).await);
        }
        let body = read_body(response, MAX_BODY).await?;
        self.counters.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        Ok(Answer { headers, body, received, ticket })
    }

    async fn status_failure(
        &self,
        status: StatusCode,
        response: Response,
        hint: Option<Duration>,
    ) -> FailedAttempt {
        // The body of an error is short, and no reason to fail differently.
        let body = read_body(response, 64 << 10).await.unwrap_or_default();
        let detail = error_words(&body);
        let quota = status == StatusCode::TOO_MANY_REQUESTS && detail.starts_with("Quota exceeded");
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.counters.too_many.fetch_add(1, Ordering::Relaxed);
        }
        let status = status.as_u16();
        FailedAttempt {
            failure: Failure::Status { code: status, quota, hint },
            error: Attempt::Status { status, detail },
        }
    }

    async fn wait(&self, wait: Duration) {
        self.counters.waited_ms.fetch_add(wait.as_millis() as u64, Ordering::Relaxed);
        tokio::time::sleep(wait).await;
    }

    fn pacer(&self) -> std::sync::MutexGuard<'_, Pacer> {
        self.pacer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one attempt met, for the decision and in words.
#[derive(Debug)]
struct FailedAttempt {
    failure: Failure,
    error: Attempt,
}

fn broken(what: &'static str, cause: reqwest::Error) -> FailedAttempt {
    // The URL holds a cursor and is told elsewhere; the error is to say what went wrong.
    FailedAttempt { failure: Failure::Broken, error: Attempt::Transport { what, cause: cause.without_url() } }
}

async fn read_body(mut response: Response, limit: usize) -> Result<Bytes, FailedAttempt> {
    let expected =
        response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(128 << 10);
    let mut body = BytesMut::with_capacity(expected.min(limit).min(1 << 20));
    while let Some(chunk) = response.chunk().await.map_err(|e| broken("the answer broke off", e))? {
        if body.len() + chunk.len() > limit {
            return Err(FailedAttempt { failure: Failure::Broken, error: Attempt::TooLarge { limit } });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn server_time(headers: &HeaderMap) -> Timestamp {
    text(headers, "date")
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
        .map_or_else(Timestamp::now, |date| date.timestamp())
}

/// The API's own words in an error body: title and details of the first error, made fit for one line.
fn error_words(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else { return String::new() };
    let Some(error) = value.get("errors").and_then(|errors| errors.get(0)) else { return String::new() };
    let word = |name: &str| error.get(name).and_then(|word| word.as_str());
    let words: Vec<&str> = [word("title"), word("details")].into_iter().flatten().collect();
    words.join(": ").chars().filter(|c| !c.is_control()).take(300).collect()
}
