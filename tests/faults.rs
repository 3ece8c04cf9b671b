//! Whatever a network adds, the lake is the same as without it.

use std::collections::BTreeSet;
use std::thread;

use serde_json::json;
use session_risk::sandbox::{Fault, FaultKind, SandboxOptions};

use crate::harness::{Home, sandbox_with, unlimited};
use crate::scripted::{Answer, Scripted, link, session};
use crate::truth::{held, truth};

/// Exports under all faults and under those of the data alone, and compares with each other and with what is listed. Gives the names of the faults that struck.
#[track_caller]
fn assert_the_same_lake(options: SandboxOptions) -> BTreeSet<&'static str> {
    let quiet = Home::new();
    let of_data = options.faults.iter().filter(|fault| FaultKind::OF_DATA.contains(&fault.kind()));
    let of_data = of_data.copied().collect();
    quiet.fetch(&sandbox_with(SandboxOptions { faults: of_data, ..options.clone() })).succeeds();
    let api = sandbox_with(options);
    let home = Home::new();
    home.fetch(&api).succeeds().assert_no_panic();
    let (lake, expected) = (home.lake().without_fetched_at(), quiet.lake().without_fetched_at());
    assert_eq!(lake.len(), expected.len());
    assert!(lake == expected, "the lakes differ");
    assert!(held(&home.lake()) == truth(&api), "the lake is not what the API lists");
    let (stats, run) = (api.stats(), home.lake().last_run());
    assert_eq!(run["requests"], json!(stats.total()));
    assert_eq!(run["too_many_requests"], json!(stats.limited));
    stats.faults.into_keys().collect()
}

#[test]
fn with_every_fault_at_five_percent_the_lake_is_the_same() {
    let faults = FaultKind::all().map(|kind| Fault::new(kind, 0.05).unwrap()).collect();
    let options = SandboxOptions { sessions: 5_000, days: 9, seed: 4, faults, ..unlimited() };
    let struck = assert_the_same_lake(options);
    assert_eq!(struck, FaultKind::OF_REQUESTS.map(FaultKind::name).into(), "a fault never struck");
}

#[test]
fn with_any_one_fault_at_twenty_percent_the_lake_is_the_same() {
    thread::scope(|scope| {
        for (seed, kind) in (1..).zip(FaultKind::all()) {
            scope.spawn(move || {
                let faults = vec![Fault::new(kind, 0.2).unwrap()];
                let options = SandboxOptions { sessions: 2_000, days: 5, seed, faults, ..unlimited() };
                let struck = assert_the_same_lake(options);
                let of_data = FaultKind::OF_DATA.contains(&kind);
                let expected = if of_data { BTreeSet::new() } else { BTreeSet::from([kind.name()]) };
                assert_eq!(struck, expected, "seed {seed}");
            });
        }
    });
}

#[test]
fn an_empty_page_with_more_to_come_ends_nothing() {
    let day = "2026-11-20T10:00:00.000Z";
    let pages = [
        Answer::page(&[session("iqse_3", day)], Some(&link("iqse_3"))),
        Answer::page::<&str>(&[], Some(&link("iqse_hidden1"))),
        Answer::page::<&str>(&[], Some(&link("iqse_hidden2"))),
        Answer::page(&[session("iqse_1", day)], None),
    ];
    let home = Home::new();
    home.fetch(&Scripted::answering(pages)).succeeds();
    assert_eq!(home.lake().sessions().into_keys().collect::<Vec<_>>(), ["iqse_1", "iqse_3"]);
}

#[test]
fn only_an_explicit_null_ends_a_walk() {
    let day = "2026-11-20T10:00:00.000Z";
    let unended = format!(r#"{{"data":[{}],"links":{{"prev":null}}}}"#, session("iqse_2", day));
    let pages = [
        Answer::page(&[session("iqse_2", day)], Some(&link("iqse_2"))),
        Answer::json(unended.clone()),
        Answer::json(unended.replace(r#""links""#, r#""link""#)),
        Answer::page(&[session("iqse_1", day)], None),
    ];
    let api = Scripted::answering(pages);
    let home = Home::new();
    home.fetch(&api).succeeds();
    assert_eq!(api.asked().len(), 4, "a page without a next link is asked for again");
    assert_eq!(home.lake().sessions().len(), 2);
}

#[test]
fn a_page_that_never_comes_leaves_the_ones_before_it_and_status_three() {
    let day = |nth: usize| format!("2026-11-{:02}T10:00:00.000Z", 20 - nth);
    let pages = [
        Answer::page(&[session("iqse_3", &day(0))], Some(&link("iqse_3"))),
        Answer::page(&[session("iqse_2", &day(1))], Some(&link("iqse_2"))),
        Answer::error(500, "Internal Server Error", "of the test"),
    ];
    let api = Scripted::answering(pages);
    let home = Home::new();
    let outcome = home.fetch(&api).args("--give-up-after 100ms").ends_with(3);
    outcome.says(&["session-risk: the export is incomplete", "iqse_2", "of the test"]).assert_no_panic();
    assert_eq!(home.lake().sessions().into_keys().collect::<Vec<_>>(), ["iqse_2", "iqse_3"]);

    // The next run goes on where this one ended.
    let rest = Scripted::serving(move |asked, _| match asked.cursor().as_deref() {
        Some("iqse_2") => Answer::page(&[session("iqse_1", &day(2))], None),
        None => Answer::page(&[session("iqse_3", &day(0))], Some(&link("iqse_3"))),
        other => panic!("nobody should ask for {other:?}"),
    });
    home.fetch(&rest).succeeds();
    assert_eq!(home.lake().sessions().len(), 3);
    assert_eq!(rest.asked()[0].cursor().as_deref(), Some("iqse_2"));
}
