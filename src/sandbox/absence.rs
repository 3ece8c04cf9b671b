//! What the API does not show: deleted sessions, those that the key's payload filter hides, blocked attributes.
//!
//! Owns which; it knows neither pages nor how rows are written. All of it is drawn from the seed or named by
//! whoever holds the sandbox, so that one moment shows the same to every request.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::faults::DataRates;
use super::ids::{Purpose, Token, stream};
use super::listing::{List, Listing, Slot};
use super::people::{DAY, HOUR};
use super::visit::position;

/// Every attribute of a session but `created-at`, without which it could not be placed.
const ATTRIBUTES: [&str; 33] = [
    "status",
    "started-at",
    "expired-at",
    "ip-address",
    "user-agent",
    "os-name",
    "os-full-version",
    "device-type",
    "device-name",
    "browser-name",
    "browser-full-version",
    "browser-fingerprint",
    "mobile-sdk-name",
    "mobile-sdk-full-version",
    "device-handoff-method",
    "is-proxy",
    "is-tor",
    "is-datacenter",
    "is-vpn",
    "threat-level",
    "country-code",
    "country-name",
    "region-code",
    "region-name",
    "latitude",
    "longitude",
    "gps-latitude",
    "gps-longitude",
    "gps-precision",
    "gps-country-code",
    "ip-connection-type",
    "ip-isp",
    "network-organization",
];

/// What is left out, and how it may be changed while the sandbox serves.
#[derive(Debug)]
pub(crate) struct Absence {
    seed: u64,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Share of the sessions that are deleted as the clock goes on.
    deleted_share: f64,
    /// Those that were deleted by name, whatever the clock says.
    deleted: HashSet<Token>,
    hidden_share: f64,
    blocked: Arc<Vec<String>>,
    /// The rows of the last moment asked for; none after a change.
    there: Option<(i64, Arc<Vec<usize>>)>,
}

impl Absence {
    pub(crate) fn new(seed: u64, rates: DataRates) -> Self {
        let mut rng = stream(seed, Purpose::Blocklist, 0);
        let blocked = ATTRIBUTES.into_iter().filter(|_| rng.f64() < rates.blocklist).map(str::to_owned);
        let state = State {
            deleted_share: rates.deleted,
            hidden_share: rates.payload_filter,
            blocked: Arc::new(blocked.collect()),
            ..State::default()
        };
        Self { seed, state: RwLock::new(state) }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, State> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.there = None;
        state
    }

    /// Deletes sessions for good.
    pub(crate) fn delete(&self, sessions: impl IntoIterator<Item = Token>) {
        self.change().deleted.extend(sessions);
    }

    /// Undoes every deletion, by name and by the clock.
    pub(crate) fn restore(&self) {
        let mut state = self.change();
        state.deleted.clear();
        state.deleted_share = 0.0;
    }

    pub(crate) fn hide(&self, share: f64) {
        self.change().hidden_share = share;
    }

    pub(crate) fn block(&self, attributes: Vec<String>) {
        self.change().blocked = Arc::new(attributes);
    }

    /// The attributes that the key may not see, in kebab case.
    pub(crate) fn blocked(&self) -> Arc<Vec<String>> {
        Arc::clone(&self.read().blocked)
    }

    /// Whether a session is no more at a moment.
    pub(crate) fn is_deleted(&self, listing: &Listing, at: usize, shown: i64) -> bool {
        let state = self.read();
        state.deletes_any() && self.deletes(&state, listing, at, shown)
    }

    fn deletes(&self, state: &State, listing: &Listing, at: usize, shown: i64) -> bool {
        let slot = listing.sessions[at];
        let expired = |slot: Slot| {
            let mut rng = stream(self.seed, Purpose::Deletion, position(slot.inquiry, slot.nth));
            rng.f64() < state.deleted_share && slot.created + rng.i64(HOUR..20 * DAY) <= shown
        };
        (state.deleted_share > 0.0 && expired(slot))
            || state.deleted.contains(&listing.id(List::Sessions, at).token)
    }

    /// The sessions of a range that are not deleted; none where all of them are there.
    pub(crate) fn there(
        &self,
        listing: &Listing,
        range: Range<usize>,
        shown: i64,
    ) -> Option<Arc<Vec<usize>>> {
        {
            let state = self.read();
            if !state.deletes_any() {
                return None;
            }
            if let Some((_, there)) = state.there.as_ref().filter(|(moment, _)| *moment == shown) {
                return Some(Arc::clone(there));
            }
        }
        let mut state = self.change();
        let there: Vec<usize> = range.filter(|at| !self.deletes(&state, listing, *at, shown)).collect();
        let there = Arc::new(there);
        state.there = Some((shown, Arc::clone(&there)));
        Some(there)
    }

    /// Takes out what the payload filter hides.
    pub(crate) fn retain_seen(&self, listing: &Listing, rows: &mut Vec<usize>) {
        let share = self.read().hidden_share;
        if share > 0.0 {
            rows.retain(|at| {
                let Slot { inquiry, nth, .. } = listing.sessions[*at];
                stream(self.seed, Purpose::PayloadFilter, position(inquiry, nth)).f64() >= share
            });
        }
    }
}

impl State {
    fn deletes_any(&self) -> bool {
        self.deleted_share > 0.0 || !self.deleted.is_empty()
    }
}
