//! What is planted in the sandbox is there as it is labelled, nobody else is changed by it, and reports find it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use session_risk::sandbox::{Labelled, Sandbox, SandboxError, SandboxOptions};

use crate::harness::{Home, sandbox_with, unlimited};

fn planted() -> Sandbox {
    sandbox_with(SandboxOptions { planted: true, ..unlimited() })
}

fn of_kind<'a>(events: &'a [Labelled], kind: &str) -> Vec<&'a Labelled> {
    events.iter().filter(|event| event.kind == kind).collect()
}

/// Every session that the API would list, by its id.
fn listed(sandbox: &Sandbox) -> BTreeMap<String, Json> {
    let sessions =
        sandbox.listed().into_iter().map(|session| serde_json::from_str::<Json>(&session).unwrap());
    sessions.map(|session| (session["id"].as_str().unwrap().to_owned(), session)).collect()
}

fn attribute<'a>(session: &'a Json, name: &str) -> &'a Json {
    &session["attributes"][name]
}

fn related<'a>(session: &'a Json, name: &str) -> Option<&'a str> {
    session["relationships"][name]["data"]["id"].as_str()
}

fn day(session: &Json) -> &str {
    attribute(session, "created-at").as_str().unwrap().split('T').next().unwrap()
}

/// The sandbox's sessions and events, and each event's own sessions.
struct Scene {
    sessions: BTreeMap<String, Json>,
    events: Vec<Labelled>,
}

impl Scene {
    fn new() -> Self {
        let sandbox = planted();
        Self { sessions: listed(&sandbox), events: sandbox.labelled() }
    }

    fn of(&self, event: &Labelled) -> Vec<&Json> {
        event.sessions.iter().map(|id| &self.sessions[id]).collect()
    }

    /// All sessions that are not the event's.
    fn others(&self, event: &Labelled) -> Vec<&Json> {
        let own: BTreeSet<&String> = event.sessions.iter().collect();
        self.sessions.iter().filter(|(id, _)| !own.contains(id)).map(|(_, session)| session).collect()
    }

    /// Checks what all events promise: their inquiries and their times are those of their sessions.
    fn assert_labelled(&self, event: &Labelled) {
        let inquiries: BTreeSet<&str> =
            self.of(event).into_iter().map(|session| related(session, "inquiry").unwrap()).collect();
        assert_eq!(inquiries, event.inquiries.iter().map(String::as_str).collect(), "{}", event.kind);
        let times = self.of(event).into_iter().map(|session| attribute(session, "created-at"));
        let times: Vec<jiff::Timestamp> = times.map(|time| time.as_str().unwrap().parse().unwrap()).collect();
        assert_eq!((times.iter().min(), times.iter().max()), (Some(&event.first), Some(&event.last)));
    }
}

#[test]
fn nobody_else_is_changed_by_what_is_planted() {
    let sandbox = planted();
    let mut with = listed(&sandbox);
    for event in sandbox.labelled().iter().filter(|event| event.kind != "ring") {
        for session in &event.sessions {
            assert!(with.remove(session).is_some(), "{session} of {} is not listed", event.kind);
        }
    }
    let without = sandbox_with(unlimited());
    assert!(with == listed(&without), "other sessions differ");
    assert_eq!(with.len(), 20_000);
    assert!(without.labelled().iter().all(|event| event.kind == "ring"));
}

#[test]
fn the_same_seed_plants_the_same_and_another_seed_something_else() {
    let other = sandbox_with(SandboxOptions { planted: true, seed: 2, ..unlimited() });
    assert_eq!(planted().labelled(), planted().labelled());
    assert_ne!(planted().labelled(), other.labelled());
    assert_eq!(of_kind(&other.labelled(), "burst").len(), 5);
}

#[test]
fn a_ring_is_known_by_its_devices_or_its_address() {
    let scene = Scene::new();
    let rings = of_kind(&scene.events, "ring");
    assert_eq!(rings.len(), 13);
    for ring in &rings {
        scene.assert_labelled(ring);
        assert!(
            ring.inquiries.len() >= 10 && ring.devices.is_empty() != ring.addresses.is_empty(),
            "{ring:?}"
        );
        for session in scene.of(ring) {
            let device = related(session, "device").unwrap_or_default();
            let address = attribute(session, "ip-address").as_str().unwrap_or_default();
            if ring.addresses.is_empty() {
                assert!(device.is_empty() || ring.devices.contains(device), "{session}");
            } else {
                assert!(address.is_empty() || ring.addresses.contains(address), "{session}");
            }
        }
        // Those of others are not named.
        for session in scene.others(ring) {
            assert!(!ring.devices.contains(related(session, "device").unwrap_or_default()), "{session}");
        }
    }
    assert!(
        rings.iter().any(|ring| ring.devices.is_empty()) && rings.iter().any(|ring| !ring.devices.is_empty())
    );
}

#[test]
fn a_burst_is_thirty_inquiries_of_one_address_within_four_minutes() {
    let scene = Scene::new();
    let bursts = of_kind(&scene.events, "burst");
    assert_eq!(bursts.len(), 5);
    for burst in bursts {
        scene.assert_labelled(burst);
        assert_eq!((burst.sessions.len(), burst.inquiries.len(), burst.addresses.len()), (30, 30, 1));
        assert!(burst.last.duration_since(burst.first).as_secs() < 240, "{burst:?}");
        for session in scene.of(burst) {
            assert_eq!(attribute(session, "ip-address"), burst.addresses.first().unwrap().as_str());
        }
        let devices = scene.of(burst).into_iter().map(|session| related(session, "device").unwrap());
        assert_eq!(devices.collect::<BTreeSet<_>>().len(), 30);
    }
}

#[test]
fn a_traveller_goes_faster_than_any_aeroplane_and_hides_behind_nothing() {
    let scene = Scene::new();
    let travels = of_kind(&scene.events, "travel");
    assert_eq!(travels.len(), 20);
    for travel in &travels {
        scene.assert_labelled(travel);
        let sessions = scene.of(travel);
        let [one, two] = sessions[..] else { panic!("{travel:?}") };
        for session in [one, two] {
            assert!(travel.devices.contains(related(session, "device").unwrap()));
            for signal in ["is-vpn", "is-proxy", "is-tor", "is-datacenter"] {
                assert_eq!(attribute(session, signal), &json!(false), "{session}");
            }
            assert_eq!(attribute(session, "device-handoff-method"), &Json::Null);
        }
        let hours = travel.last.duration_since(travel.first).as_secs_f64() / 3600.0;
        let kilometres = along_the_chord(one, two);
        assert!(kilometres / hours > 2_000.0, "{kilometres} km in {hours} h: {travel:?}");
    }
    let of_one_inquiry = travels.iter().filter(|travel| travel.inquiries.len() == 1).count();
    assert_eq!(of_one_inquiry, 10);
}

/// The way between two sessions' places straight through the earth: less than any way around it.
fn along_the_chord(one: &Json, two: &Json) -> f64 {
    let point = |session: &Json| {
        let [latitude, longitude] =
            ["latitude", "longitude"].map(|name| attribute(session, name).as_f64().unwrap().to_radians());
        [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()]
    };
    let squares = point(one).into_iter().zip(point(two)).map(|(one, two)| (one - two).powi(2));
    6_371.0 * squares.sum::<f64>().sqrt()
}

#[test]
fn the_surge_is_one_day_of_vpns_that_stands_out_from_all_others() {
    let scene = Scene::new();
    let [surge] = of_kind(&scene.events, "vpn_surge")[..] else { panic!("not one surge") };
    scene.assert_labelled(surge);
    let days: BTreeSet<&str> = scene.of(surge).into_iter().map(day).collect();
    assert_eq!(days.len(), 1, "{days:?}");
    let mut by_day: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    for session in scene.sessions.values() {
        if let Some(vpn) = attribute(session, "is-vpn").as_bool() {
            let [hits, known] = by_day.entry(day(session)).or_default();
            *hits += f64::from(u8::from(vpn));
            *known += 1.0;
        }
    }
    let surge_rate = by_day.remove(days.first().unwrap()).map(|[hits, known]| hits / known).unwrap();
    let highest = by_day.values().map(|[hits, known]| hits / known).fold(0.0, f64::max);
    assert!(surge_rate > 2.0 * highest, "{surge_rate} on {days:?}, {highest} at most on others");
}

#[test]
fn one_country_vanishes_before_the_second_half_and_one_is_new_in_the_last_days() {
    let scene = Scene::new();
    for (kind, code, span) in [
        ("vanished_country", "IS", "2026-10-21T12:00:00Z".."2026-11-05T00:00:00Z"),
        ("new_country", "FJ", "2026-11-18T00:00:00Z".."2026-11-20T12:00:00Z"),
    ] {
        let [event] = of_kind(&scene.events, kind)[..] else { panic!("not one {kind}") };
        scene.assert_labelled(event);
        assert_eq!(event.country_code, Some(code));
        assert!(event.first >= span.start.parse().unwrap() && event.last < span.end.parse().unwrap());
        assert!(event.sessions.len() >= 100);
        assert!(scene.of(event).into_iter().all(|session| attribute(session, "country-code") == code));
        assert!(scene.others(event).into_iter().all(|session| attribute(session, "country-code") != code));
    }
}

#[test]
fn too_few_days_to_plant_in_are_refused() {
    let refused = Sandbox::start_blocking(SandboxOptions { planted: true, days: 13, ..unlimited() });
    assert!(matches!(refused, Err(SandboxError::TooFewToPlant { days: 13 })));
    let fewest = sandbox_with(SandboxOptions { planted: true, days: 14, sessions: 1_000, ..unlimited() });
    assert_eq!(fewest.labelled().iter().filter(|event| event.kind != "ring").count(), 28);
}

#[test]
fn the_command_writes_down_what_is_to_be_found() {
    let home = Home::new();
    let command = home.command("sandbox --sessions 600 --end 2026-11-20T12:00:00Z --plant planted.json");
    let mut running = command.start();
    let mut written = Json::Null;
    running.until(|| {
        let text = std::fs::read_to_string(home.path("planted.json")).unwrap_or_default();
        written = serde_json::from_str(&text).unwrap_or_default();
        !written.is_null()
    });
    let same = sandbox_with(SandboxOptions { sessions: 600, planted: true, ..unlimited() });
    assert_eq!(written, serde_json::to_value(same.labelled()).unwrap());
}

/// How many of the events were found, and how many of the rows belong to one.
#[allow(clippy::print_stdout, reason = "how well a report finds is worth to know")]
fn found(rows: &BTreeSet<String>, events: &[&BTreeSet<String>]) -> (f64, f64) {
    let named = events.iter().filter(|keys| keys.iter().any(|key| rows.contains(key))).count();
    let guilty = rows.iter().filter(|row| events.iter().any(|keys| keys.contains(*row))).count();
    println!("{named} of {} events found; {guilty} of {} rows are theirs", events.len(), rows.len());
    (named as f64 / events.len() as f64, guilty as f64 / rows.len() as f64)
}

#[test]
fn reports_find_what_is_planted() {
    let (home, sandbox) = (Home::new(), planted());
    home.fetch(&sandbox).succeeds();
    let events = sandbox.labelled();
    let keys = |report: &str, column: &str| -> BTreeSet<String> {
        let report =
            home.command(&format!("report {report} --lake lake --format json --param min_inquiries=10"));
        let report = report.args("--since 2026-10-21 --until 2026-11-20").succeeds();
        let report: Json = serde_json::from_str(&report.stdout).unwrap();
        let rows = report["reports"][0]["rows"].as_array().unwrap();
        rows.iter().map(|row| row[column].as_str().unwrap().to_owned()).collect()
    };

    let devices = of_kind(&events, "ring").into_iter().map(|event| &event.devices);
    let shared: Vec<_> = devices.filter(|devices| !devices.is_empty()).collect();
    let (recall, precision) = found(&keys("inquiries_per_device", "device_id"), &shared);
    assert!(recall == 1.0 && precision > 0.9, "devices: {recall} of the events, {precision} of the rows");

    let addresses = events.iter().map(|event| &event.addresses);
    let shared: Vec<_> = addresses.filter(|addresses| !addresses.is_empty()).collect();
    let (recall, precision) = found(&keys("inquiries_per_address", "ip_address"), &shared);
    // Offices and exits of VPNs have many inquiries too, and the report says so.
    assert!(recall == 1.0 && precision > 0.1, "addresses: {recall} of the events, {precision} of the rows");
}
