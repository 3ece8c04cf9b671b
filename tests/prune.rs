//! `prune`: days dropped for good.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use session_risk::sandbox::{Sandbox, SandboxOptions};

use crate::harness::{Home, sandbox_with, unlimited};
use crate::scripted::session;
use crate::verify::{findings, world};

pub(crate) fn fetched(api: &Sandbox) -> Home {
    let home = Home::new();
    home.fetch(api).succeeds();
    home
}

/// The day of a place among those with sessions.
pub(crate) fn day(home: &Home, nth: usize) -> String {
    home.lake().dates().into_iter().nth(nth).unwrap()
}

fn prune(home: &Home, before: &str) {
    home.command("prune --lake lake --before").arg(before).succeeds();
}

/// Every file of the days before one, and every record.
fn of_days_before(home: &Home, before: &str) -> Vec<String> {
    let date = |name: &str| {
        let file = name.strip_prefix("sessions/created_date=").map(|rest| rest[..10].to_owned());
        file.or_else(|| Some(name.strip_prefix("_session_risk/days/")?[..10].to_owned()))
    };
    home.lake()
        .files()
        .into_keys()
        .filter(|name| date(name).is_some_and(|date| date.as_str() < before))
        .collect()
}

#[test]
fn pruned_days_are_gone_and_stay_so_until_somebody_asks_for_them() {
    let api = world(2);
    let home = fetched(&api);
    let before = day(&home, 3);
    let held = home.lake().sessions();
    let files = home.lake().files();
    home.command("prune --lake lake --dry-run --before")
        .arg(&before)
        .succeeds()
        .says(&["3 days (2026-11-", "would be dropped from lake"]);
    assert!(home.lake().files() == files, "a dry run dropped something");
    home.command("prune --lake lake --summary summary.json --run-id spring --before")
        .arg(&before)
        .succeeds()
        .says(&["3 days (2026-11-", "dropped from lake"]);
    let summary: Value = serde_json::from_slice(&fs::read(home.path("summary.json")).unwrap()).unwrap();
    assert_eq!((&summary["command"], &summary["prune"]["status"]), (&json!("prune"), &json!(0)));
    assert_eq!(home.lake().records("runs")["spring"]["settings"]["before"], json!(before));

    let kept = |held: &BTreeMap<String, crate::lake_files::Row>| -> Vec<String> {
        let is_kept = |row: &crate::lake_files::Row| row["created_at"].as_str().unwrap() >= before.as_str();
        held.iter().filter(|(_, row)| is_kept(row)).map(|(id, _)| id.clone()).collect()
    };
    assert_eq!(home.lake().sessions().into_keys().collect::<Vec<_>>(), kept(&held));
    assert_eq!(of_days_before(&home, &before), Vec::<String>::new());
    let folders = fs::read_dir(home.path("lake/sessions")).unwrap().map(|found| found.unwrap().file_name());
    let days: Vec<_> = folders.map(|folder| folder.into_string().unwrap()).collect();
    assert!(days.iter().all(|folder| *folder >= format!("created_date={before}")), "{days:?}");
    assert_eq!(findings(&home, 0), []);
    let status: Value =
        serde_json::from_str(&home.command("status --lake lake --format json").succeeds().stdout).unwrap();
    assert_eq!((&status["days"]["holes"], &status["days"]["first"]), (&json!([]), &json!(before)));
    // Reports say that these days are not there.
    let report = home.command("report network_risk --lake lake --format json --since 2026-11-01 --until");
    let report: Value = serde_json::from_str(&report.arg(&before).succeeds().stdout).unwrap();
    assert_eq!(report["complete"], json!(false));

    api.clock().turn(Duration::from_secs(2 * 24 * 3600));
    let truth = fetched(&api).lake().without_fetched_at();
    for flags in ["", "--full", ""] {
        home.fetch(&api).args(flags).succeeds();
        assert_eq!(of_days_before(&home, &before), Vec::<String>::new(), "after fetch {flags}");
        assert_eq!(
            home.lake().sessions().into_keys().collect::<Vec<_>>(),
            kept(&truth),
            "after fetch {flags}"
        );
    }
    assert_eq!(findings(&home, 0), []);
    let day_before = day(&fetched(&api), 2);
    home.fetch(&api).args(&format!("--since {day_before}")).succeeds();
    home.fetch(&api).args("--full").succeeds();
    assert_eq!(day(&home, 0), day_before);
    home.fetch(&api).args("--since 2026-01-01").succeeds();
    assert!(home.lake().without_fetched_at() == truth);
}

#[test]
fn a_prune_that_leaves_nothing_is_refused() {
    let home = fetched(&world(0));
    let before = home.lake().holdings();
    for date in ["2062-01-01", "2026-11-21"] {
        let prune = home.command("prune --lake lake --before").arg(date);
        prune.is_refused(2, &["2026-11-20", "nothing would be left"]);
    }
    home.command("prune --lake lake --before yesterday").is_refused(2, &["--before"]);
    home.command("prune --lake lake").is_refused(2, &["required"]);
    home.command("prune --lake nowhere --before 2026-11-01").is_refused(4, &["there is no lake"]);
    assert!(home.lake().holdings() == before);
    prune(&home, "2026-11-20");
    assert_eq!(home.lake().dates().len(), 1);
}

#[test]
fn a_prune_that_was_interrupted_anywhere_is_finished_by_the_next() {
    let api = world(0);
    let home = fetched(&api);
    let before = day(&home, 3);
    let whole = home.lake().files();
    prune(&home, &before);
    let pruned = home.lake().holdings();
    let gone: Vec<String> = whole.keys().filter(|name| !home.lake().path(name).exists()).cloned().collect();
    assert_eq!(gone.len(), 6, "{gone:?}");
    let mut order: Vec<&String> = gone.iter().collect();
    // A day's record goes before its file.
    order.sort_by_key(|name| {
        (name.split(['=', '/', '.']).find(|part| part.starts_with("2026")), name.contains("parquet"))
    });
    for done in 0..=order.len() {
        for name in &order[done..] {
            fs::create_dir_all(home.lake().path(name).parent().unwrap()).unwrap();
            fs::write(home.lake().path(name), &whole[*name]).unwrap();
        }
        // Whatever comes first, the days do not grow again.
        home.fetch(&api).succeeds();
        let left = of_days_before(&home, &before);
        assert_eq!(left.len(), order.len() - done, "{left:?}");
        prune(&home, &before);
        let same = |(name, _): &(&String, &Vec<u8>)| name.contains(".parquet");
        assert!(home.lake().holdings().iter().filter(same).eq(pruned.iter().filter(same)), "after {done}");
        assert_eq!(findings(&home, 0), []);
    }
}

#[test]
fn what_is_staged_or_put_aside_of_pruned_days_goes_too() {
    let options =
        SandboxOptions { sessions: 16_000, days: 20, latency: Duration::from_millis(5), ..unlimited() };
    let api = sandbox_with(options);
    let home = Home::new();
    let mut first = home.fetch(&api).start();
    first.until(|| api.stats().total() >= 130);
    first.kill();
    assert!(home.lake().files().keys().any(|name| name.contains("checkpoint")));
    let before = day(&home, 1);
    prune(&home, &before);
    assert!(home.lake().files().keys().all(|name| !name.contains("staging")));
    home.fetch(&api).succeeds();
    assert_eq!(of_days_before(&home, &before), Vec::<String>::new());

    let (old, kept) = (day(&home, 0), day(&home, 1));
    for date in [&old, &kept] {
        fs::write(home.lake().day_file(date), "hello").unwrap();
    }
    let repair = home.command("verify --repair --lake lake --base-url").arg(api.base_url()).key(api.key());
    repair.succeeds();
    prune(&home, &kept);
    let aside = home.lake().files().into_keys().filter(|name| name.contains("/damaged/"));
    let aside: Vec<_> = aside.collect();
    assert!(!aside.is_empty() && aside.iter().all(|name| name.contains(&kept)), "{aside:?}");
}

#[test]
fn an_import_of_older_days_is_taken_and_a_rebuild_does_not_forget_the_prune() {
    let api = world(0);
    let home = fetched(&api);
    let before = day(&home, 3);
    prune(&home, &before);
    home.write("input", &session("iqse_old", "2026-10-01T10:00:00.000Z"));
    home.command("import input --lake lake").succeeds();
    assert_eq!(findings(&home, 0), []);
    home.fetch(&api).succeeds();
    assert_eq!(home.lake().dates().len(), 1 + 6 + 1);
    fs::write(home.lake().path("_session_risk/lake.json"), "{").unwrap();
    home.command("verify --rebuild --lake lake").succeeds();
    home.fetch(&api).succeeds();
    assert_eq!(home.lake().dates().len(), 1 + 6 + 1);
    assert!(home.lake().sessions().contains_key("iqse_old"));
}
