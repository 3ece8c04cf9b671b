//! Requests, one page at a time: paced, retried, and never to another host.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode};
use tokio::sync::{Notify, OnceCell};
use url::Url;

use super::error::{Attempt, Error};
use super::pacing::{Budget, Pacer, Ticket};
use super::retry::{Failure, Policy};
use super::{ApiKey, BaseUrl};

mod ask;
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
    /// What an answer took of late, in microseconds; 0 before the first.
    latency_us: AtomicU64,
    /// The server's clock at the last answer, in milliseconds since 1970; 0 before the first.
    server_ms: AtomicI64,
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
    /// What an answer took of late, from the request to its last byte; none before the first.
    pub fn latency(&self) -> Option<Duration> {
        let latency = Duration::from_micros(self.latency_us.load(Ordering::Relaxed));
        (!latency.is_zero()).then_some(latency)
    }

    /// A moving average: a single slow answer does not make the API a slow one.
    fn took(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        let smoothed = |old| Some(if old == 0 { time } else { (old * 7 + time) / 8 });
        // Never refused: the closure always has a value.
        let _ = self.latency_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, smoothed);
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
    /// Requests that may be sent in all.
    most: AtomicU64,
}

/// An answer with status 200.
pub(super) struct Answer {
    headers: HeaderMap,
    pub(super) body: Bytes,
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
            most: AtomicU64::new(u64::MAX),
        })
    }

    /// What was spent so far; shared, so that a progress bar can watch it.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Sends no more requests than this in all, retries and all else included: then asking is [`Error::Spent`].
    pub fn send_at_most(&self, requests: u64) {
        self.most.store(requests, Ordering::Relaxed);
    }

    /// The server's clock at the last answer; none before the first.
    pub fn server_time(&self) -> Option<Timestamp> {
        let moment = self.counters.server_ms.load(Ordering::Relaxed);
        Timestamp::from_millisecond(moment).ok().filter(|_| moment != 0)
    }

    /// Requests that must be under way at the same time to make use of the pace: the pace times the time that an
    /// answer takes. None before the first answer.
    pub fn requests_at_once(&self) -> Option<f64> {
        let (latency, pacer) = (self.counters.latency()?, self.pacer());
        Some(pacer.rate(Instant::now()) / pacer.window().as_secs_f64() * latency.as_secs_f64())
    }

    pub(super) fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// Waits until the pace lets it, sends one request and reads its answer.
    async fn get(&self, url: &Url) -> Result<Answer, FailedAttempt> {
        let flight = self.depart().await;
        let most = self.most.load(Ordering::Relaxed);
        let one_more = |sent| (sent < most).then_some(sent + 1);
        self.counters
            .requests
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .map_err(|_all_sent| FailedAttempt { failure: Failure::Spent, error: Attempt::Spent })?;
        let sent = Instant::now();
        let response =
            self.http.get(url.clone()).send().await.map_err(|e| broken("the connection failed", e))?;
        let answer = self.read(flight, response).await?;
        self.counters.took(sent.elapsed());
        Ok(answer)
    }

    async fn read(&self, flight: Flight<'_>, response: Response) -> Result<Answer, FailedAttempt> {
        let status = response.status();
        let headers = response.headers().clone();
        let received = server_time(&headers);
        self.counters.server_ms.store(received.as_millisecond(), Ordering::Relaxed);
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
