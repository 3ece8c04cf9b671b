//! Privacy: what is not to be kept never reaches the disk, and a lake keeps to one way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use session_risk::sandbox::{Sandbox, SandboxOptions};
use session_risk::session::privacy::{AddressKey, Addresses, Extra, droppable};
use session_risk::session::{Decoded, Decoder, Privacy};

use crate::decode::{rows_of, seen};
use crate::harness::{Home, sandbox, sandbox_with, unlimited};
use crate::lake_files::LakeFiles;
use crate::scripted::{Answer, KEY, Scripted, link, session};

const IP_KEY: &str = "a-key-of-the-tests-0123456789abcdefghij";
const OTHER_IP_KEY: &str = "another-key-of-the-tests-0123456789abcd";

fn hash(key: &str) -> Privacy {
    Privacy::new(Addresses::Hash(AddressKey::new(key).unwrap()), Extra::Keep, [].into())
}

fn truncate() -> Privacy {
    Privacy::new(Addresses::Truncate, Extra::Keep, [].into())
}

fn without(names: &[&str], extra: Extra) -> Privacy {
    Privacy::new(Addresses::Keep, extra, names.iter().map(|name| droppable(name).unwrap()).collect())
}

/// Decodes sessions with these attributes beside `created-at`.
fn decoded(privacy: Privacy, attributes: &[Value]) -> Decoded {
    let resources = attributes.iter().enumerate().map(|(nth, attributes)| {
        let mut attributes = attributes.clone();
        attributes["created-at"] = json!("2026-11-20T08:00:00.000Z");
        json!({"type": "inquiry-session", "id": format!("iqse_{nth}"), "attributes": attributes})
    });
    let mut decoder = Decoder::new(Arc::new(privacy));
    let page = json!({"data": resources.collect::<Vec<_>>()});
    decoder.value(page.to_string().as_bytes(), &seen()).unwrap();
    decoder.take().unwrap()
}

/// What becomes of an address.
fn address(privacy: Privacy, address: Value) -> Value {
    rows_of(&decoded(privacy, &[json!({"ip-address": address})]))[0]["ip_address"].clone()
}

#[test]
fn one_address_written_in_many_ways_is_one_hash_of_its_key() {
    let hashed = |key: &str, text: &str| address(hash(key), json!(text)).as_str().unwrap().to_owned();
    let one = hashed(IP_KEY, "192.0.2.1");
    assert!(one.starts_with("h_") && one.len() == 34, "{one}");
    for same in ["::ffff:192.0.2.1", " 192.0.2.1 ", "::FFFF:C000:201"] {
        assert_eq!(hashed(IP_KEY, same), one, "{same}");
    }
    assert_eq!(hashed(IP_KEY, "2001:DB8:0:0::1"), hashed(IP_KEY, "2001:db8::1"));
    for other in
        [hashed(IP_KEY, "192.0.2.2"), hashed(OTHER_IP_KEY, "192.0.2.1"), hashed(IP_KEY, "2001:db8::1")]
    {
        assert_ne!(other, one);
    }
    assert_eq!(address(truncate(), json!("::ffff:192.0.2.1")), json!("192.0.2.0/24"));
    assert_eq!(address(truncate(), json!("2001:DB8:1:2::9")), json!("2001:db8:1::/48"));
}

#[test]
fn what_is_no_address_is_dropped_and_counted_where_addresses_are_hidden() {
    let addresses =
        [json!("unknown"), json!("192.0.2.1, 192.0.2.2"), json!(["192.0.2.1"]), json!(3_221_225_985_u32)];
    let attributes: Vec<Value> = addresses.iter().map(|address| json!({"ip-address": address})).collect();
    for privacy in [hash(IP_KEY), truncate()] {
        let decoded = decoded(privacy, &attributes);
        assert_eq!(decoded.wrong_types, BTreeMap::from([("ip_address", 4)]));
        for row in rows_of(&decoded) {
            assert_eq!((&row["ip_address"], &row["extra"]), (&Value::Null, &Value::Null));
        }
    }
    let kept = decoded(Privacy::default(), &attributes);
    assert_eq!(kept.wrong_types, BTreeMap::from([("ip_address", 2)]));
    assert_eq!(rows_of(&kept)[0]["ip_address"], json!("unknown"));
    assert!(rows_of(&kept)[2]["extra"].as_str().unwrap().contains("192.0.2.1"));
    // Null and absent stay what they are.
    let nothing = decoded(hash(IP_KEY), &[json!({"ip-address": null}), json!({})]);
    assert!(nothing.wrong_types.is_empty());
    assert_eq!(nothing.absent[0] ^ nothing.absent[1], 1 << 4);
}

#[test]
fn an_address_that_stands_in_extra_is_hidden_as_well() {
    let attributes = json!({
        "last-ip": "::ffff:192.0.2.1", "hops": ["192.0.2.1", {"192.0.2.1": "192.0.2.1:443"}, "no"],
        "quoted": "\"", "IpAddress": "192.0.2.1", "is-vpn": "192.0.2.1", "n": 1e300,
    });
    let of = |privacy| {
        let row = &rows_of(&decoded(privacy, std::slice::from_ref(&attributes)))[0];
        serde_json::from_str::<Value>(row["extra"].as_str().unwrap()).unwrap()["attributes"].clone()
    };
    let expected = |address: &str| {
        json!({
            "last_ip": address, "hops": [address, {address: address}, "no"], "quoted": "\"",
            "is_vpn": address, "n": 1e300,
        })
    };
    assert_eq!(of(truncate()), expected("192.0.2.0/24"));
    let hashed = address(hash(IP_KEY), json!("192.0.2.1"));
    assert_eq!(of(hash(IP_KEY)), expected(hashed.as_str().unwrap()));
}

#[test]
fn a_dropped_attribute_is_null_and_nowhere_else() {
    let attributes = [
        json!({"latitude": 1.5, "user-agent": "a browser", "os-name": "Mac", "new": 1}),
        json!({"latitude": "secret", "Latitude": "secret", "userAgent": ["secret"], "isVpn": "x"}),
    ];
    let dropping = |extra| decoded(without(&["latitude", "userAgent"], extra), &attributes);
    let rows = rows_of(&dropping(Extra::Keep));
    assert!(rows.iter().all(|row| row["latitude"].is_null() && row["user_agent"].is_null()));
    assert_eq!(rows[0]["os_name"], json!("Mac"));
    assert_eq!(rows[0]["extra"], json!(r#"{"attributes":{"new":1}}"#));
    assert_eq!(rows[1]["extra"], json!(r#"{"attributes":{"is_vpn":"x"}}"#));
    // Dropped is not absent: the API did give it.
    assert_eq!(dropping(Extra::Keep).absent, decoded(Privacy::default(), &attributes).absent);
    assert!(rows_of(&dropping(Extra::Drop)).iter().all(|row| row["extra"].is_null()));
}

#[test]
fn quarantine_keeps_no_values_where_anything_is_hidden() {
    let page = json!({"data": [{"type": "inquiry-session", "id": "iqse_1", "attributes":
        {"ip-address": "192.0.2.1", "192.0.2.7": 1, "newThing": "192.0.2.8"}}]});
    for privacy in [hash(IP_KEY), truncate(), without(&["latitude"], Extra::Keep), without(&[], Extra::Drop)]
    {
        let mut decoder = Decoder::new(Arc::new(privacy));
        decoder.value(page.to_string().as_bytes(), &seen()).unwrap();
        let quarantined = serde_json::to_value(decoder.take().unwrap().quarantined).unwrap();
        let mut fields: Vec<&str> =
            quarantined[0]["fields"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        fields.retain(|name| *name != "ip_address");
        assert_eq!(fields, ["new_thing"]);
        assert_eq!(
            (&quarantined[0]["session_id"], &quarantined[0]["resource"]),
            (&json!("iqse_1"), &Value::Null)
        );
        assert!(!quarantined.to_string().contains("192.0.2"), "{quarantined}");
    }
}

/// Texts that every address of the sandbox and of these tests begins with.
const BEGINNINGS: [&str; 4] = ["192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:"];

/// In the place of a day file's name: its statistics hold values as they are.
const DAY_FILE: &str = "day file";

/// The places of a lake, columns of day files among them, where an address stands.
fn places_with_an_address(lake: &LakeFiles) -> Vec<String> {
    let holds = |bytes: &[u8]| {
        BEGINNINGS.iter().any(|begin| bytes.windows(begin.len()).any(|window| window == begin.as_bytes()))
    };
    let place = |name: String| if name.starts_with("sessions/") { DAY_FILE.to_owned() } else { name };
    let files = lake.files().into_iter().filter(|(_, bytes)| holds(bytes)).map(|(name, _)| place(name));
    // Day files are compressed.
    let columns = lake.sessions().into_values().flatten();
    let columns = columns.filter(|(_, value)| holds(value.to_string().as_bytes())).map(|(name, _)| name);
    let mut places: Vec<String> = files.chain(columns).collect();
    places.sort();
    places.dedup();
    places
}

fn slow() -> Sandbox {
    sandbox_with(SandboxOptions {
        sessions: 16_000,
        days: 20,
        latency: Duration::from_millis(5),
        ..unlimited()
    })
}

#[test]
fn no_address_reaches_the_disk_even_of_a_run_that_is_killed() {
    let places = |flags: &str| {
        let (api, home) = (slow(), Home::new());
        let mut export = home.fetch(&api).env("SESSION_RISK_IP_KEY", IP_KEY).args(flags).start();
        export.until(|| api.stats().total() >= 70);
        export.kill();
        let staged = home.lake().files().into_keys().any(|name| name.ends_with(".arrow"));
        assert!(staged, "nothing was staged when it was killed");
        let killed = places_with_an_address(&home.lake());
        home.fetch(&api).env("SESSION_RISK_IP_KEY", IP_KEY).args(flags).succeeds();
        assert_eq!(home.lake().sessions().len(), 16_000);
        (killed, places_with_an_address(&home.lake()))
    };
    assert_eq!(places("--ip hash"), (Vec::new(), Vec::new()));
    // The search does find them where they are.
    let (killed, ended) = places("");
    assert!(killed.iter().any(|name| name.contains("staging")), "{killed:?}");
    assert_eq!(ended, [DAY_FILE, "ip_address"]);
}

/// Sessions that tell an address wherever they can, one of which cannot become a row.
fn talkative() -> Vec<String> {
    let with = |id: &str, attributes: Value| {
        let mut resource: Value = serde_json::from_str(&session(id, "2026-11-20T10:00:00.000Z")).unwrap();
        for (name, value) in attributes.as_object().unwrap() {
            resource["attributes"][name] = value.clone();
        }
        resource["relationships"]["device"] = json!({"data": [{"id": "192.0.2.9"}]});
        resource["relationships"]["via"] = json!({"data": {"id": "192.0.2.9"}});
        resource.to_string()
    };
    let odd = json!({"ip-address": ["192.0.2.9"], "is-vpn": "192.0.2.9", "proxy-address": "192.0.2.9"});
    let mut sessions: Vec<String> = (0..200).map(|nth| with(&format!("iqse_{nth}"), odd.clone())).collect();
    sessions.push(with("iqse_unusable", json!({"created-at": "never", "proxy-address": "192.0.2.9"})));
    sessions
}

#[test]
fn no_address_reaches_extra_or_quarantine_by_fetch_import_and_run() {
    let quarantine = |lake: &LakeFiles| {
        format!("_session_risk/quarantine/{}.jsonl", lake.last_run()["run_id"].as_str().unwrap())
    };
    for flags in ["--ip hash", "--ip truncate --extra drop", ""] {
        for command in ["fetch", "run", "import"] {
            let home = Home::new();
            let api = Scripted::listing(talkative());
            home.write("input", &talkative().join("\n"));
            let line = match command {
                "import" => home.command("import input --lake lake"),
                _ => home.command(command).args("--lake lake --base-url").arg(api.base_url()).key(KEY),
            };
            line.args(flags).env("SESSION_RISK_IP_KEY", IP_KEY).run().assert_no_panic();
            let lake = home.lake();
            assert_eq!((lake.sessions().len(), lake.last_run()["quarantined"].as_u64()), (200, Some(1)));
            let kept = String::from_utf8(lake.files()[&quarantine(&lake)].clone()).unwrap();
            assert!(kept.contains("iqse_unusable") && kept.contains("proxy"), "{kept}");
            let expected = if flags.is_empty() {
                vec![quarantine(&lake), DAY_FILE.to_owned(), "extra".to_owned()]
            } else {
                Vec::new()
            };
            assert_eq!(places_with_an_address(&lake), expected, "{command} {flags}");
        }
    }
}

#[test]
fn a_writer_with_another_mode_or_key_is_refused_before_a_request_or_a_byte() {
    let api = sandbox(300, 3);
    let home = Home::new();
    home.write("input", &session("iqse_1", "2026-11-20T10:00:00.000Z"));
    let hashed = |flags: &str, key: &str| {
        home.fetch(&api).args("--ip hash --full").args(flags).env("SESSION_RISK_IP_KEY", key)
    };
    hashed("", IP_KEY).succeeds();
    let (before, requests) = (home.lake().holdings(), api.stats().total());
    home.fetch(&api).is_refused(2, &["--ip hash --extra keep", "--ip keep --extra keep", "another lake"]);
    home.command("import input --lake lake --ip truncate").is_refused(2, &["--ip hash", "--ip truncate"]);
    hashed("--extra drop", IP_KEY).is_refused(2, &["--extra drop", "--extra keep"]);
    hashed("--drop-attribute latitude", IP_KEY).is_refused(2, &["--drop-attribute latitude"]);
    hashed("", OTHER_IP_KEY).is_refused(2, &["another key", "SESSION_RISK_IP_KEY"]);
    assert_eq!(api.stats().total(), requests);
    assert!(home.lake().holdings() == before, "the lake changed");
    hashed("", IP_KEY).succeeds();

    let kept = Home::new();
    kept.fetch(&api).succeeds();
    kept.fetch(&api).args("--ip truncate").is_refused(2, &["--ip keep", "--ip truncate"]);
}

#[test]
fn a_lake_of_an_older_record_keeps_everything() {
    let api = sandbox(100, 2);
    let home = Home::new();
    home.fetch(&api).succeeds();
    let record = home.lake().path("_session_risk/lake.json");
    let mut older: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    assert_eq!(older.as_object_mut().unwrap().remove("privacy"), Some(json!("ip=keep,extra=keep")));
    std::fs::write(&record, older.to_string()).unwrap();
    home.fetch(&api).args("--extra drop").is_refused(2, &["--extra keep"]);
    home.fetch(&api).succeeds();
}

#[test]
fn what_a_run_left_that_hid_nothing_is_of_no_use_to_one_that_does() {
    let home = Home::new();
    // A lake that has no record yet: killed before the first answer that named an environment.
    home.write("lake/_session_risk/staging/before/2026-11-20-000000.arrow", "192.0.2.1");
    home.fetch(&sandbox(100, 2)).args("--ip truncate").succeeds();
    assert!(home.lake().files().keys().all(|name| !name.contains("staging")));
}

#[test]
fn a_refused_export_with_a_mode_leaves_no_trace() {
    let home = Home::new();
    home.fetch(&sandbox(100, 2)).key("persona_sandbox_wrong").args("--ip truncate").ends_with(5);
    assert!(!home.lake().exists());
}

#[test]
fn records_files_status_and_reports_tell_the_mode() {
    let api = sandbox(2_000, 5);
    let home = Home::new();
    let flags = "--ip truncate --drop-attribute latitude,gps-latitude --extra drop";
    home.fetch(&api).args(flags).succeeds();
    let mode = "ip=truncate,extra=drop,without=gps_latitude+latitude";
    let shown = "--ip truncate --extra drop --drop-attribute gps_latitude,latitude";
    let record: Value = serde_json::from_slice(&home.lake().files()["_session_risk/lake.json"]).unwrap();
    assert_eq!(record["privacy"], json!(mode));
    assert_eq!(home.lake().last_run()["settings"]["privacy"], json!(shown));
    for date in home.lake().dates() {
        let bytes = std::fs::read(home.lake().day_file(&date)).unwrap();
        assert!(bytes.windows(mode.len()).any(|window| window == mode.as_bytes()), "{date}");
    }
    let status = home.command("status --lake lake").succeeds().stdout;
    assert!(status.lines().any(|line| line == format!("privacy      {shown}")), "{status}");
    let json: Value =
        serde_json::from_str(&home.command("status --lake lake --format json").succeeds().stdout).unwrap();
    assert_eq!(json["privacy"], json!(mode));
    let report =
        home.command("report inquiries_per_address --include-today --format json --lake lake").succeeds();
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    let notes = report["reports"][0]["notes"].to_string();
    assert!(notes.contains("per network") && notes.contains("gps_latitude, latitude"), "{notes}");
    let rows = report["reports"][0]["rows"].as_array().unwrap();
    let is_network = |row: &Value| {
        let address = row["ip_address"].as_str().unwrap();
        address.ends_with(".0/24") || address.ends_with("::/48")
    };
    assert!(!rows.is_empty() && rows.iter().all(is_network), "{rows:?}");

    let kept = Home::new();
    kept.fetch(&api).succeeds();
    let status = kept.command("status --lake lake").succeeds().stdout;
    assert!(!status.contains("privacy"), "{status}");
    let json = kept.command("status --lake lake --format json").succeeds().stdout;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap().get("privacy"), None);
}

#[test]
fn hashing_keeps_what_reports_count_by_address() {
    let api = sandbox(2_000, 5);
    let counts = |flags: &str| {
        let home = Home::new();
        home.fetch(&api).env("SESSION_RISK_IP_KEY", IP_KEY).args(flags).succeeds();
        let line = "report inquiries_per_address --include-today --format json --lake lake";
        let report: Value = serde_json::from_str(&home.command(line).succeeds().stdout).unwrap();
        let rows = report["reports"][0]["rows"].as_array().unwrap().clone();
        let mut counts: Vec<_> =
            rows.iter().map(|row| (row["sessions"].as_i64(), row["inquiries"].as_i64())).collect();
        counts.sort();
        counts
    };
    let plain = counts("");
    assert!(plain.len() > 20);
    assert_eq!(counts("--ip hash"), plain);
}

#[test]
fn the_key_of_the_hashes_is_in_no_output_and_no_file() {
    let api = sandbox(300, 3);
    for from_file in [false, true] {
        for format in ["text", "json"] {
            let home = Home::new();
            home.write("ip.key", &format!("{IP_KEY}\n"));
            let run =
                home.command("run --lake lake --ip hash --include-today -vvv --base-url").arg(api.base_url());
            let run = run.key(api.key()).args("--log-format").arg(format);
            let run = if from_file {
                run.args("--ip-key-file ip.key")
            } else {
                run.env("SESSION_RISK_IP_KEY", IP_KEY)
            };
            let outcome = run.succeeds();
            let said = [
                ("stdout".to_owned(), outcome.stdout.into_bytes()),
                ("stderr".to_owned(), outcome.stderr.into_bytes()),
            ];
            for (place, bytes) in home.lake().files().into_iter().chain(said) {
                let secret = &IP_KEY[IP_KEY.len() - 16..];
                assert!(
                    !bytes.windows(16).any(|window| window == secret.as_bytes()),
                    "the key is in {place}"
                );
            }
        }
    }
}

#[test]
fn a_key_that_is_missing_short_or_of_no_use_is_told_in_a_sentence() {
    let api = sandbox(100, 2);
    let home = Home::new();
    home.write("short", "0123456789");
    let fetch = || home.fetch(&api);
    fetch().args("--ip hash").is_refused(2, &["needs a key", "SESSION_RISK_IP_KEY", "--ip-key-file"]);
    fetch().args("--ip hash --ip-key-file short").is_refused(2, &["at least 32", "openssl rand -hex 32"]);
    fetch().args("--ip hash --ip-key-file nowhere").is_refused(2, &["nowhere", "cannot be read"]);
    fetch().args("--ip truncate --ip-key-file short").is_refused(2, &["of no use without --ip hash"]);
    fetch().args("--drop-attribute user_agnet").is_refused(2, &["user_agnet", "did you mean user_agent?"]);
    fetch().args("--drop-attribute created-at").is_refused(2, &["created-at", "has to stay"]);
    fetch().args("--drop-attribute device-id").is_refused(2, &["has to stay"]);
    assert_eq!(api.stats().total(), 0);
    assert!(!home.lake().exists());
}

#[test]
fn attributes_are_left_out_by_environment_and_settings_file_too() {
    let api = sandbox(100, 2);
    let home = Home::new();
    home.fetch(&api).env("SESSION_RISK_DROP_ATTRIBUTE", "user-agent,is_vpn").succeeds();
    home.write("session-risk.toml", "drop-attribute = \"is-vpn,userAgent\"\n");
    home.fetch(&api).succeeds();
    home.fetch(&api).args("--drop-attribute is-vpn --drop-attribute user-agent").succeeds();
    let rows = home.lake().sessions();
    assert!(rows.values().all(|row| row["user_agent"].is_null() && row["is_vpn"].is_null()));
    assert!(rows.values().any(|row| !row["is_tor"].is_null()));
}

#[test]
fn a_page_that_breaks_off_in_extra_or_ends_with_a_backslash_is_no_trouble() {
    let api = Scripted::answering([
        Answer::page(
            &[
                r#"{"type":"inquiry-session","id":"iqse_1","attributes":{"created-at":"2026-11-20T10:00:00Z","a\\":"\\","b\"":"\"192.0.2.1\"","c":"192\u002e0.2.1"}}"#,
            ],
            Some(&link("iqse_1")),
        ),
        Answer::page::<&str>(&[], None),
    ]);
    let home = Home::new();
    home.fetch(&api).args("--ip truncate").succeeds();
    let extra = home.lake().sessions()["iqse_1"]["extra"].as_str().unwrap().to_owned();
    let expected = r#"{"attributes":{"a\\":"\\","b\"":"\"192.0.2.1\"","c":"192.0.2.0/24"}}"#;
    assert_eq!(
        serde_json::from_str::<Value>(&extra).unwrap(),
        serde_json::from_str::<Value>(expected).unwrap()
    );
}
