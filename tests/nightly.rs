//! Night after night: only what is new, open or missing is asked for, and the lake is what the API says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::ToSpan;
use serde_json::json;
use session_risk::sandbox::{Clock, Sandbox, SandboxOptions};

use crate::harness::{Home, sandbox, sandbox_with, unlimited};
use crate::lake_files::Row;
use crate::scripted::{Answer, Scripted, link, session};

/// Requests of a walk that may be under way or waiting when its last page is decoded, and the one that asked for the
/// limit.
const UNDER_WAY: u64 = 4 + 1;

/// 500 sessions a day over 40 days, seen some days before the last of them.
fn world(days_before_the_end: i64) -> Sandbox {
    let end = unlimited().end;
    let clock = Arc::new(Clock::frozen_at(end - (24 * days_before_the_end).hours()));
    sandbox_with(SandboxOptions { sessions: 20_000, days: 40, clock: Some(clock), ..unlimited() })
}

/// What the API says at this moment.
fn truth(api: &Sandbox) -> BTreeMap<String, Row> {
    let home = Home::new();
    home.fetch(api).succeeds();
    home.lake().without_fetched_at()
}

/// Fetches and gives the number of requests.
fn night(home: &Home, api: &Sandbox, flags: &str) -> u64 {
    let before = api.stats().total();
    home.fetch(api).args(flags).succeeds();
    api.stats().total() - before
}

/// How many sessions the API says something else of than the lake, those left out that were redacted since.
fn differences(home: &Home, api: &Sandbox) -> usize {
    let (held, truth) = (home.lake().without_fetched_at(), truth(api));
    assert!(held.keys().eq(truth.keys()), "{} of {}", held.len(), truth.len());
    let is_redacted = |held: &Row, row: &Row| row["user_agent"].is_null() && !held["user_agent"].is_null();
    truth.iter().filter(|(id, row)| held[*id] != **row && !is_redacted(&held[*id], row)).count()
}

#[test]
fn a_night_costs_the_pages_of_the_open_days_and_brings_all_that_changed() {
    let api = world(4);
    let home = Home::new();
    night(&home, &api, "");
    for _ in 0..4 {
        api.clock().turn(Duration::from_secs(24 * 3600));
        let requests = night(&home, &api, "");
        // About two days of 500 sessions are open.
        assert!((6..=16 + 1 + UNDER_WAY).contains(&requests), "{requests} requests");
        assert_eq!(differences(&home, &api), 0);
    }
    // A session of a sealed day can still be redacted: a walk over everything sees that.
    night(&home, &api, "--full");
    assert!(home.lake().without_fetched_at() == truth(&api));
}

#[test]
fn after_a_long_pause_one_run_brings_everything() {
    let api = world(25);
    let home = Home::new();
    night(&home, &api, "");
    api.clock().turn(Duration::from_secs(25 * 24 * 3600));
    let requests = night(&home, &api, "");
    assert!((125..=125 + 16 + 1 + UNDER_WAY).contains(&requests), "{requests} requests");
    assert_eq!(differences(&home, &api), 0);
}

#[test]
fn a_hole_is_closed_without_walking_what_lies_above_it() {
    let api = world(0);
    let end = unlimited().end;
    let date = |days: i64| end.checked_sub((24 * days).hours()).unwrap().strftime("%Y-%m-%d").to_string();
    let home = Home::new();
    let flags = |first: i64, last: i64| format!("--since {} --until {}", date(first), date(last));
    night(&home, &api, &flags(39, 25));
    night(&home, &api, &format!("--since {}", date(20)));
    // The hole of four days, and the two or three that are open.
    let requests = night(&home, &api, "");
    assert!((20..=20 + 16 + 2 * (1 + UNDER_WAY)).contains(&requests), "{requests} requests");
    assert!(night(&home, &api, "") <= 16 + 1 + UNDER_WAY, "a hole that is closed is walked again");
    // What nobody asked for stays out until somebody does.
    let oldest = home.lake().dates().first().unwrap().clone();
    assert!(oldest >= date(39), "{oldest}");
    night(&home, &api, "--full");
    assert_eq!(differences(&home, &api), 0);
}

#[test]
fn one_old_day_of_a_lake_is_walked_again_by_itself_when_it_is_asked_for_in_full() {
    let api = world(0);
    let home = Home::new();
    night(&home, &api, "");
    let day = "--since 2026-10-25 --until 2026-10-25";
    assert_eq!(night(&home, &api, day), 0, "a sealed day needs no request");
    let before = home.lake().holdings();
    let requests = night(&home, &api, &format!("{day} --full"));
    assert!((5..=8 + 1 + UNDER_WAY).contains(&requests), "{requests} requests");
    assert!(home.lake().sessions().len() == 20_000);
    let same = |name: &String| name.ends_with(".parquet");
    let files = |holdings: BTreeMap<String, Vec<u8>>| {
        holdings.into_iter().filter(|(name, _)| same(name)).collect::<BTreeMap<_, _>>()
    };
    assert!(files(home.lake().holdings()) == files(before), "an unchanged day was written again");
}

#[test]
fn a_session_that_is_gone_is_no_place_to_begin_and_the_next_one_is() {
    let at = |id: String, moment: &str| session(&id, &format!("2026-11-{moment}:00.000Z"));
    // Enough above the hole that it is worth to begin below them.
    let above: Vec<String> = (0..400)
        .map(|nth| {
            at(format!("iqse_above_{nth:03}"), &format!("20T{:02}:{:02}", 20 - nth / 60, 59 - nth % 60))
        })
        .collect();
    let first = |id: &str, moment: &str| at(id.to_owned(), moment);
    let lowest = [first("iqse_near", "20T02:01"), first("iqse_nearest", "20T02:00")];
    let below = [first("iqse_3", "17T10:00"), first("iqse_2", "16T10:00"), first("iqse_1", "10T10:00")];
    let listing = |gone: &str| {
        let all = [above.as_slice(), &lowest, &below].concat();
        Scripted::listing(all.into_iter().filter(|of| gone.is_empty() || !of.contains(gone)).collect())
    };
    let home = Home::new();
    home.fetch(&listing("")).args("--since 2026-11-20").succeeds();
    home.fetch(&listing("")).args("--since 2026-11-10 --until 2026-11-12").succeeds();
    // A page above the hole: neighbours need not be in the order of their time.
    let api = listing("iqse_above_301");
    home.fetch(&api).succeeds();
    assert!(["iqse_2", "iqse_3"].iter().all(|id| home.lake().sessions().contains_key(*id)));
    let cursors: Vec<_> = api.asked().iter().map(|asked| asked.cursor()).collect();
    let cursor = |id: &str| Some(id.to_owned());
    // What is new on top first, and then the hole.
    assert_eq!(cursors[0], None);
    let begun = [cursor("iqse_above_301"), cursor("iqse_above_300"), cursor("iqse_nearest")];
    assert_eq!(cursors[cursors.len() - 3..], begun, "{cursors:?}");
    assert!(cursors.len() <= 5, "{cursors:?}");
}

#[test]
fn a_number_of_requests_ends_an_export_in_good_order_and_the_next_goes_on() {
    let api = sandbox(3_000, 6);
    let home = Home::new();
    let fetch = |flags: &str| home.fetch(&api).args(flags);
    fetch("--max-requests 12")
        .ends_with(3)
        .says(&["incomplete", "as many requests as --max-requests allows"]);
    assert_eq!(api.stats().total(), 12);
    // One of them asked for the limit.
    assert_eq!(home.lake().sessions().len(), 1_100);
    fetch("--max-requests 12").ends_with(3);
    fetch("").succeeds();
    // The third run looks at what is new on top too.
    assert!(api.stats().pages <= 30 + 1 + UNDER_WAY, "{:?}", api.stats());
    assert_eq!(differences(&home, &api), 0);
}

#[test]
fn an_interrupted_first_export_of_some_days_keeps_to_them_when_it_goes_on() {
    let api = world(0);
    let home = Home::new();
    home.fetch(&api).args("--since 2026-11-01 --max-requests 5").ends_with(3);
    night(&home, &api, "");
    night(&home, &api, "");
    let dates = home.lake().dates();
    assert_eq!(dates.first().map(String::as_str), Some("2026-11-01"));
}

#[test]
fn a_day_file_that_cannot_be_read_keeps_no_hole_open() {
    let api = world(0);
    let home = Home::new();
    night(&home, &api, "--until 2026-10-25");
    night(&home, &api, "--since 2026-10-30");
    std::fs::write(home.lake().day_file("2026-10-30"), "no day file").unwrap();
    home.fetch(&api).succeeds().says(&["no place to begin at could be read from the lake", "2026-10-30"]);
    let dates = home.lake().dates();
    assert!(dates.iter().any(|date| date == "2026-10-27"), "{dates:?}");
}

#[test]
fn what_an_interrupted_run_saw_long_ago_is_walked_again_by_the_one_that_goes_on() {
    let api = world(4);
    let home = Home::new();
    home.fetch(&api).args("--max-requests 30").ends_with(3);
    // Within the hour nothing is asked for twice.
    home.fetch(&api).args("--max-requests 60").ends_with(3);
    // Each of them asked for the limit too.
    assert_eq!(home.lake().sessions().len(), 8_800);
    api.clock().turn(Duration::from_secs(48 * 3600));
    night(&home, &api, "");
    assert_eq!(differences(&home, &api), 0);
}

#[test]
fn a_deadline_ends_an_export_even_in_a_wait() {
    let home = Home::new();
    let busy = Scripted::serving(|_, number| match number {
        0 => Answer::page(&[session("iqse_2", "2026-11-20T10:00:00.000Z")], Some(&link("iqse_2"))),
        _ => Answer::error(429, "Rate limit exceeded", "").with("Retry-After", "90"),
    });
    let began = Instant::now();
    home.fetch(&busy).args("--deadline 1s").ends_with(3).says(&["incomplete", "its deadline was reached"]);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(home.lake().sessions().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_an_export_in_good_order_even_in_a_wait() {
    for signal in ["TERM", "INT"] {
        let home = Home::new();
        let busy = Scripted::serving(|_, number| match number {
            0 => Answer::page(&[session("iqse_2", "2026-11-20T10:00:00.000Z")], Some(&link("iqse_2"))),
            _ => Answer::error(429, "Rate limit exceeded", "").with("Retry-After", "90"),
        });
        let mut export = home.fetch(&busy).start();
        export.until(|| busy.asked().len() == 2);
        let began = Instant::now();
        export.signal(signal);
        let (status, stderr) = export.wait();
        assert_eq!(status, Some(3), "{stderr}");
        assert!(stderr.contains("it was asked to stop; run again to go on"), "{stderr}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(home.lake().sessions().len(), 1);
        let outcome = home.lake().last_run()["outcome"].clone();
        assert_eq!(outcome, json!("incomplete: it was asked to stop; run again to go on"));
        let rest =
            Scripted::answering([Answer::page(&[session("iqse_1", "2026-11-20T09:00:00.000Z")], None)]);
        home.fetch(&rest).succeeds();
        assert_eq!(rest.asked()[0].cursor().as_deref(), Some("iqse_2"));
        assert_eq!(home.lake().sessions().len(), 2);
    }
}

#[test]
fn a_day_is_sealed_by_one_walk_an_hour_after_its_end_and_not_by_pieces() {
    let at = |nth: usize, moment: &str| session(&format!("iqse_{nth}"), moment);
    let clock = |now: &'static str| move |answer: Answer| answer.with("Date", now);
    let home = Home::new();
    let sessions = [at(2, "2026-11-20T20:00:00.000Z"), at(1, "2026-11-20T02:00:00.000Z")];
    let sealed = |home: &Home| home.lake().records("days")["2026-11-20"]["sealed"].clone();
    let early = clock("Fri, 20 Nov 2026 12:00:00 GMT");
    home.fetch(&Scripted::answering([early(Answer::page(&sessions[1..], None))])).succeeds();
    assert_eq!(sealed(&home), json!(false));
    let soon = clock("Sat, 21 Nov 2026 00:30:00 GMT");
    home.fetch(&Scripted::answering([soon(Answer::page(&sessions, None))])).succeeds();
    assert_eq!(sealed(&home), json!(false), "half an hour after its end");
    let later = clock("Sat, 21 Nov 2026 01:00:00 GMT");
    home.fetch(&Scripted::answering([later(Answer::page(&sessions, None))])).succeeds();
    assert_eq!(sealed(&home), json!(true));
}

#[test]
fn a_dry_run_tells_what_it_would_cost_for_one_request_and_fetches_nothing() {
    let api = world(1);
    let home = Home::new();
    let dry = |flags: &str| home.fetch(&api).args("--dry-run").args(flags).succeeds();
    dry("").says(&["would walk everything", "not known, as the API tells no total"]);
    assert!(!home.lake().exists());
    assert_eq!(api.stats().total(), 1);
    night(&home, &api, "");
    let before = home.lake().files();
    // The days are counted by the API's clock, whatever this machine's says.
    let told = dry("");
    let told = told.says(&["would walk 2026-11-", "until now: about ", " requests, "]);
    let words = told.stderr.split("about ").nth(1).unwrap();
    let requests: u64 = words.split(' ').next().unwrap().parse().unwrap();
    assert!((8..=16).contains(&requests), "{requests}");
    dry("--since 2026-10-20 --until 2026-10-25").says(&["would ask for nothing", "--full"]);
    dry("--since 2026-10-20 --until 2026-10-25 --full")
        .says(&["2026-10-20 to 2026-10-25: about 31 requests"]);
    assert!(home.lake().files() == before);
}

#[test]
fn a_look_back_of_nothing_is_refused() {
    let api = sandbox(100, 2);
    let home = Home::new();
    home.fetch(&api).args("--look-back 0d").is_refused(2, &["--look-back", "number of days"]);
    home.fetch(&api).args("--refresh some").is_refused(2, &["--refresh", "number of days"]);
    home.fetch(&api).args("--max-requests 0").is_refused(2, &["--max-requests"]);
    home.fetch(&api).args("--deadline soon").is_refused(2, &["--deadline", "duration"]);
    assert!(!home.lake().exists());
}
