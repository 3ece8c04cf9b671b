//! `verify --repair` and `--rebuild`: nothing that can be read is lost, and the lake is again what a fresh fetch gives.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::time::Duration;

use serde_json::{Value, json};
use session_risk::sandbox::SandboxOptions;

use crate::harness::{Home, sandbox_with, unlimited};
use crate::lake_files::rows;
use crate::scripted::session;
use crate::small_lake;
use crate::verify::{Ward, edit, findings, flip, rewrite, values, world};

#[test]
fn rows_of_a_file_that_can_be_read_are_written_anew_and_what_the_api_does_not_list_is_put_aside() {
    let ward = Ward::new();
    let day = ward.day(3);
    let mut held = values(rows(&ward.file(&day)));
    let mut extra = held[5].clone();
    extra["session_id"] = json!("iqse_only_here");
    // Out of order, so that the file cannot stay as it is.
    held.push(extra);
    small_lake::write(&ward.file(&day), &held);
    let damaged = fs::read(ward.file(&day)).unwrap();
    assert_eq!(ward.repair().status, Some(0));
    // The walk after the repair goes over the day: what is not listed has vanished as it would from any other.
    assert!(ward.lake().without_fetched_at() == ward.untouched.lake().without_fetched_at());
    let aside = ward
        .lake()
        .files()
        .into_iter()
        .find(|(name, _)| name.contains("/damaged/") && name.contains("parquet"));
    assert!(aside.unwrap().1 == damaged, "the file as it was is not there any more");
    assert_eq!(findings(&ward.home, 0), [("_session_risk/damaged".to_owned(), "put-aside".to_owned())]);
}

#[test]
fn rows_of_other_days_and_sessions_that_are_there_twice_are_found_and_sorted_out() {
    let ward = Ward::new();
    let (day, next) = (ward.day(3), ward.day(4));
    let strangers = |rows: &[Value]| {
        let mut held = values(self::rows(&ward.file(&day)));
        held.extend_from_slice(rows);
        small_lake::write(&ward.file(&day), &held);
    };
    let kinds = |found: &[(String, String)], day: &str| -> BTreeSet<String> {
        found.iter().filter(|(place, _)| place == day).map(|(_, kind)| kind.clone()).collect()
    };
    let other = values(rows(&ward.file(&next)));
    strangers(&other[..3]);
    let found = findings(&ward.home, 1);
    assert!(kinds(&found, &day).is_superset(&["other-days", "twice"].map(str::to_owned).into()), "{found:?}");
    assert_eq!(kinds(&found, &next), ["twice".to_owned()].into());
    assert_eq!(ward.repair().status, Some(0));
    fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap();
    ward.assert_as_untouched("rows of the next day");

    // An earlier version of a session, as if created on another day.
    let mut earlier = other[0].clone();
    earlier["created_at"] = self::rows(&ward.file(&day))[0]["created_at"].clone();
    earlier["fetched_at"] = json!("2026-11-01T00:00:00.000Z");
    strangers(&[earlier]);
    let found = findings(&ward.home, 1);
    assert!(
        kinds(&found, &day).contains("twice") && !kinds(&found, &day).contains("other-days"),
        "{found:?}"
    );
    assert_eq!(kinds(&found, &next), ["twice".to_owned()].into());
    assert_eq!(ward.repair().status, Some(0));
    fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap();
    ward.assert_as_untouched("a session of two days");
}

#[test]
fn what_lies_where_readers_look_and_is_no_day_file_is_put_aside() {
    let ward = Ward::new();
    let day = ward.day(3);
    let stray = format!("sessions/created_date={day}/part-0.parquet");
    fs::copy(ward.file(&day), ward.lake().path(&stray)).unwrap();
    fs::write(ward.lake().path("sessions/notes.txt"), "mine").unwrap();
    fs::write(ward.lake().path("_session_risk/days/copy of a day.json"), "{}").unwrap();
    let found: BTreeSet<_> = findings(&ward.home, 1).into_iter().collect();
    let expected = [
        ("_session_risk/days/copy of a day.json", "stray-record"),
        ("sessions/notes.txt", "stray"),
        (stray.as_str(), "stray"),
    ];
    assert_eq!(found, expected.map(|(place, kind)| (place.to_owned(), kind.to_owned())).into());
    assert_eq!(ward.repair().status, Some(0));
    assert!(!ward.lake().path(&stray).exists());
    let aside: Vec<_> = ward.lake().files().into_keys().filter(|name| name.contains("/damaged/")).collect();
    assert_eq!(aside.len(), 3, "{aside:?}");
    fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap();
    ward.assert_as_untouched("strays");
}

#[test]
fn a_file_of_another_environment_does_not_stay() {
    let ward = Ward::new();
    let day = ward.day(3);
    let other = Home::new();
    other.fetch(&sandbox_with(SandboxOptions { seed: 2, sessions: 900, days: 9, ..unlimited() })).succeeds();
    fs::copy(other.lake().day_file(&day), ward.file(&day)).unwrap();
    let found = findings(&ward.home, 1);
    assert!(found.contains(&(day, "other-environment".to_owned())), "{found:?}");
    assert_eq!(ward.repair().status, Some(0));
    fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap();
    ward.assert_as_untouched("another environment");
}

#[test]
fn stretches_that_cannot_have_been_walked_are_walked_again() {
    let ward = Ward::new();
    let lake = ward.lake().path("_session_risk/lake.json");
    for covered in [
        json!([{"from": "2026-11-18T00:00:00Z", "until": "2026-11-10T00:00:00Z"}]),
        json!([{"from": null, "until": "2026-11-15T00:00:00Z"}, {"from": "2026-11-14T00:00:00Z", "until": "2026-11-16T00:00:00Z"}]),
        json!([{"from": null, "until": "2126-11-15T00:00:00Z"}]),
    ] {
        edit(&lake, |of| of["covered"] = covered.clone());
        assert_eq!(findings(&ward.home, 1), [("_session_risk/lake.json".to_owned(), "covered".to_owned())]);
        assert_eq!(ward.repair().status, Some(0));
        ward.assert_as_untouched(&covered.to_string());
    }
}

#[test]
fn a_damaged_record_of_the_lake_is_told_by_every_command_and_rebuilt_from_the_files() {
    let ward = Ward::new();
    let lake = ward.lake().path("_session_risk/lake.json");
    fs::write(&lake, "{").unwrap();
    ward.home.command("status --lake lake").is_refused(1, &["lake.json", "session-risk verify"]);
    let place = "_session_risk/lake.json".to_owned();
    assert_eq!(findings(&ward.home, 1), [(place.clone(), "record-unreadable".to_owned())]);
    let refused = ward.repair();
    assert_eq!(refused.status, Some(1));
    refused.says(&["verify --rebuild"]);
    ward.home.command("verify --lake lake --repair --rebuild").is_refused(2, &["--rebuild"]);

    let rebuilt = ward.home.command("verify --rebuild --lake lake").succeeds();
    rebuilt.says(&["days with 1,800 sessions are recorded anew", "no day counts as complete"]);
    let record: Value = serde_json::from_slice(&fs::read(&lake).unwrap()).unwrap();
    assert_eq!((&record["covered"], &record["environment_id"]), (&json!([]), &json!(ward.api.environment())));
    assert!(ward.lake().records("days").values().all(|day| day["complete"] == json!(false)));
    let aside = ward.lake().files();
    assert!(aside.iter().any(|(name, bytes)| name.ends_with("/_session_risk/lake.json") && bytes == b"{"));
    ward.home.command("report network_risk --lake lake").ends_with(4);
    ward.home.fetch(&ward.api).succeeds().says(&["0 new", "0 changed"]);
    fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap();
    ward.assert_as_untouched("rebuilt");

    // Not a single record is left.
    fs::remove_dir_all(ward.lake().path("_session_risk")).unwrap();
    assert_eq!(findings(&ward.home, 1)[0], (place, "record-missing".to_owned()));
    ward.home.command("verify --rebuild --lake lake").succeeds();
    ward.home.fetch(&ward.api).succeeds().says(&["0 new", "0 changed"]);
    fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap_or_default();
    ward.assert_as_untouched("rebuilt from nothing");
}

#[test]
fn a_rebuild_takes_no_damaged_file_for_a_sound_one() {
    let ward = Ward::new();
    let (day, next) = (ward.day(3), ward.day(4));
    rewrite(&ward.file(&day), |_, value| Some(value), |batch| batch.slice(1, batch.num_rows() - 1));
    fs::write(ward.file(&next), "hello").unwrap();
    fs::write(ward.lake().path("_session_risk/lake.json"), "{").unwrap();
    ward.home.command("verify --rebuild --lake lake").ends_with(1).says(&["--repair"]);
    let kinds = findings(&ward.home, 1);
    for finding in [(day, "damaged".to_owned()), (next, "unreadable".to_owned())] {
        assert!(kinds.contains(&finding), "{kinds:?}");
    }
    assert_eq!(ward.repair().status, Some(0));
    fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap();
    ward.assert_as_untouched("rebuilt and repaired");
}

#[test]
fn an_imported_day_that_cannot_be_had_again_is_said_with_its_run() {
    let ward = Ward::new();
    ward.home.write("input", &session("iqse_old", "2026-10-01T10:00:00.000Z"));
    ward.home
        .command("import input --lake lake --run-id brought --fetched-at 2026-10-03T00:00:00Z")
        .succeeds();
    let file = ward.file("2026-10-01");
    flip(&file, 100);
    let repaired = ward.repair();
    assert!(repaired.stdout.contains("2026-10-01  was imported by run brought"), "{}", repaired.stdout);
    ward.home.command("import input --lake lake --fetched-at 2026-10-03T00:00:00Z").succeeds();
    assert!(ward.lake().sessions().contains_key("iqse_old"));
    assert_eq!(findings(&ward.home, 0).len(), 1);
}

#[test]
fn a_file_of_an_earlier_night_is_kept_and_what_came_since_is_fetched() {
    let (api, home) = (world(2), Home::new());
    home.fetch(&api).succeeds();
    let day = home.lake().dates().last().unwrap().clone();
    let old = fs::read(home.lake().day_file(&day)).unwrap();
    api.clock().turn(Duration::from_secs(2 * 24 * 3600));
    home.fetch(&api).succeeds();
    fs::write(home.lake().day_file(&day), old).unwrap();
    let untouched = Home::new();
    untouched.fetch(&api).succeeds();
    let ward = Ward { api, home, untouched };
    assert_eq!(findings(&ward.home, 1)[0], (day.clone(), "replaced".to_owned()));
    let repaired = ward.repair();
    assert_eq!(repaired.status, Some(0), "{repaired:#?}");
    assert!(repaired.stdout.contains(&format!("ok  {day}  its file is kept")), "{}", repaired.stdout);
    fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap();
    ward.assert_as_untouched("an older file");
}

#[test]
fn a_repair_is_refused_while_another_run_holds_the_lake_and_without_a_key() {
    let ward = Ward::new();
    fs::remove_file(ward.file(&ward.day(3))).unwrap();
    let before = ward.lake().holdings();
    ward.home.command("verify --repair --lake lake").is_refused(2, &["no API key"]);
    let held = File::open(ward.lake().path("_session_risk/lock")).unwrap();
    held.lock().unwrap();
    assert_eq!(ward.repair().status, Some(6));
    ward.home.command("verify --rebuild --lake lake").is_refused(6, &["another run holds the lake"]);
    ward.home.command("prune --lake lake --before 2026-11-15").is_refused(6, &["another run holds the lake"]);
    ward.home.command("migrate --lake lake").is_refused(6, &["another run holds the lake"]);
    assert!(ward.lake().holdings() == before);
    findings(&ward.home, 1);
}

#[test]
fn a_repair_brings_nothing_that_is_older_than_the_lake() {
    let api = world(0);
    let (home, untouched) = (Home::new(), Home::new());
    for home in [&home, &untouched] {
        home.fetch(&api).args("--since 2026-11-15").succeeds();
    }
    let ward = Ward { api, home, untouched };
    fs::write(ward.file("2026-11-15"), "hello").unwrap();
    assert_eq!(ward.repair().status, Some(0));
    fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap();
    ward.assert_as_untouched("the first day");
    fs::write(ward.lake().path("_session_risk/days/2026-11-16.json"), "{").unwrap();
    ward.home.command("verify --rebuild --lake lake").succeeds();
    ward.home.fetch(&ward.api).args("--since 2026-11-15").succeeds();
    fs::remove_dir_all(ward.lake().path("_session_risk/damaged")).unwrap();
    ward.assert_as_untouched("rebuilt");
}
