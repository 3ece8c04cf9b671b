//! The HTTP side: who may ask, how often, and which answer a path gets.
//!
//! Owns the order of the checks, which is the API's own: authentication, limit, permission, then the request
//! itself. Faults strike where the request would be answered. It knows nothing of how people are made up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;
use tower_http::compression::predicate::SizeAbove;
use tower_http::compression::{CompressionLayer, CompressionLevel, Predicate};

use super::clock::Clock;
use super::faults::{FaultKind, Faults};
use super::ids::{Id, Purpose, token};
use super::json::{Object, Style};
use super::limit::{Budget, Limiter};
use super::listing::List;
use super::pages::{Pages, Shorten};
use super::query::{Query, Shape, Unacceptable, style};
use super::reply::{AsItIs, Ending, Reply, http_date};
use super::stats::Counters;

const REQUEST: HeaderName = HeaderName::from_static("request-id");
const ENVIRONMENT: HeaderName = HeaderName::from_static("persona-environment-id");
const ORGANIZATION: HeaderName = HeaderName::from_static("persona-organization-id");

/// Everything that a request can touch.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) pages: Pages,
    pub(crate) clock: Arc<Clock>,
    pub(crate) limiter: Limiter,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) keys: Keys,
    pub(crate) environment: HeaderValue,
    pub(crate) organization: HeaderValue,
    pub(crate) latency: Duration,
    pub(crate) requests: AtomicU64,
    /// The last `Date`, with its second.
    pub(crate) date: Mutex<Option<(i64, HeaderValue)>>,
}

/// The keys that the sandbox knows.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) full: String,
    pub(crate) forbidden: String,
    pub(crate) sessions_only: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Permission {
    All,
    Sessions,
    Nothing,
}

/// What a path names.
#[derive(Debug, Clone, Copy)]
enum Route<'a> {
    List(List),
    Session(&'a str),
    RateLimits,
    Unknown,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Self {
        match path.strip_prefix("/api/v1/").map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
            Some(("inquiry-sessions", "")) => Self::List(List::Sessions),
            Some(("inquiry-sessions", id)) => Self::Session(id),
            Some(("inquiries", "")) => Self::List(List::Inquiries),
            Some(("rate-limits", "")) => Self::RateLimits,
            _ => Self::Unknown,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::List(List::Sessions) => "/inquiry-sessions",
            Self::List(List::Inquiries) => "/inquiries",
            Self::Session(_) => "/inquiry-sessions/{id}",
            Self::RateLimits => "/rate-limits",
            Self::Unknown => "other",
        }
    }
}

/// The service over a world.
pub(crate) fn router(world: Arc<World>, gzip: bool) -> Router {
    let router = Router::new().fallback(answer).with_state(world);
    if !gzip {
        return router;
    }
    let whole = |_: StatusCode, _, _: &HeaderMap, extensions: &axum::http::Extensions| {
        extensions.get::<AsItIs>().is_none()
    };
    router.layer(
        CompressionLayer::new()
            .gzip(true)
            .quality(CompressionLevel::Fastest)
            .compress_when(SizeAbove::new(256).and(whole)),
    )
}

async fn answer(State(world): State<Arc<World>>, request: Request) -> Response<Body> {
    let number = world.requests.fetch_add(1, Ordering::Relaxed);
    let route = Route::of(request.uri().path());
    let _in_flight = world.counters.begin(route.name());
    if !world.latency.is_zero() {
        tokio::time::sleep(world.latency).await;
    }
    let reply = world.reply(number, route, &request);
    {
        let mut stats = world.counters.change();
        match reply.status {
            StatusCode::OK => stats.answered += 1,
            StatusCode::TOO_MANY_REQUESTS => stats.limited += 1,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => stats.refused += 1,
            _ => {}
        }
    }
    reply.send(world.date(), |headers| {
        let id = Id { prefix: "req_", token: token(world.seed, Purpose::Request, number) };
        if let Ok(id) = HeaderValue::try_from(id.to_string()) {
            headers.insert(REQUEST, id);
        }
        headers.insert(ENVIRONMENT, world.environment.clone());
        headers.insert(ORGANIZATION, world.organization.clone());
    })
}

impl World {
    fn reply(&self, number: u64, route: Route<'_>, request: &Request) -> Reply {
        let permission = match self.authenticate(request.headers()) {
            Ok(permission) => permission,
            // No such headers on a 401: the request belongs to no environment.
            Err(title) => {
                return Reply { signed: false, ..Reply::error(StatusCode::UNAUTHORIZED, title, None) };
            }
        };
        let budget = self.limiter.take(self.clock.now());
        if !budget.granted {
            return Reply::limited(budget, budget.seconds_to_reset);
        }
        let allowed = match (permission, route) {
            (Permission::All, _) => true,
            (Permission::Sessions, route) => !matches!(route, Route::List(List::Inquiries)),
            (Permission::Nothing, _) => false,
        };
        if !allowed {
            let details = "API key does not have permission to perform this request";
            let reply = Reply::error(StatusCode::FORBIDDEN, "Forbidden", Some(details));
            return Reply { budget: Some(budget), ..reply };
        }
        let Some((kind, mut rng)) = self.faults.draw(number) else {
            return self.content(route, request, budget, None).0;
        };
        let hint = rng.u64(0..=1);
        let (reply, struck) = match kind {
            FaultKind::Internal => {
                let reply = Reply::error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", None);
                (Reply { budget: Some(budget), ..reply }, true)
            }
            FaultKind::BadGateway => (proxy(StatusCode::BAD_GATEWAY, "502 Bad Gateway"), true),
            FaultKind::Unavailable => {
                let reply = proxy(StatusCode::SERVICE_UNAVAILABLE, "503 Service Temporarily Unavailable");
                (Reply { retry_after: Some(hint), ..reply }, true)
            }
            FaultKind::Limited => {
                (Reply::limited(Budget { remaining: 0, seconds_to_reset: hint, ..budget }, hint), true)
            }
            FaultKind::LimitedBare => {
                let reply = Reply::limited(budget, hint);
                (Reply { budget: None, retry_after: None, signed: false, ..reply }, true)
            }
            FaultKind::Garbage => {
                let body: &[u8] = match rng.u8(0..3) {
                    0 => b"<html><body>We will be back soon</body></html>",
                    1 => b"{\"data\":[{\"type\":\"inquiry-session\",\"id\":",
                    _ => b"\xff\xfe\x00\x17 not JSON at all \x00",
                };
                (Reply { budget: Some(budget), ..Reply::json(vec![Bytes::from_static(body)]) }, true)
            }
            FaultKind::Reset | FaultKind::Truncation | FaultKind::Slow => {
                let ending = match (kind, hint) {
                    (FaultKind::Slow, _) => Ending::Slow(Duration::from_millis(rng.u64(20..=500))),
                    (FaultKind::Truncation, _) => Ending::Truncated,
                    (_, 0) => Ending::ResetAtOnce,
                    _ => Ending::ResetMidway,
                };
                (Reply { ending, ..self.content(route, request, budget, None).0 }, true)
            }
            FaultKind::ShortPage => self.content(route, request, budget, Some(Shorten::Short(rng))),
            FaultKind::EmptyPage => self.content(route, request, budget, Some(Shorten::Empty)),
            // Those of the data are in every reply.
            _ => self.content(route, request, budget, None),
        };
        if struck {
            *self.counters.change().faults.entry(kind.name()).or_default() += 1;
        }
        reply
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<Permission, &'static str> {
        let token = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or("Must be authenticated to access this endpoint")?;
        match token.trim() {
            key if key == self.keys.full => Ok(Permission::All),
            key if key == self.keys.sessions_only => Ok(Permission::Sessions),
            key if key == self.keys.forbidden => Ok(Permission::Nothing),
            _ => Err("Token is invalid"),
        }
    }

    /// The answer itself, and whether a fault had anything to shorten.
    fn content(
        &self,
        route: Route<'_>,
        request: &Request,
        budget: Budget,
        shorten: Option<Shorten>,
    ) -> (Reply, bool) {
        let (reply, struck) = match self.resource(route, request, budget, shorten) {
            Ok(Some((body, struck))) => (Reply::json(body), struck),
            Ok(None) => (Reply::error(StatusCode::NOT_FOUND, "Record not found", None), false),
            Err(Unacceptable(details)) => {
                (Reply::error(StatusCode::BAD_REQUEST, "Bad Request", Some(&details)), false)
            }
        };
        (Reply { budget: Some(budget), ..reply }, struck)
    }

    fn resource(
        &self,
        route: Route<'_>,
        request: &Request,
        budget: Budget,
        shorten: Option<Shorten>,
    ) -> Result<Option<(Vec<Bytes>, bool)>, Unacceptable> {
        if request.method() != Method::GET {
            return Ok(None);
        }
        let shown = self.clock.shown();
        let mut style = style(request.headers(), &self.pages.style())?;
        let query = request.uri().query().unwrap_or_default();
        Ok(match route {
            Route::List(list) => {
                let shape = if list == List::Sessions { Shape::Sessions } else { Shape::Inquiries };
                let query = Query::parse(query, shape)?;
                if list == List::Sessions {
                    let mut stats = self.counters.change();
                    let size = query.page_size();
                    stats.pages += 1;
                    stats.largest_page_size = stats.largest_page_size.max(Some(size));
                    stats.smallest_page_size =
                        Some(stats.smallest_page_size.map_or(size, |least| least.min(size)));
                }
                if list == List::Inquiries {
                    style = Style { only: query.fields_of_inquiry.clone(), blocked: Arc::default(), ..style };
                }
                self.pages.page(list, &query, shown, &style, shorten)
            }
            Route::Session(id) => {
                style.only = Query::parse(query, Shape::Single)?.fields_of_session;
                self.pages.single(id, shown, &style).map(|body| (body, false))
            }
            Route::RateLimits => {
                let mut body = b"{\"data\":[{\"type\":\"rate-limit/api\",\"attributes\":".to_vec();
                let mut row = Object::open(&mut body, &style);
                row.number("limit", Some(budget.limit));
                row.number("remaining", Some(budget.remaining));
                row.number("seconds-to-reset", Some(budget.seconds_to_reset));
                row.close();
                body.extend_from_slice(b"}]}");
                Some((vec![body.into()], false))
            }
            Route::Unknown => None,
        })
    }

    /// The `Date` of this second; written once a second, not once a reply.
    fn date(&self) -> HeaderValue {
        let second = self.clock.now().div_euclid(1000);
        let mut date = self.date.lock().unwrap_or_else(PoisonError::into_inner);
        match &*date {
            Some((written, value)) if *written == second => value.clone(),
            _ => {
                let value = http_date(second);
                *date = Some((second, value.clone()));
                value
            }
        }
    }
}

/// What stands in front of the API says when the API does not.
fn proxy(status: StatusCode, title: &str) -> Reply {
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    Reply { status, media_type: "text/html", signed: false, ..Reply::json(vec![page.into()]) }
}
