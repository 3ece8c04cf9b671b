//! What the API does not list any more: a few sessions go, many are for a person to decide.

use serde_json::{Value, json};

use crate::harness::Home;
use crate::scripted::{Answer, Scripted, link, session};

/// So many sessions of a day, the first ones left out.
fn day(date: &str, sessions: usize, gone: usize) -> Vec<String> {
    let one = |nth: usize| {
        let (hour, minute) = (23 - nth / 60, 59 - nth % 60);
        session(&format!("iqse_{date}_{nth:04}"), &format!("{date}T{hour:02}:{minute:02}:00.000Z"))
    };
    (gone..sessions).map(one).collect()
}

/// Two days of 100 and 1,000 sessions and one more below them, some of them gone.
fn listing(gone: [usize; 2]) -> Vec<String> {
    let days = [day("2026-11-20", 100, gone[0]), day("2026-11-19", 1_000, gone[1]), day("2026-11-18", 5, 0)];
    days.concat()
}

/// The sealed days that have sessions.
fn sealed(home: &Home) -> Vec<String> {
    let is_sealed = |record: &Value| record["sealed"] == json!(true) && record["rows"] != json!(0);
    let days = home.lake().records("days").into_iter();
    days.filter(|(_, record)| is_sealed(record)).map(|(date, _)| date).collect()
}

#[test]
fn sessions_that_are_not_listed_any_more_are_removed_and_counted() {
    let home = Home::new();
    home.fetch(&Scripted::listing(listing([0, 0]))).succeeds();
    // Twenty of a hundred, and five of a hundred of a thousand.
    let told = home.fetch(&Scripted::listing(listing([20, 50]))).args("--full").succeeds();
    told.says(&["0 new, 0 changed", "70 vanished from the API and were removed"]);
    assert_eq!(home.lake().last_run()["vanished"], json!(70));
    assert_eq!(home.lake().sessions().len(), 80 + 950 + 5);
    assert_eq!(sealed(&home), ["2026-11-18", "2026-11-19", "2026-11-20"]);
}

#[test]
fn many_that_are_not_listed_any_more_are_kept_until_a_person_says_that_they_are_gone() {
    let home = Home::new();
    home.fetch(&Scripted::listing(listing([0, 0]))).succeeds();
    let before = home.lake().records("days");
    let lake_record = || home.lake().files()["_session_risk/lake.json"].clone();
    let covered = lake_record();
    for gone in [[21, 0], [0, 51]] {
        let mut rows = listing(gone);
        // What is new comes in all the same.
        rows.insert(0, session("iqse_new", "2026-11-21T10:00:00.000Z"));
        let api = Scripted::listing(rows);
        let (date, number) = if gone[0] > 0 { ("2026-11-20", "21") } else { ("2026-11-19", "51") };
        home.fetch(&api).args("--full").ends_with(7).says(&[
            "session-risk: ",
            &format!("{number} sessions that the lake holds are not listed any more"),
            "nothing of that was removed and no day was sealed",
            &format!("--accept-vanished {date}"),
        ]);
        assert_eq!(home.lake().sessions().len(), 1_106);
        assert!(lake_record() == covered, "what such a walk went over counts as covered");
        let records = home.lake().records("days");
        for (date, record) in &before {
            assert_eq!(records[date]["complete"], record["complete"], "{date}");
        }
        let run = home.lake().last_run();
        assert_eq!((&run["vanished"], &run["new"]), (&json!(0), &json!(u8::from(gone[0] > 0))));
    }
    let api = Scripted::listing(listing([0, 51]));
    home.fetch(&api).args("--accept-vanished 2026-11-18..2026-11-19").succeeds().says(&["52 vanished"]);
    assert_eq!(home.lake().sessions().len(), 1_054);
    let sealed = sealed(&home);
    assert!(
        ["2026-11-18", "2026-11-19"].iter().all(|date| sealed.contains(&(*date).to_owned())),
        "{sealed:?}"
    );
}

#[test]
fn once_something_is_in_doubt_not_one_session_more_is_removed() {
    let home = Home::new();
    home.fetch(&Scripted::listing(listing([0, 0]))).succeeds();
    // The newer day lacks too many, the older one few.
    let told = home.fetch(&Scripted::listing(listing([21, 10]))).args("--full").ends_with(7);
    told.says(&["31 sessions that the lake holds are not listed any more", "nothing of that was removed"]);
    assert_eq!(home.lake().sessions().len(), 1_105);
    assert_eq!(home.lake().last_run()["vanished"], json!(0));
}

#[test]
fn a_run_in_doubt_that_was_stopped_leaves_nothing_to_go_on_with() {
    let home = Home::new();
    home.fetch(&Scripted::listing(listing([0, 0]))).succeeds();
    // The rest of the newest day's list would not come up again: the next run begins anew.
    home.fetch(&Scripted::listing(listing([21, 0]))).args("--full --max-requests 5").ends_with(7);
    let staged = home.lake().files().into_keys().find(|key| key.starts_with("_session_risk/staging/"));
    assert_eq!(staged, None);
    home.fetch(&Scripted::listing(listing([0, 0]))).args("--full").succeeds().says(&["0 new, 0 changed"]);
    assert_eq!(home.lake().sessions().len(), 1_105);
}

#[test]
fn few_a_day_are_too_many_where_every_day_lacks_them() {
    let days = |gone: usize| -> Vec<String> {
        (1..=20).rev().flat_map(|date| day(&format!("2026-11-{date:02}"), 15, gone)).collect()
    };
    let home = Home::new();
    home.fetch(&Scripted::listing(days(0))).succeeds();
    home.fetch(&Scripted::listing(days(8))).args("--full").ends_with(7);
    assert_eq!(home.lake().sessions().len(), 300 - 16, "those of two days went before it was seen");
    home.fetch(&Scripted::listing(days(8))).args("--accept-vanished 2026-11-01..2026-11-20").succeeds();
    assert_eq!(home.lake().sessions().len(), 140);
}

#[test]
fn where_an_attribute_is_hidden_few_missing_sessions_are_kept_too() {
    let home = Home::new();
    home.fetch(&Scripted::listing(listing([0, 0]))).succeeds();
    let hidden = |row: String| row.replace(r#""ip-address":"192.0.2.1""#, r#""x":1"#);
    let rows = listing([3, 0]).into_iter().map(hidden).collect();
    let told = home.fetch(&Scripted::listing(rows)).args("--full").ends_with(7);
    told.says(&["3 sessions that the lake holds", "no session has ip_address any more"]);
    assert_eq!(home.lake().sessions().len(), 1_105);
}

#[test]
fn a_day_whose_sessions_are_all_gone_loses_its_file_and_keeps_its_record() {
    let home = Home::new();
    let below = session("iqse_low", "2026-11-01T10:00:00.000Z");
    let rows = |few: usize| [day("2026-11-19", few, 0), vec![below.clone()]].concat();
    home.fetch(&Scripted::listing(rows(7))).succeeds();
    home.fetch(&Scripted::listing(rows(0))).args("--full").succeeds().says(&["7 vanished", "0 days written"]);
    assert_eq!(home.lake().sessions().into_keys().collect::<Vec<_>>(), ["iqse_low"]);
    assert!(!home.lake().day_file("2026-11-19").exists());
    let record = &home.lake().records("days")["2026-11-19"];
    assert_eq!((&record["rows"], &record["sealed"]), (&json!(0), &json!(true)));
}

#[test]
fn a_list_that_ends_above_what_the_lake_holds_removes_nothing() {
    let home = Home::new();
    home.fetch(&Scripted::listing(listing([0, 0]))).succeeds();
    let before = home.lake().sessions();
    // As for a key that sees no session of the older two days any more, and as for one that sees none at all.
    for seen in [100, 0] {
        let api = Scripted::listing(listing([0, 0])[..seen].to_vec());
        let told = home.fetch(&api).args("--full").ends_with(7);
        let last = if seen == 100 { "2026-11-18..2026-11-19" } else { "2026-11-18..2026-11-20" };
        told.says(&["(5 on 2026-11-18, the others on ", &format!("--accept-vanished {last}")]);
        assert!(home.lake().sessions() == before);
    }
    let api = Scripted::listing(listing([0, 0])[..100].to_vec());
    home.fetch(&api).args("--full --accept-vanished 2026-11-18").ends_with(7).says(&["(1000 on 2026-11-19)"]);
    home.fetch(&api)
        .args("--full --accept-vanished 2026-11-18..2026-11-19")
        .succeeds()
        .says(&["1,005 vanished"]);
    assert_eq!(home.lake().sessions().len(), 100);
}

#[test]
fn an_attribute_that_no_session_has_any_more_keeps_its_values() {
    let rows = |address: &str, status: &str| {
        let one =
            |row: String| row.replace(r#""ip-address":"192.0.2.1""#, address).replace("expired", status);
        day("2026-11-20", 30, 0).into_iter().map(one).collect::<Vec<_>>()
    };
    let home = Home::new();
    home.fetch(&Scripted::listing(rows(r#""ip-address":"192.0.2.1""#, "active"))).succeeds();
    // As under a key's blocklist; the rest changes all the same.
    let blocked = Scripted::listing(rows(r#""x":1"#, "expired"));
    let told = home.fetch(&blocked).ends_with(7);
    told.says(&["no session has ip_address any more", "--accept-vanished 2026-11-20", "no day was sealed"]);
    let of = |home: &Home, column: &str| -> Vec<Value> {
        home.lake().sessions().into_values().map(|row| row[column].clone()).collect()
    };
    assert_eq!(of(&home, "ip_address"), vec![json!("192.0.2.1"); 30]);
    assert_eq!(of(&home, "status"), vec![json!("expired"); 30]);
    assert!(sealed(&home).is_empty());
    // Null is not absent: that is what a redaction looks like.
    let redacted = Home::new();
    redacted.fetch(&Scripted::listing(rows(r#""ip-address":"192.0.2.1""#, "active"))).succeeds();
    redacted
        .fetch(&Scripted::listing(rows(r#""ip-address":null"#, "expired")))
        .succeeds()
        .says(&["30 changed"]);
    assert_eq!(of(&redacted, "ip_address"), vec![Value::Null; 30]);
    // A person may say that it is gone.
    home.fetch(&blocked).args("--accept-vanished 2026-11-20").succeeds();
    assert_eq!(of(&home, "ip_address"), vec![Value::Null; 30]);
    assert_eq!(sealed(&home), ["2026-11-20"]);
}

#[test]
fn a_session_that_could_not_be_read_this_time_has_not_vanished() {
    let home = Home::new();
    let rows = day("2026-11-20", 400, 0);
    home.fetch(&Scripted::listing(rows.clone())).succeeds();
    let mut unreadable = rows.clone();
    unreadable[7] = session("iqse_2026-11-20_0007", "2026-11-20T10:00:00.000");
    home.fetch(&Scripted::listing(unreadable))
        .args("--full")
        .succeeds()
        .says(&["1 session could not be read"]);
    assert_eq!(home.lake().sessions().len(), 400);
    // One without an id may be any of them.
    let mut nameless = rows[1..].to_vec();
    nameless[7] = r#"{"type":"inquiry-session","id":"","attributes":{}}"#.to_owned();
    let pages = [
        Answer::page(&nameless[..100], Some(&link("iqse_2026-11-20_0100"))),
        Answer::page(&nameless[100..], None),
    ];
    home.fetch(&Scripted::answering(pages)).args("--full").succeeds();
    assert_eq!(home.lake().sessions().len(), 400);
}

#[test]
fn a_walk_that_was_interrupted_takes_what_it_saw_before_for_seen() {
    let home = Home::new();
    let rows = day("2026-11-20", 400, 0);
    home.fetch(&Scripted::listing(rows.clone())).succeeds();
    let api = Scripted::listing(rows);
    home.fetch(&api).args("--full --max-requests 2").ends_with(3);
    home.fetch(&api).succeeds().says(&["0 new, 0 changed, 0 days written"]);
    assert_eq!(home.lake().sessions().len(), 400);
    assert_eq!(home.lake().last_run()["vanished"], json!(0));
}
