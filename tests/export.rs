//! The export from end to end: every session once, in the right file, with its records, at the promised price.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use parquet::basic::Encoding;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use session_risk::range::DayRange;
use session_risk::sandbox::{Clock, SandboxOptions};
use sha2::{Digest, Sha256};

use crate::harness::{Home, sandbox, sandbox_with, unlimited};
use crate::lake_files::{LakeFiles, Row, rows};
use crate::scripted::{Answer, Scripted, link, session};

/// Fetches everything into a new lake.
fn fetched(options: SandboxOptions) -> (Home, LakeFiles) {
    let home = Home::new();
    home.fetch(&sandbox_with(options)).succeeds();
    let lake = home.lake();
    (home, lake)
}

#[test]
fn every_session_is_fetched_once_at_the_price_of_its_pages() {
    let api = sandbox(4_321, 10);
    let home = Home::new();
    let outcome = home.fetch(&api).succeeds().says(&["4,321 sessions", "4,321 new"]);
    assert_eq!(outcome.stdout, "", "only reports go to standard output");
    assert_eq!(home.lake().sessions().len(), 4_321);
    let stats = api.stats();
    assert_eq!((stats.smallest_page_size, stats.largest_page_size), (Some(100), Some(100)));
    assert!((44..=49).contains(&stats.pages), "{stats:?}");
    assert_eq!(stats.total(), stats.pages + 1, "the limit is asked for once");
    assert_eq!(home.lake().last_run()["requests"], json!(stats.total()));
}

#[test]
fn the_lake_holds_what_the_api_says() {
    let resources = [
        session("iqse_B", "2026-11-21T00:00:00.000Z"),
        session("iqse_A", "2026-11-20T23:59:59.999Z"),
        json!({
            "type": "inquiry-session", "id": "iqse_C",
            "attributes": {"status": "new", "created-at": "2026-11-20T01:00:00.5+01:00", "is-vpn": "perhaps",
                           "latitude": 49, "is-tor": null, "x-new-signal": {"score": 0.5}},
            "relationships": {"inquiry": {"data": null}, "device": {"data": {"type": "device", "id": "dev_1"}}},
        })
        .to_string(),
    ];
    let home = Home::new();
    home.fetch(&Scripted::listing(resources.into())).succeeds();
    assert_eq!(home.lake().dates(), BTreeSet::from(["2026-11-20", "2026-11-21"].map(str::to_owned)));
    let sessions = home.lake().sessions();
    assert_eq!(sessions["iqse_A"]["inquiry_id"], json!("inq_of_iqse_A"));
    let odd = &sessions["iqse_C"];
    for (column, value) in [
        ("environment_id", json!("env_scripted")),
        ("created_at", json!("2026-11-20T00:00:00.500Z")),
        ("fetched_at", json!("2026-11-23T06:00:00.000Z")),
        ("device_id", json!("dev_1")),
        ("inquiry_id", Value::Null),
        ("is_vpn", Value::Null),
        ("is_tor", Value::Null),
        ("latitude", json!(49.0)),
        ("longitude", Value::Null),
    ] {
        assert_eq!(odd[column], value, "{column}");
    }
    let extra: Value = serde_json::from_str(odd["extra"].as_str().unwrap()).unwrap();
    assert_eq!(extra, json!({"attributes": {"is_vpn": "perhaps", "x_new_signal": {"score": 0.5}}}));
    let coverage = &home.lake().records("days")["2026-11-20"]["coverage"];
    assert_eq!(coverage["is_tor"], json!({"known": 0, "null": 2, "absent": 1}));
    assert_eq!(home.lake().last_run()["wrong_types"], json!({"is_vpn": 1}));
}

#[test]
fn ties_and_duplicates_across_pages_are_one_session_each() {
    let moment = "2026-11-20T10:00:00.000Z";
    let mut resources: Vec<String> = (0..250).map(|nth| session(&format!("iqse_{nth:03}"), moment)).collect();
    // What a session created during the walk does: a row already seen comes again on the next page.
    resources.insert(100, session("iqse_099", moment));
    let ids = resources.len();
    let home = Home::new();
    let api = Scripted::serving(move |asked, _| {
        let from = asked.cursor().map_or(0, |cursor| cursor.parse().unwrap());
        let until = (from + 100).min(ids);
        let next = (until < ids).then(|| link(&until.to_string()));
        Answer::page(&resources[from..until], next.as_deref())
    });
    home.fetch(&api).succeeds().says(&["251 sessions", "250 new"]);
    assert_eq!(home.lake().sessions().len(), 250);
}

#[test]
fn fetching_twice_gives_the_same_lake_and_writes_no_day_file() {
    // Weeks after the last session, so that the hour between the two runs changes none.
    let end = unlimited().end;
    let clock = Arc::new(Clock::frozen_at(end.checked_add(1000.hours()).unwrap()));
    let api = sandbox_with(SandboxOptions { sessions: 900, days: 5, clock: Some(clock), ..unlimited() });
    let home = Home::new();
    home.fetch(&api).succeeds();
    let lake = home.lake();
    let before = lake.sessions();
    let files = || -> Vec<_> {
        let path = |date: String| lake.day_file(&date);
        let stamp = |path: &PathBuf| {
            let found = fs::metadata(path).unwrap();
            #[cfg(unix)]
            let inode = std::os::unix::fs::MetadataExt::ino(&found);
            #[cfg(not(unix))]
            let inode = 0;
            (found.modified().unwrap(), inode)
        };
        lake.dates().into_iter().map(path).map(|path| (stamp(&path), path)).collect()
    };
    let stamps = files();
    api.clock().turn(Duration::from_secs(3600));
    home.fetch(&api).args("--full").succeeds().says(&["0 new", "0 changed", "0 days written"]);
    assert_eq!(files(), stamps);
    assert!(lake.sessions() == before, "fetched_at changed, or more");
    assert_eq!(lake.last_run()["days_written"], json!(0));
}

#[test]
fn what_changed_upstream_changes_here_and_nothing_else() {
    let old: Vec<String> =
        (0..40).map(|nth| session(&format!("iqse_{nth:02}"), "2026-11-20T10:00:00.000Z")).collect();
    let mut new = old.clone();
    new[7] = new[7].replace("\"192.0.2.1\"", "null");
    new[8] = new[8].replace("expired", "redacted");
    new.push(session("iqse_late", "2026-11-19T10:00:00.000Z"));
    let home = Home::new();
    home.fetch(&Scripted::listing(old)).succeeds();
    let before = home.lake().sessions();
    let everything = home.fetch(&Scripted::listing(new)).args("--full").succeeds();
    everything.says(&["1 new", "2 changed", "2 days written"]);
    let after = home.lake().sessions();
    assert_eq!(after["iqse_07"]["ip_address"], Value::Null, "what went null upstream goes null here");
    assert_eq!(after["iqse_08"]["status"], json!("redacted"));
    let differ = |id: &&String| before.get(*id) != after.get(*id);
    assert_eq!(after.keys().filter(differ).collect::<Vec<_>>(), ["iqse_07", "iqse_08", "iqse_late"]);
}

#[test]
fn since_and_until_bound_the_rows_and_the_requests() {
    let (_home, everything) = fetched(SandboxOptions { sessions: 6_000, days: 12, ..unlimited() });
    let (since, until) = ("2026-11-16", "2026-11-17");
    let mut expected = everything.without_fetched_at();
    let date = |row: &Row| row["created_at"].as_str().unwrap()[..10].to_owned();
    expected.retain(|_, row| (since..=until).contains(&date(row).as_str()));
    assert!(expected.len() > 500, "{}", expected.len());

    let api = sandbox(6_000, 12);
    let home = Home::new();
    home.fetch(&api).args(&format!("--since {since} --until {until}")).succeeds();
    assert!(home.lake().without_fetched_at() == expected);
    let pages = expected.len().div_ceil(100) as u64;
    // An inquiry or two lead to the last day. A whole page that is older than the first day ends the walk; a few more
    // may be under way by then.
    assert!((pages..=pages + 10).contains(&api.stats().total()), "{pages} pages, {:?}", api.stats());
}

#[test]
fn days_that_were_passed_but_not_asked_for_are_no_covered_days() {
    let at =
        |nth: usize, day: u32| session(&format!("iqse_{nth}"), &format!("2026-11-{day:02}T10:00:00.000Z"));
    let api = Scripted::listing(vec![at(3, 20), at(2, 18), at(1, 10)]);
    let home = Home::new();
    // The one page reaches the API's oldest session.
    home.fetch(&api).args("--since 2026-11-18").succeeds();
    let covered = || {
        let record = fs::read(home.lake().path("_session_risk/lake.json")).unwrap();
        serde_json::from_slice::<Value>(&record).unwrap()["covered"].clone()
    };
    assert_eq!(covered(), json!([{"from": "2026-11-18T00:00:00Z", "until": "2026-11-23T06:00:00Z"}]));
    let days = home.lake().records("days");
    assert_eq!(days.keys().next().unwrap(), "2026-11-18", "a day that nobody asked for has a record");
    home.fetch(&api).succeeds();
    assert_eq!(home.lake().sessions().len(), 2, "what nobody asked for is in the lake");
    home.fetch(&api).args("--full").succeeds();
    assert_eq!(covered()[0]["from"], Value::Null);
    assert_eq!(home.lake().sessions().len(), 3);
}

#[test]
fn a_day_without_sessions_has_a_record_and_no_file() {
    let (_home, lake) = fetched(SandboxOptions { sessions: 25, days: 60, ..unlimited() });
    let (dates, records) = (lake.dates(), lake.records("days"));
    let over = |date: &&String| date.as_str() < "2026-11-20";
    let quiet: Vec<&String> = records.keys().filter(over).filter(|date| !dates.contains(*date)).collect();
    assert!(!quiet.is_empty(), "no quiet day to see");
    for date in quiet {
        let record = &records[date];
        assert_eq!((&record["rows"], &record["sha256"]), (&json!(0), &json!("")), "{date}");
        assert_eq!((&record["complete"], &record["sealed"]), (&json!(true), &json!(true)), "{date}");
        assert!(!lake.day_file(date).parent().unwrap().exists(), "{date}");
    }
    let (first, last) = (dates.first().unwrap().as_str(), dates.last().unwrap().as_str());
    let days = DayRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap();
    for date in days.days().map(|day| day.to_string()) {
        assert!(records.contains_key(&date), "{date} looks like a day never fetched");
    }
}

#[test]
fn the_records_say_what_the_files_hold() {
    let (_home, lake) = fetched(SandboxOptions { sessions: 1_600, days: 4, ..unlimited() });
    let records = lake.records("days");
    assert_eq!(records.keys().collect::<Vec<_>>(), lake.dates().iter().collect::<Vec<_>>());
    let run = lake.last_run();
    for (date, record) in &records {
        let bytes = fs::read(lake.day_file(date)).unwrap();
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(record["bytes"], json!(bytes.len()), "{date}");
        assert_eq!(record["sha256"], json!(digest), "{date}");
        let rows = rows(&lake.day_file(date));
        assert_eq!(record["rows"], json!(rows.len()), "{date}");
        let moment = |of: &Value| of.as_str().unwrap().parse::<Timestamp>().unwrap();
        assert_eq!(moment(&record["newest"]), moment(&rows[0]["created_at"]), "{date}");
        assert_eq!(moment(&record["oldest"]), moment(&rows[rows.len() - 1]["created_at"]), "{date}");
        let known = rows.iter().filter(|row| !row["is_vpn"].is_null()).count();
        assert_eq!(record["coverage"]["is_vpn"]["known"], json!(known), "{date}");
        let statuses = record["statuses"].as_object().unwrap();
        assert_eq!(statuses.values().map(|rows| rows.as_u64().unwrap()).sum::<u64>(), rows.len() as u64);
        assert_eq!(record["run_id"], run["run_id"], "{date}");
    }
    // Noon of the last day: all but that one are over.
    let mut complete = records.values().map(|record| record["complete"].as_bool().unwrap());
    assert!(complete.clone().rev().skip(1).all(|complete| complete) && !complete.next_back().unwrap());
    assert_eq!((&run["outcome"], &run["rows"], &run["new"]), (&json!("done"), &json!(1_600), &json!(1_600)));
    let left: Vec<_> = lake.files().into_keys().filter(|name| name.contains("staging")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn what_hardly_repeats_has_no_dictionary_and_moments_are_differences() {
    let (_home, lake) = fetched(SandboxOptions { sessions: 400, days: 1, ..unlimited() });
    for date in lake.dates() {
        let reader = SerializedFileReader::new(File::open(lake.day_file(&date)).unwrap()).unwrap();
        let columns = reader.metadata().row_group(0).columns();
        let encodings = |name: &str| {
            let column = columns.iter().find(|column| column.column_path().string() == name).unwrap();
            (column.dictionary_page_offset().is_some(), column.encodings().collect::<Vec<_>>())
        };
        for id in ["session_id", "inquiry_id", "device_id", "network_id", "ip_address"] {
            assert!(!encodings(id).0, "{id}");
        }
        for moment in ["created_at", "started_at", "expired_at"] {
            let (has_dictionary, encodings) = encodings(moment);
            assert!(!has_dictionary && encodings.contains(&Encoding::DELTA_BINARY_PACKED), "{moment}");
        }
        assert!(encodings("country_code").0);
    }
}

#[test]
fn the_footer_of_a_day_file_says_whose_it_is() {
    let api = sandbox(400, 1);
    let home = Home::new();
    home.fetch(&api).succeeds();
    let lake = home.lake();
    let mut rows = 0;
    for date in lake.dates() {
        let reader = SerializedFileReader::new(File::open(lake.day_file(&date)).unwrap()).unwrap();
        let metadata = reader.metadata().file_metadata();
        let footer = metadata.key_value_metadata().unwrap();
        let of = |name: &str| {
            let name = format!("session_risk.{name}");
            footer.iter().find(|entry| entry.key == name).and_then(|entry| entry.value.clone()).unwrap()
        };
        assert_eq!(of("rows"), metadata.num_rows().to_string());
        assert_eq!(of("environment_id"), api.environment());
        assert_eq!(json!(of("run_id")), lake.last_run()["run_id"]);
        assert_eq!(of("schema_version"), "1");
        assert!(of("privacy").contains("ip=keep"));
        assert!(metadata.created_by().unwrap().starts_with("session-risk "));
        rows += metadata.num_rows();
    }
    assert_eq!(rows, 400);
}

#[test]
fn gzip_or_not_the_lake_is_the_same() {
    let options = || SandboxOptions { sessions: 700, days: 3, ..unlimited() };
    let (_one, zipped) = fetched(options());
    let (_other, plain) = fetched(SandboxOptions { gzip: false, ..options() });
    assert!(zipped.without_fetched_at() == plain.without_fetched_at());
}

#[cfg(unix)]
#[test]
fn files_and_folders_are_not_for_everyone() {
    use std::os::unix::fs::PermissionsExt;
    let (_home, lake) = fetched(SandboxOptions { sessions: 50, days: 1, ..unlimited() });
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in lake.files().into_keys() {
        assert_eq!(mode(lake.path(&name)), 0o640, "{name}");
        assert_eq!(mode(lake.path(&name).parent().unwrap().to_owned()), 0o750, "{name}");
    }
}
