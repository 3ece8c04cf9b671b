//! Pages as no API should send them: nothing is lost, what cannot be a row is told, and no page is taken for an end.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{Timestamp, ToSpan};
use serde_json::json;
use session_risk::sandbox::SandboxOptions;

use crate::harness::{Home, sandbox_with, unlimited};
use crate::scripted::{Answer, Scripted, link, session};

const NOON: &str = "2026-11-20T12:00:00.000Z";

fn ids(home: &Home) -> BTreeSet<String> {
    home.lake().sessions().into_keys().collect()
}

#[test]
fn a_body_without_end_is_cut_off_and_what_came_before_it_is_kept() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let mut stream = stream;
            let Some(first) = lines.next() else { continue };
            lines.by_ref().find(String::is_empty);
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nDate: Mon, 23 Nov 2026 06:00:00 GMT\r\n";
            if first.contains("page%5Bafter%5D") {
                // A gigabyte of a text that does not end.
                let _ = stream
                    .write_all(format!("{head}Content-Length: 1073741824\r\n\r\n{{\"data\":[\"").as_bytes());
                let much = vec![b'x'; 1 << 20];
                while stream.write_all(&much).is_ok() {
                    counted.fetch_add(much.len() as u64, Ordering::SeqCst);
                }
            } else {
                let links = json!({"prev": null, "next": link("iqse_2")});
                let body = format!("{{\"data\":[{}],\"links\":{links}}}", session("iqse_2", NOON));
                let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
                let _ = stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice());
            }
        }
    });
    let home = Home::new();
    let outcome = home.fetch_from(&url).args("--give-up-after 1ms").ends_with(3);
    outcome.says(&["incomplete", "iqse_2", "a body of more than 134217728 bytes"]).assert_no_panic();
    assert_eq!(ids(&home), BTreeSet::from(["iqse_2".to_owned()]));
    // A few attempts, each cut off at 128 MB and what lay in the sockets' buffers.
    let sent = sent.load(Ordering::SeqCst) >> 20;
    assert!((120..3 * 140).contains(&sent), "{sent} MB");
}

#[test]
fn a_page_of_ten_thousand_sessions_is_taken_in_whole() {
    let moment = |nth: i64| (NOON.parse::<Timestamp>().unwrap() - (nth * 20).seconds()).to_string();
    let sessions: Vec<String> =
        (0..10_000).map(|nth| session(&format!("iqse_{nth:05}"), &moment(nth))).collect();
    let rest = session("iqse_rest", "2026-11-10T12:00:00.000Z");
    let api = Scripted::answering([
        Answer::page(&sessions, Some(&link("iqse_09999"))),
        Answer::page(&[rest], None),
    ]);
    let home = Home::new();
    home.fetch(&api).succeeds().says(&["10,001 sessions", "10,001 new"]);
    assert_eq!(ids(&home).len(), 10_001);
}

#[test]
fn a_created_at_in_year_0_or_9999_or_without_zone_is_quarantined_and_told() {
    let good: Vec<String> = (0..9).map(|nth| session(&format!("iqse_{nth}"), NOON)).collect();
    for created_at in [
        "0000-01-01T00:00:00.000Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
        "-009999-01-01T00:00:00Z",
        "2026-11-20T12:00:00.000",
        "2026-11-20",
        "",
    ] {
        let sessions = [good.as_slice(), &[session("iqse_odd", created_at)]].concat();
        let home = Home::new();
        let outcome = home.fetch(&Scripted::listing(sessions)).ends_with(3);
        outcome.says(&["1 of 10 sessions could not be read", "quarantine"]).assert_no_panic();
        assert_eq!(ids(&home).len(), 9, "{created_at}");
        assert_eq!(home.lake().dates(), BTreeSet::from(["2026-11-20".to_owned()]));
    }
}

#[test]
fn of_two_versions_of_one_session_the_one_that_came_last_stays() {
    let newer = |id: &str| session(id, NOON).replace("\"192.0.2.1\"", "\"192.0.2.9\"");
    let pages = [
        Answer::page(
            &[session("iqse_a", NOON), newer("iqse_a"), session("iqse_b", NOON)],
            Some(&link("iqse_b")),
        ),
        Answer::page(&[newer("iqse_b")], None),
    ];
    let home = Home::new();
    home.fetch(&Scripted::answering(pages)).succeeds();
    let sessions = home.lake().sessions();
    assert_eq!(sessions.len(), 2);
    assert!(sessions.values().all(|row| row["ip_address"] == "192.0.2.9"), "{sessions:?}");
}

#[test]
fn neighbours_out_of_order_lose_nothing_and_end_no_walk() {
    let at = |id: &str, time: &str| session(id, &format!("2026-11-{time}:00.000Z"));
    let listing = || {
        Scripted::serving(move |asked, _| match asked.cursor().as_deref() {
            None => {
                Answer::page(&[at("iqse_1", "20T08:00"), at("iqse_2", "20T12:00")], Some(&link("iqse_2")))
            }
            // A session of days before among those of the day, and one of the day on the page after it.
            Some("iqse_2") => {
                Answer::page(&[at("iqse_4", "17T01:00"), at("iqse_3", "20T07:00")], Some(&link("iqse_3")))
            }
            Some("iqse_3") => {
                Answer::page(&[at("iqse_5", "20T01:00"), at("iqse_6", "17T03:00")], Some(&link("iqse_6")))
            }
            Some("iqse_6") => Answer::page(&[at("iqse_7", "16T03:00"), at("iqse_8", "17T02:00")], None),
            other => panic!("nobody should ask for {other:?}"),
        })
    };
    let home = Home::new();
    home.fetch(&listing()).succeeds();
    assert_eq!(ids(&home).len(), 8);
    let home = Home::new();
    home.fetch(&listing()).args("--since 2026-11-20").succeeds();
    assert_eq!(ids(&home).into_iter().collect::<Vec<_>>(), ["iqse_1", "iqse_2", "iqse_3", "iqse_5"]);
}

#[test]
fn a_servers_clock_that_is_wrong_by_a_day_costs_no_session() {
    let sessions = || vec![session("iqse_2", NOON), session("iqse_1", "2026-11-19T12:00:00.000Z")];
    let clock = |date: &'static str| {
        let sessions = sessions();
        Scripted::serving(move |_, _| Answer::page(&sessions, None).with("Date", date))
    };
    for date in ["Thu, 19 Nov 2026 12:00:00 GMT", "Sat, 21 Nov 2026 12:00:00 GMT"] {
        let home = Home::new();
        home.fetch(&clock(date)).succeeds();
        assert_eq!(ids(&home).len(), 2, "{date}");
        // Once it goes right, so does the lake.
        home.fetch(&clock("Sun, 22 Nov 2026 06:00:00 GMT")).succeeds();
        let days = home.lake().records("days");
        for day in ["2026-11-19", "2026-11-20"] {
            assert_eq!(days[day]["sealed"], json!(true), "{day} with {date}");
        }
        assert_eq!(ids(&home).len(), 2, "{date}");
    }
    // More than a day is no difference of clocks any more.
    let home = Home::new();
    home.fetch(&clock("Thu, 19 Nov 2026 11:59:00 GMT"))
        .ends_with(3)
        .says(&["1 of 2 sessions could not be read"]);
    // The resource is kept, and a later walk brings it.
    home.fetch(&clock("Sun, 22 Nov 2026 06:00:00 GMT")).succeeds();
    assert_eq!(ids(&home).len(), 2);
}

#[test]
fn a_filter_that_suddenly_hides_half_of_the_rows_takes_none_from_the_lake() {
    let api = sandbox_with(SandboxOptions { sessions: 900, days: 4, ..unlimited() });
    let home = Home::new();
    home.fetch(&api).succeeds();
    let before = ids(&home);
    api.hide(0.5);
    let listed = api.listed().len();
    assert!((350..550).contains(&listed), "{listed}");
    home.fetch(&api).args("--full").run().assert_no_panic();
    assert!(ids(&home) == before);
    api.hide(1.0);
    home.fetch(&api).args("--full").run().assert_no_panic();
    assert!(ids(&home) == before);
}
