//! What holds at the size of a customer's history. Takes minutes, so it is run by hand, alone and with its output:
//! `cargo test --release --locked -- --ignored --nocapture --test-threads 1 large::`

#![allow(clippy::print_stdout, reason = "the figures are what it is run for")]

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};
use session_risk::export::{self, ExportOptions};
use session_risk::lake::Lake;
use session_risk::persona::pacing::Budget;
use session_risk::persona::{ApiKey, BaseUrl, Client, ClientOptions, DEFAULT_VERSION};
use session_risk::sandbox::{Clock, Sandbox, SandboxOptions};
use tempfile::TempDir;

use crate::harness::{Home, sandbox_with, unlimited};
use crate::in_process::{Nobody, RUNTIME, client, options};
use crate::kills::ended_by;
use crate::lake_files::{LakeFiles, Row, rows};
use crate::truth::{of_session, say_extra};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Each session's columns as one number: a million rows fit into memory several times.
type Prints = BTreeMap<String, u64>;

fn print(row: &Row) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(Value::from(row.clone()).to_string())
}

fn truth(api: &Sandbox) -> Prints {
    let listed = api.listed();
    let print = |session: &String| {
        let (id, row) = of_session(session, api.environment());
        (id, print(&row))
    };
    listed.iter().map(print).collect()
}

fn held(lake: &LakeFiles) -> Prints {
    let mut prints = Prints::new();
    for date in lake.dates() {
        for mut row in rows(&lake.day_file(&date)) {
            row.remove("fetched_at").unwrap();
            say_extra(&mut row);
            let id = row["session_id"].as_str().unwrap().to_owned();
            assert_eq!(prints.insert(id, print(&row)), None, "a session is in the lake twice");
        }
    }
    prints
}

/// 10,000 sessions a day over some days, as they looked some days before the last.
fn world(days: u32, days_before_the_end: i64) -> Sandbox {
    world_of(10_000, days, days_before_the_end)
}

fn world_of(sessions_a_day: usize, days: u32, days_before_the_end: i64) -> Sandbox {
    let options = unlimited();
    let clock = Arc::new(Clock::frozen_at(options.end - (24 * days_before_the_end).hours()));
    let sessions = days as usize * sessions_a_day;
    sandbox_with(SandboxOptions { sessions, days, clock: Some(clock), ..options })
}

/// Pages of the sessions that the API lists now of a day and everything newer.
fn pages_since(api: &Sandbox, day: &str) -> u64 {
    let is_since = |session: &&String| {
        let session: Value = serde_json::from_str(session).unwrap();
        session["attributes"]["created-at"].as_str().unwrap() >= day
    };
    (api.listed().iter().filter(is_since).count() as u64).div_ceil(100)
}

/// The oldest open day of the look-back.
fn first_open(home: &Home) -> String {
    let days = home.lake().records("days");
    let newest: Date = days.keys().next_back().unwrap().parse().unwrap();
    let first = newest.checked_sub(7.days()).unwrap().to_string();
    let is_open = |(date, day): &(&String, &Value)| **date >= first && day["sealed"] == json!(false);
    days.iter().find(is_open).unwrap().0.clone()
}

/// Sessions redacted behind the look-back are seen by `--full` only: what else the lake says wrongly.
fn differences(home: &Home, api: &Sandbox) -> (usize, usize) {
    let (held, truth) = (held(&home.lake()), truth(api));
    assert!(held.keys().eq(truth.keys()), "{} sessions held of {}", held.len(), truth.len());
    let other: Vec<&String> = truth.iter().filter(|(id, row)| held[*id] != **row).map(|(id, _)| id).collect();
    let is_redacted = |session: &String| {
        let (id, row) = of_session(session, api.environment());
        row["user_agent"].is_null() && other.binary_search(&&id).is_ok()
    };
    let redacted = api.listed().iter().filter(|session| is_redacted(session)).count();
    (other.len() - redacted, redacted)
}

#[test]
#[ignore = "large: a million sessions"]
fn a_night_on_top_of_a_million_sessions_costs_the_pages_of_the_open_days() {
    let api = world(101, 1);
    let home = Home::new();
    home.fetch(&api).succeeds();
    api.clock().turn(DAY);
    let pages = pages_since(&api, &first_open(&home));
    let before = api.stats().total();
    let began = Instant::now();
    home.fetch(&api).succeeds();
    let (requests, took) = (api.stats().total() - before, began.elapsed());
    let run = home.lake().last_run();
    println!(
        "a night on top of {} sessions: {requests} requests for {pages} pages of open days, {} new, {} changed, {took:.1?}",
        truth(&api).len(),
        run["new"],
        run["changed"]
    );
    assert!(requests <= pages + 5, "{requests} requests for {pages} pages");
    let (differ, redacted) = differences(&home, &api);
    println!("{differ} sessions differ, and {redacted} were redacted on sealed days");
    assert_eq!(differ, 0);
    home.fetch(&api).args("--full").succeeds();
    assert!(held(&home.lake()) == truth(&api));
}

#[test]
#[ignore = "large: a million sessions"]
fn a_night_costs_the_same_however_old_the_lake_is() {
    let cost = |days: u32| {
        let api = world_of(2_000, days + 1, 1);
        let home = Home::new();
        home.fetch(&api).succeeds();
        api.clock().turn(DAY);
        let pages = pages_since(&api, &first_open(&home));
        let (before, began) = (api.stats().total(), Instant::now());
        home.fetch(&api).succeeds();
        let (requests, took) = (api.stats().total() - before, began.elapsed());
        println!(
            "a night on top of {days} days: {requests} requests for {pages} pages of open days, {took:.1?}"
        );
        assert!(requests <= pages + 5, "{requests} requests for {pages} pages");
        requests
    };
    let [young, old, oldest] = [10, 100, 400].map(cost);
    assert!(old.abs_diff(young) <= young / 10 && oldest.abs_diff(young) <= young / 10);
}

#[test]
#[ignore = "large: a million sessions"]
fn after_thirty_days_without_a_run_one_brings_everything() {
    let api = world(100, 30);
    let home = Home::new();
    home.fetch(&api).succeeds();
    api.clock().turn(30 * DAY);
    let before = api.stats().total();
    home.fetch(&api).succeeds();
    let (differ, redacted) = differences(&home, &api);
    println!(
        "after 30 days: {} requests for {} sessions, {differ} differ, {redacted} were redacted on sealed days",
        api.stats().total() - before,
        truth(&api).len()
    );
    assert_eq!(differ, 0);
}

#[test]
#[ignore = "large: a million sessions"]
fn one_day_of_a_hundred_costs_its_own_pages() {
    let api = world(100, 0);
    let end = unlimited().end;
    for back in [1, 20, 50, 99] {
        let day = (end - (24 * back).hours()).strftime("%Y-%m-%d").to_string();
        let next = (end - (24 * (back - 1)).hours()).strftime("%Y-%m-%d").to_string();
        let pages = pages_since(&api, &day) - pages_since(&api, &next);
        let home = Home::new();
        let before = api.stats().total();
        home.fetch(&api).args(&format!("--since {day} --until {day}")).succeeds();
        let requests = api.stats().total() - before;
        println!("{day} of 100 days: {requests} requests for {pages} pages");
        assert!(requests <= pages + 10);
        assert_eq!(home.lake().dates().into_iter().collect::<Vec<_>>(), [day]);
    }
}

#[cfg(unix)]
#[test]
#[ignore = "large: a hundred thousand sessions, many times"]
fn walks_side_by_side_that_are_killed_twenty_times_give_the_same_lake() {
    for (segments, seed) in [(1, 11), (2, 12), (4, 13), (8, 14)] {
        let latency = Duration::from_millis(5);
        let api = sandbox_with(SandboxOptions { sessions: 100_000, days: 100, latency, ..unlimited() });
        ended_by("KILL", 20, &api, seed, segments);
    }
}

/// Through the whole export, and in the middle of it.
struct Shares {
    whole: f64,
    middle: f64,
    refused: u64,
    refused_beside: u64,
}

/// Exports under a limit of 300 a window of 6 s, replies taking a twentieth of a second: a tenth of a minute, and of
/// half a second. Beside it, if wanted, a production client takes a sixth of the limit on the same key.
fn share_of_the_budget(segments: usize, is_shared: bool) -> Shares {
    const WINDOW: Duration = Duration::from_secs(6);
    let api = Arc::new(sandbox_with(SandboxOptions {
        sessions: 120_000,
        days: 60,
        limit: Some(300),
        window: WINDOW,
        latency: Duration::from_millis(50),
        ..unlimited()
    }));
    let client = Arc::new(
        Client::new(ClientOptions {
            base_url: BaseUrl::parse(api.base_url()).unwrap(),
            key: ApiKey::new(api.key()).unwrap(),
            version: DEFAULT_VERSION.to_owned(),
            budget: Budget { window: WINDOW, ..Budget::default() },
            policy: session_risk::persona::retry::Policy::default(),
        })
        .unwrap(),
    );
    let over = Arc::new(AtomicBool::new(false));
    let counters = client.counters();
    let began = Instant::now();
    let watched = thread::spawn({
        let (counters, over) = (Arc::clone(&counters), Arc::clone(&over));
        move || {
            let mut seen = Vec::new();
            while !over.load(Ordering::SeqCst) {
                seen.push((began.elapsed(), counters.requests()));
                thread::sleep(Duration::from_millis(50));
            }
            seen
        }
    });
    let beside = is_shared.then(|| {
        let (api, over) = (Arc::clone(&api), Arc::clone(&over));
        thread::spawn(move || {
            RUNTIME.block_on(async {
                let (http, url) =
                    (reqwest::Client::new(), format!("{}/inquiry-sessions?page[size]=1", api.base_url()));
                let (mut every, mut refused) = (tokio::time::interval(WINDOW / 50), 0);
                while !over.load(Ordering::SeqCst) {
                    every.tick().await;
                    let reply = http.get(&url).bearer_auth(api.key()).send().await.unwrap();
                    refused += u64::from(reply.status() == reqwest::StatusCode::TOO_MANY_REQUESTS);
                }
                refused
            })
        })
    });
    let folder = TempDir::new().unwrap();
    let lake = Lake::create(folder.path().to_str().unwrap(), RUNTIME.handle()).unwrap();
    let options = ExportOptions { segments: Some(segments), ..options("budget") };
    let summary = export::export(RUNTIME.handle(), &client, &lake, &options, &Nobody).unwrap();
    let took = began.elapsed();
    over.store(true, Ordering::SeqCst);
    assert!(summary.incomplete.is_none(), "{summary:?}");
    let seen = watched.join().unwrap();
    let at = |share: f64| seen.iter().find(|(when, _)| *when >= took.mul_f64(share)).copied().unwrap();
    let (from, until) = (at(0.2), at(0.8));
    let allowed = |time: Duration| 300.0 * 0.7 * time.as_secs_f64() / WINDOW.as_secs_f64();
    Shares {
        whole: counters.requests() as f64 / allowed(took),
        middle: (until.1 - from.1) as f64 / allowed(until.0 - from.0),
        refused: counters.too_many(),
        refused_beside: beside.map_or(0, |beside| beside.join().unwrap()),
    }
}

#[test]
#[ignore = "large: minutes under a limit"]
fn four_walks_use_the_budget_and_one_cannot() {
    for (segments, is_shared) in [(1, false), (4, false), (8, false), (4, true), (8, true)] {
        let Shares { whole, middle, refused, refused_beside } = share_of_the_budget(segments, is_shared);
        println!(
            "{segments} walks{}: {:.1} % of limit less reserve over the whole run, {:.1} % in its middle, {refused} times 429, {refused_beside} times for the other",
            if is_shared { " beside another client" } else { "" },
            100.0 * whole,
            100.0 * middle
        );
        assert_eq!((refused, refused_beside), (0, 0));
        assert!(whole <= 1.01, "more than its share");
    }
}

#[test]
#[ignore = "large: a hundred thousand sessions, four times"]
fn the_same_lake_comes_of_any_number_of_walks() {
    let latency = Duration::from_millis(10);
    let api = sandbox_with(SandboxOptions { sessions: 100_000, days: 100, latency, ..unlimited() });
    let truth = truth(&api);
    for segments in [1, 2, 4, 8] {
        let folder = TempDir::new().unwrap();
        let lake = Lake::create(folder.path().to_str().unwrap(), RUNTIME.handle()).unwrap();
        let began = Instant::now();
        let options = ExportOptions { segments: Some(segments), ..options("side-by-side") };
        export::export(RUNTIME.handle(), &client(&api, 5), &lake, &options, &Nobody).unwrap();
        println!("{segments} walks: {:.1?}", began.elapsed());
        assert!(held(&LakeFiles::new(folder.path())) == truth, "{segments} walks");
    }
}
