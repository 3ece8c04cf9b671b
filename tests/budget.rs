//! The API's budget as it is spent for real: what is asked first, what is kept to, what others see of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use reqwest::StatusCode;
use serde_json::{Value, json};
use session_risk::persona::pacing::Budget;
use session_risk::persona::retry::Policy;
use session_risk::persona::{ApiKey, BaseUrl, Client, ClientOptions, DEFAULT_VERSION};
use session_risk::sandbox::{Sandbox, SandboxOptions};

use crate::harness::{Home, sandbox, sandbox_with, unlimited};
use crate::scripted::{Answer, KEY, Scripted, session};

/// A tenth of a minute stands for a minute, a twentieth of a second for half of one.
const WINDOW: Duration = Duration::from_secs(6);
const LATENCY: Duration = Duration::from_millis(50);

fn busy_api() -> Sandbox {
    sandbox_with(SandboxOptions { limit: Some(300), window: WINDOW, latency: LATENCY, ..unlimited() })
}

fn client(api: &Sandbox) -> Arc<Client> {
    let options = ClientOptions {
        base_url: BaseUrl::parse(api.base_url()).unwrap(),
        key: ApiKey::new(api.key()).unwrap(),
        version: DEFAULT_VERSION.to_owned(),
        budget: Budget { window: WINDOW, ..Budget::default() },
        policy: Policy::default(),
    };
    Arc::new(Client::new(options).unwrap())
}

/// Walks side by side through one client for so long; gives its requests and its 429s.
async fn walk_for(client: Arc<Client>, walks: usize, time: Duration) -> (u64, u64) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..walks {
        let client = Arc::clone(&client);
        tasks.spawn(async move {
            client.learn_limits().await;
            client.pages(None).try_for_each(|_| async { Ok(()) }).await
        });
    }
    tokio::time::sleep(time).await;
    assert_eq!(tasks.len(), walks, "a walk came to its end");
    tasks.shutdown().await;
    let counters = client.counters();
    (counters.requests(), counters.too_many())
}

/// A production client that takes a sixth of the limit on the same key; gives its 429s.
async fn produce_for(api: &Sandbox, time: Duration) -> usize {
    let (http, url) = (reqwest::Client::new(), format!("{}/inquiry-sessions?page[size]=1", api.base_url()));
    let (began, mut every, mut refused) = (Instant::now(), tokio::time::interval(WINDOW / 50), 0);
    while began.elapsed() < time {
        every.tick().await;
        let reply = http.get(&url).bearer_auth(api.key()).send().await.unwrap();
        refused += usize::from(reply.status() == StatusCode::TOO_MANY_REQUESTS);
    }
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn walks_side_by_side_use_their_share_and_nobody_sees_a_429() {
    let (alone, shared) = (busy_api(), busy_api());
    let time = WINDOW * 3;
    let (own, beside, refused) = tokio::join!(
        walk_for(client(&alone), 4, time),
        walk_for(client(&shared), 8, time),
        produce_for(&shared, time)
    );
    assert_eq!((own.1, beside.1, refused), (0, 0, 0));
    let share = |(requests, _): (u64, u64)| requests as f64 / (3.0 * 210.0);
    // A machine that is busy with other tests may be slow, but not faster than the pace.
    assert!((0.8..=1.01).contains(&share(own)), "{} of the share", share(own));
    assert!((0.5..=1.01).contains(&share(beside)), "{} of the share", share(beside));
    assert!(shared.stats().most_in_flight > 1, "they did not walk side by side");
}

#[test]
fn the_limits_are_asked_for_once_and_stand_in_the_runs_record() {
    let api = sandbox_with(SandboxOptions { sessions: 500, limit: Some(100), ..unlimited() });
    let home = Home::new();
    home.fetch(&api).args("--rate-window 1s").succeeds();
    assert_eq!(api.stats().requests["/rate-limits"], 1);
    let run = home.lake().last_run();
    assert_eq!((&run["rate_limit"], &run["pace"]), (&json!(100), &json!(70.0)));
    assert_eq!(run["budget_left"], json!(100 - api.stats().total()));
}

#[test]
fn nothing_is_asked_where_nothing_is_to_be_walked() {
    let api = sandbox(500, 20);
    let home = Home::new();
    home.fetch(&api).succeeds();
    let before = api.stats().total();
    home.fetch(&api).args("--since 2026-11-02 --until 2026-11-03").succeeds();
    assert_eq!(api.stats().total(), before);
}

#[test]
fn limits_that_are_not_told_are_no_failure() {
    let entry = |attributes: Value| {
        let data = json!({"data": [{"type": "rate-limit/api", "attributes": attributes}]});
        Answer::json(data.to_string())
    };
    for (limits, known) in [
        (Answer::error(403, "Forbidden", ""), Value::Null),
        (Answer::error(404, "Record not found", ""), Value::Null),
        (Answer::json("{\"data\":[]}"), Value::Null),
        (Answer::new(200, "text/html", "<html>"), Value::Null),
        (entry(json!({"limit": "many"})), Value::Null),
        (entry(json!({"limit": 40, "remaining": 39, "seconds-to-reset": 60})), json!(40)),
    ] {
        let page = Answer::page(&[session("iqse_1", "2026-11-20T10:00:00.000Z")], None);
        let api = Scripted::serving_with_limits(limits.clone(), move |_, _| page.clone());
        let home = Home::new();
        let outcome = home.fetch(&api).key(KEY).args("--rate-window 1s").succeeds();
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:#?}");
        let run = home.lake().last_run();
        assert_eq!((&run["rate_limit"], &run["requests"]), (&known, &json!(2)), "{limits:?}");
    }
}
