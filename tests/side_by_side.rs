//! Several walks under one pace give the lake that one walk gives, and a moment is found without walking to it.

use std::collections::HashSet;
use std::sync::Mutex;
use std::thread::ThreadId;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use session_risk::export::{self, Asked, ExportOptions, Incomplete, Limits, Range, Standing, Watch};
use session_risk::lake::Lake;
use session_risk::sandbox::SandboxOptions;
use tempfile::TempDir;

use crate::harness::{Home, faults, sandbox, sandbox_with, unlimited};
use crate::in_process::{Nobody, RUNTIME, client, options};
use crate::lake_files::LakeFiles;
use crate::scripted::{Answer, Scripted, link, session};
use crate::truth::{held, truth};

#[test]
fn the_lake_is_the_same_however_many_walks_there_are() {
    for segments in [1, 2, 4, 8] {
        let latency = Duration::from_millis(2);
        let api = sandbox_with(SandboxOptions { sessions: 4_000, days: 25, latency, ..unlimited() });
        let folder = TempDir::new().unwrap();
        let lake = Lake::create(folder.path().to_str().unwrap(), RUNTIME.handle()).unwrap();
        for run in ["first", "again"] {
            let options = ExportOptions { segments: Some(segments), piece_pages: 3, ..options(run) };
            let client = client(&api, 5);
            let summary = export::export(RUNTIME.handle(), &client, &lake, &options, &Nobody).unwrap();
            assert!(summary.incomplete.is_none(), "{summary:?}");
            assert!(held(&LakeFiles::new(folder.path())) == truth(&api), "{segments} segments, {run}");
        }
        let stats = api.stats();
        assert_eq!(stats.most_in_flight > 1, segments > 1, "{segments} segments: {stats:?}");
        let manifest = lake.manifest().unwrap();
        let open = manifest.days.values().filter(|day| !day.complete).count();
        assert_eq!((open, manifest.lake.covered.len()), (1, 1), "a day was put together from two walks");
    }
}

#[test]
fn more_walks_than_there_are_pages_are_no_harm_and_other_numbers_are_refused() {
    let api = sandbox(300, 4);
    let home = Home::new();
    home.fetch(&api).args("--segments 8").succeeds();
    assert_eq!(home.lake().sessions().len(), 300);
    for wrong in ["0", "9", "some"] {
        home.fetch(&api).args(&format!("--segments {wrong}")).is_refused(2, &["--segments", "1 to 8"]);
    }
}

#[test]
fn a_key_that_may_not_list_inquiries_walks_from_the_top() {
    let api = sandbox(3_000, 20);
    let (home, other) = (Home::new(), Home::new());
    let range = "--since 2026-11-05 --until 2026-11-06";
    home.fetch(&api).args(range).succeeds();
    let with = api.stats().total();
    assert!(with < 12, "{with}");
    other
        .fetch(&api)
        .key(api.sessions_only_key())
        .args(range)
        .succeeds()
        .says(&["the key may not read inquiries"]);
    assert!(api.stats().total() - with > 20, "{:?}", api.stats());
    assert!(other.lake().without_fetched_at() == home.lake().without_fetched_at());
}

#[test]
fn walks_side_by_side_send_no_request_more_than_is_allowed_retries_included() {
    let latency = Duration::from_millis(2);
    for most in [7, 30, 45] {
        let world =
            SandboxOptions { sessions: 4_000, days: 25, latency, faults: faults(0.05), ..unlimited() };
        let api = sandbox_with(world);
        let folder = TempDir::new().unwrap();
        let lake = Lake::create(folder.path().to_str().unwrap(), RUNTIME.handle()).unwrap();
        let limits = Limits { max_requests: Some(most), ..Limits::default() };
        let options = ExportOptions { segments: Some(8), piece_pages: 1, limits, ..options("some") };
        let summary = export::export(RUNTIME.handle(), &client(&api, 50), &lake, &options, &Nobody).unwrap();
        assert_eq!(summary.record.requests, most, "{summary:?}");
        assert!(matches!(summary.incomplete, Some(Incomplete::Stopped(_))), "{summary:?}");
        assert!(api.stats().total() <= most, "{:?}", api.stats());
    }
}

/// Remembers which threads walk.
#[derive(Default)]
struct Walkers(Mutex<HashSet<ThreadId>>);

impl Watch for Walkers {
    fn standing(&self, _: Standing) {
        self.0.lock().unwrap().insert(std::thread::current().id());
    }
}

#[test]
fn an_export_that_was_interrupted_as_one_walk_goes_on_as_several() {
    let latency = Duration::from_millis(5);
    let api = sandbox_with(SandboxOptions { sessions: 8_000, days: 40, latency, ..unlimited() });
    let folder = TempDir::new().unwrap();
    let lake = Lake::create(folder.path().to_str().unwrap(), RUNTIME.handle()).unwrap();
    let export = |segments, max_requests, run_id: &str, walkers: &Walkers| {
        let limits = Limits { max_requests, ..Limits::default() };
        let options = ExportOptions { segments: Some(segments), piece_pages: 3, limits, ..options(run_id) };
        export::export(RUNTIME.handle(), &client(&api, 5), &lake, &options, walkers).unwrap()
    };
    let (alone, together) = (Walkers::default(), Walkers::default());
    assert!(export(1, Some(12), "first", &alone).incomplete.is_some());
    assert!(export(4, None, "second", &together).incomplete.is_none());
    assert_eq!(alone.0.lock().unwrap().len(), 1);
    assert!(together.0.lock().unwrap().len() > 1);
    assert!(held(&LakeFiles::new(folder.path())) == truth(&api));
    assert!(api.stats().pages < 80 + 30, "{:?}", api.stats());
}

/// 250 sessions a minute apart, the newest first.
fn listed() -> Vec<String> {
    let at = |nth: usize| format!("2026-11-20T{:02}:{:02}:00.000Z", 20 - nth / 60, 59 - nth % 60);
    (0..250).map(|nth| session(&format!("iqse_{nth:03}"), &at(nth))).collect()
}

/// Lists them and does not know some of the ids as cursors.
fn without_cursors(gone: impl Fn(usize) -> bool + Send + 'static) -> Scripted {
    let rows = listed();
    Scripted::serving(move |asked, _| {
        let from = match asked.cursor() {
            None => 0,
            Some(cursor) => match cursor.strip_prefix("iqse_").and_then(|nth| nth.parse().ok()) {
                Some(nth) if !gone(nth) => nth + 1,
                _ => return Answer::error(404, "Record not found", ""),
            },
        };
        if !asked.target.contains("/inquiry-sessions") {
            return Answer::error(404, "Not found", "");
        }
        let until = (from + 100).min(rows.len());
        let next = (until < rows.len()).then(|| link(&format!("iqse_{:03}", until - 1)));
        Answer::page(&rows[from..until], next.as_deref())
    })
}

#[test]
fn a_walk_steps_back_over_deleted_sessions_and_loses_none() {
    for gone in [1, 5] {
        let api = without_cursors(move |nth| (100 - gone..100).contains(&nth));
        let home = Home::new();
        home.fetch(&api).succeeds();
        assert_eq!(home.lake().sessions().len(), 250, "{gone} in a row are gone");
    }
    // Not one of those before it is known either: what came before them is kept, and the next run goes on.
    let api = without_cursors(|nth| (90..100).contains(&nth));
    let home = Home::new();
    home.fetch(&api).ends_with(3).says(&["incomplete", "404", "iqse_099"]).assert_no_panic();
    assert_eq!(home.lake().sessions().len(), 100);
}

/// Four days of 144 sessions each, listed by moment as well, by way of an inquiry for each. The list breaks off for
/// whoever asks for what lies below a session of the small hours of one day.
fn breaking_off(breaks: bool) -> Scripted {
    let begin: Timestamp = "2026-11-22T23:50:00Z".parse().unwrap();
    let at = move |nth: usize| begin - SignedDuration::from_mins(10 * nth as i64);
    let id = |nth: usize| format!("iqse_{nth:03}");
    let rows: Vec<String> = (0..4 * 144).map(|nth| session(&id(nth), &at(nth).to_string())).collect();
    Scripted::serving(move |asked, _| {
        let moment = |name: &str| asked.parameter(name)?.parse::<Timestamp>().ok();
        if let Some(start) = moment("filter[created-at-start]") {
            let end = moment("filter[created-at-end]").unwrap();
            let found: Vec<String> = (0..rows.len())
                .filter(|nth| (start..=end).contains(&at(*nth)))
                .map(|nth| {
                    let session = json!({"type": "inquiry-session", "id": id(nth)});
                    json!({"type": "inquiry", "id": format!("inq_{nth}"), "attributes": {"created-at": at(nth).to_string()},
                        "relationships": {"sessions": {"data": [session]}}})
                    .to_string()
                })
                .collect();
            return Answer::page(&found[..found.len().min(100)], (found.len() > 100).then_some("more"));
        }
        let after = asked.cursor().and_then(|cursor| cursor.strip_prefix("iqse_")?.parse::<usize>().ok());
        let from = after.map_or(0, |nth| nth + 1);
        let until = (from + 100).min(rows.len());
        let small_hours = "2026-11-21T02:00:00Z".parse().unwrap().."2026-11-21T10:00:00Z".parse().unwrap();
        let ends = until == rows.len() || breaks && small_hours.contains(&at(from));
        Answer::page(&rows[from..until], Some(link(&id(until - 1))).filter(|_| !ends).as_deref())
    })
}

#[test]
fn a_list_that_ends_for_one_walk_where_another_sees_it_go_on_covers_nothing() {
    let folder = TempDir::new().unwrap();
    let lake = Lake::create(folder.path().to_str().unwrap(), RUNTIME.handle()).unwrap();
    let export = |api: &Scripted, run_id: &str, since: &str| {
        let range = Range { since: Some(since.parse().unwrap()), until: None };
        let asked = Asked { range, look_back_days: 7, ..Asked::default() };
        let options = ExportOptions { asked, segments: Some(2), piece_pages: 1, ..options(run_id) };
        export::export(RUNTIME.handle(), &client(api, 5), &lake, &options, &Nobody).unwrap()
    };
    let sound = breaking_off(false);
    assert!(export(&sound, "first", "2026-11-22").incomplete.is_none());
    let covered = lake.manifest().unwrap().lake.covered;
    let summary = export(&breaking_off(true), "broken", "2026-11-19");
    assert!(matches!(summary.incomplete, Some(Incomplete::Doubtful(_))), "{summary:?}");
    let manifest = lake.manifest().unwrap();
    assert_eq!(manifest.lake.covered, covered);
    let sealed = manifest.days.values().filter(|day| day.sealed).count();
    assert_eq!(sealed, 1, "those of the run are not");
    assert!(export(&sound, "again", "2026-11-19").incomplete.is_none());
    assert_eq!(held(&LakeFiles::new(folder.path())).len(), 4 * 144);
    assert_eq!(lake.manifest().unwrap().lake.covered[0].from, Some("2026-11-19T00:00:00Z".parse().unwrap()));
}

#[test]
fn the_sealed_days_that_were_walked_longest_ago_are_refreshed_in_turn() {
    let day = |day: u32| session(&format!("iqse_{day}"), &format!("2026-11-{day:02}T10:00:00.000Z"));
    // So many between that the days at both ends are walked by themselves.
    let between = |nth: usize| {
        session(
            &format!("iqse_between_{nth}"),
            &format!("2026-11-10T{:02}:{:02}:00.000Z", 20 - nth / 60, 59 - nth % 60),
        )
    };
    let rows =
        |old: [String; 2]| [vec![day(19), day(18)], (0..400).map(between).collect(), old.to_vec()].concat();
    let home = Home::new();
    home.fetch(&Scripted::listing(rows([day(3), day(2)]))).succeeds();
    let redacted = |day: String| day.replace("\"192.0.2.1\"", "null");
    let rows = rows([redacted(day(3)), redacted(day(2))]);
    home.fetch(&Scripted::listing(rows.clone())).succeeds().says(&["0 changed"]);
    home.fetch(&Scripted::listing(rows.clone())).args("--refresh 1").succeeds().says(&["1 changed"]);
    assert!(home.lake().sessions()["iqse_2"]["ip_address"].is_null(), "the oldest of those walked at once");
    let everything = home.fetch(&Scripted::listing(rows)).args("--full").succeeds();
    everything.says(&["1 changed", "1 had changed behind the look-back", "--look-back 16d"]);
}
