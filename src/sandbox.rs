//! A loopback stand-in for Persona's API, over made-up people.
//!
//! Owns a real HTTP server that answers as the API's documents say: keys, cursors, page sizes, limits, ids in
//! headers, inflections, versions and errors, and on demand the faults that a network adds. It serves the
//! demo, the tests and the benchmarks. It must know nothing of the client: what both agree on is the API.
//!
//! What it shows is a function of the seed, the number of sessions, the days and the clock. The clock and the
//! server's port are the only things that differ between two runs with the same options.

mod absence;
mod arena;
mod clock;
mod devices;
mod faults;
mod ids;
mod json;
mod limit;
mod listing;
mod network;
mod oddity;
mod options;
mod pages;
mod people;
mod places;
mod plants;
mod query;
mod render;
mod reply;
mod server;
mod stats;
mod truth;
mod visit;

use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::HeaderValue;
use axum::serve::ListenerExt;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub use self::clock::Clock;
pub use self::faults::{Fault, FaultError, FaultKind};
pub use self::options::{SandboxError, SandboxOptions};
pub use self::stats::Stats;
pub use self::truth::Labelled;

use self::absence::Absence;
use self::faults::{DataRates, Faults};
use self::ids::{Id, Purpose, SESSION, token};
use self::json::Style;
use self::limit::Limiter;
use self::listing::Listing;
use self::oddity::Oddities;
use self::pages::Pages;
use self::server::{Keys, World, router};
use self::stats::Counters;

/// A running sandbox. It ends when it is dropped or [stopped](Sandbox::stop), and so do its connections.
///
/// It serves on threads of its own, so that a test may block while it talks to it.
///
/// Three keys are known. [`key`](Sandbox::key) may do everything;
/// [`forbidden_key`](Sandbox::forbidden_key), which is `persona_sandbox_forbidden` and the same letters, is
/// always answered with 403; [`sessions_only_key`](Sandbox::sessions_only_key), `persona_sandbox_sessionsonly`
/// and the same letters, is answered with 403 for `/inquiries` alone. Any other is answered with 401.
#[derive(Debug)]
pub struct Sandbox {
    base_url: String,
    world: Arc<World>,
    runtime: Option<Runtime>,
}

const MOST_SESSIONS: usize = 10_000_000;
const MOST_DAYS: u32 = 36_500;

impl Sandbox {
    /// Makes up the people and starts to serve.
    ///
    /// # Errors
    /// [`SandboxError`] if the options contradict themselves or the port cannot be had.
    pub async fn start(options: SandboxOptions) -> Result<Self, SandboxError> {
        // Making people up takes a moment that other tasks should not wait for.
        match tokio::task::spawn_blocking(|| Self::start_blocking(options)).await {
            Ok(started) => started,
            Err(failed) => Err(SandboxError::Threads(io::Error::other(failed))),
        }
    }

    /// [`start`](Self::start) for callers without a runtime.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking(options: SandboxOptions) -> Result<Self, SandboxError> {
        let port = options.port;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .and_then(|listener| {
                listener.set_nonblocking(true)?;
                Ok((listener.local_addr()?, listener))
            })
            .map_err(|source| SandboxError::Listen { port, source })?;
        let (address, listener) = listener;
        let gzip = options.gzip;
        let world = Arc::new(world(options)?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sandbox")
            .enable_all()
            .build()
            .map_err(SandboxError::Threads)?;
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener).map_err(|source| SandboxError::Listen { port, source })?
        };
        let listener = listener.tap_io(|stream| {
            // Without it the last packet of a page would wait for an acknowledgement.
            let _ = stream.set_nodelay(true);
        });
        let service = router(Arc::clone(&world), gzip);
        runtime.spawn(async move { axum::serve(listener, service).await });
        Ok(Self { base_url: format!("http://{address}/api/v1"), world, runtime: Some(runtime) })
    }

    /// `http://127.0.0.1:PORT/api/v1`
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The key that may do everything: `persona_sandbox_…`
    pub fn key(&self) -> &str {
        &self.world.keys.full
    }

    /// A key without any permission.
    pub fn forbidden_key(&self) -> &str {
        &self.world.keys.forbidden
    }

    /// A key that may read sessions but no inquiries.
    pub fn sessions_only_key(&self) -> &str {
        &self.world.keys.sessions_only
    }

    /// The environment's id in the headers.
    pub fn environment(&self) -> &str {
        self.world.environment.to_str().unwrap_or_default()
    }

    /// The clock that limits, dates and statuses go by.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.world.clock
    }

    /// What was asked and answered so far.
    pub fn stats(&self) -> Stats {
        self.world.counters.change().clone()
    }

    /// What a walk over every page would list at this moment: each session's JSON, newest first. Costs no request.
    pub fn listed(&self) -> Vec<String> {
        let listed = self.world.pages.listed(self.world.clock.shown());
        listed.iter().map(|session| String::from_utf8_lossy(session).into_owned()).collect()
    }

    /// What is to be found among all sessions: the rings that are always there, and what was planted. Sessions that
    /// are deleted or hidden are named all the same.
    pub fn labelled(&self) -> Vec<Labelled> {
        truth::labelled(&self.world.pages.listing)
    }

    /// Deletes sessions: they are neither listed nor known as cursors any more, and their inquiries do not name
    /// them. Ids that there are not change nothing.
    pub fn delete<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        let tokens = ids.into_iter().filter_map(|id| ids::parse(id, SESSION));
        self.world.pages.absence.delete(tokens);
    }

    /// Undoes every deletion, those by a fault too.
    pub fn undelete(&self) {
        self.world.pages.absence.restore();
    }

    /// Blocks these attributes, in kebab case, and no others: they are in no session's JSON any more.
    pub fn block(&self, attributes: &[&str]) {
        self.world.pages.absence.block(attributes.iter().map(|&attribute| attribute.to_owned()).collect());
    }

    /// Leaves a share of the sessions out of every page, as a key's payload filter does; 0 shows all of them. A
    /// larger share leaves out those of a smaller one too. They stay known as cursors.
    pub fn hide(&self, share: f64) {
        self.world.pages.absence.hide(share);
    }

    /// Ends the server and waits until its connections are closed.
    pub async fn stop(mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A join error means that the shutdown panicked; there is nothing left to end then.
            let _ =
                tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5))).await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn world(options: SandboxOptions) -> Result<World, SandboxError> {
    let SandboxOptions { seed, sessions, days, end, limit, window, latency, faults, planted, .. } = options;
    let end_ms = end.as_millisecond();
    let earliest = Timestamp::MIN.as_millisecond() + i64::from(MOST_DAYS) * people::DAY;
    if days == 0 || days > MOST_DAYS || end_ms < earliest {
        return Err(SandboxError::Days { days, end });
    }
    if planted && days < plants::FEWEST_DAYS {
        return Err(SandboxError::TooFewToPlant { days });
    }
    let count = match u32::try_from(sessions) {
        Ok(count) if sessions <= MOST_SESSIONS => count,
        _ => return Err(SandboxError::Sessions { sessions }),
    };
    let rates = DataRates::new(&faults);
    let faults = Faults::new(seed, &faults).map_err(|sum| SandboxError::Faults { sum })?;
    let clock = options.clock.unwrap_or_else(|| Arc::new(Clock::running_from(end)));
    let letters = Id { prefix: "", token: token(seed, Purpose::Key, 0) };
    let id = |prefix, number| Id { prefix, token: token(seed, Purpose::Environment, number) }.to_string();
    let header = |what, text: String| {
        HeaderValue::try_from(text).map_err(|source| SandboxError::Header { what, source })
    };
    let full = options.key.unwrap_or_else(|| format!("persona_sandbox_{letters}"));
    header("key", full.clone())?;
    Ok(World {
        seed,
        pages: Pages::new(
            Listing::draw(seed, count, end_ms, days, planted),
            Absence::new(seed, rates),
            clock.shown(),
            Style { newer: options.newer_attributes, odd: Oddities::new(seed, rates), ..Style::default() },
        ),
        clock,
        limiter: Limiter::new(limit, window),
        faults,
        counters: Counters::default(),
        keys: Keys {
            full,
            forbidden: format!("persona_sandbox_forbidden{letters}"),
            sessions_only: format!("persona_sandbox_sessionsonly{letters}"),
        },
        environment: header("environment id", options.environment.unwrap_or_else(|| id("env_", 0)))?,
        organization: header("organization id", id("org_", 1))?,
        latency,
        requests: AtomicU64::new(0),
        date: Mutex::new(None),
    })
}
