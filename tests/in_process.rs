//! The export in this process, without a program around it: for tests that run it hundreds of times.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use session_risk::export::{Asked, ExportOptions, Limits, PIECE_PAGES, Standing, Watch};
use session_risk::persona::pacing::Budget;
use session_risk::persona::retry::Policy;
use session_risk::persona::{ApiKey, BaseUrl, Client, ClientOptions, DEFAULT_VERSION};
use tokio::runtime::Runtime;

use crate::harness::Api;

pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Watches nothing.
pub(crate) struct Nobody;

impl Watch for Nobody {
    fn standing(&self, _: Standing) {}
}

/// A client that waits for nothing and gives a page up after so many failures.
pub(crate) fn client(api: &impl Api, max_failures: u32) -> Arc<Client> {
    let policy = Policy {
        max_failures,
        max_first_contact: max_failures,
        max_hint: Duration::from_millis(1),
        backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(2),
        ..Policy::default()
    };
    let client = Client::new(ClientOptions {
        base_url: BaseUrl::parse(&api.url()).unwrap(),
        key: ApiKey::new(&api.key()).unwrap(),
        version: DEFAULT_VERSION.to_owned(),
        // A server that tells no limit would be asked at the documented pace.
        budget: Budget { max_rate: Some(1_000_000), ..Budget::default() },
        policy,
    });
    Arc::new(client.unwrap())
}

/// What an export does that nobody asked for anything special.
pub(crate) fn options(run_id: &str) -> ExportOptions {
    ExportOptions {
        run_id: run_id.to_owned(),
        asked: Asked { look_back_days: 7, ..Asked::default() },
        segments: Some(1),
        piece_pages: PIECE_PAGES,
        privacy: Arc::default(),
        wait_lock: Duration::ZERO,
        limits: Limits::default(),
        settings: BTreeMap::new(),
        api_version: DEFAULT_VERSION.to_owned(),
    }
}
