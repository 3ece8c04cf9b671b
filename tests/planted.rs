//! What is planted in the sandbox is there as it is labelled, and nobody else is changed by it.

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
        let kilometres = along_the_chord(point(one, IP), point(two, IP));
        assert!(kilometres / hours > 2_000.0, "{kilometres} km in {hours} h: {travel:?}");
    }
    let of_one_inquiry = travels.iter().filter(|travel| travel.inquiries.len() == 1).count();
    assert_eq!(of_one_inquiry, 10);
}

const IP: [&str; 2] = ["latitude", "longitude"];
const GPS: [&str; 2] = ["gps-latitude", "gps-longitude"];

/// The way between two places straight through the earth: less than any way around it.
fn along_the_chord(one: [f64; 3], two: [f64; 3]) -> f64 {
    let squares = one.into_iter().zip(two).map(|(one, two)| (one - two).powi(2));
    6_371.0 * squares.sum::<f64>().sqrt()
}

fn point(session: &Json, names: [&str; 2]) -> [f64; 3] {
    let [latitude, longitude] = names.map(|name| attribute(session, name).as_f64().unwrap().to_radians());
    [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()]
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
fn a_web_hangs_together_by_devices_and_addresses_and_some_of_it_comes_by_the_gateway() {
    let scene = Scene::new();
    let [gateway] = of_kind(&scene.events, "gateway")[..] else { panic!("not one gateway") };
    scene.assert_labelled(gateway);
    assert_eq!((gateway.inquiries.len(), gateway.addresses.len()), (80, 1));
    let address = |session: &Json| attribute(session, "ip-address").as_str().unwrap().to_owned();
    let is_gateway = |session: &&Json| gateway.addresses.contains(&address(session));
    let webs = of_kind(&scene.events, "web");
    assert_eq!(webs.len(), 4);
    for web in webs {
        scene.assert_labelled(web);
        assert_eq!((web.inquiries.len(), web.sessions.len(), web.devices.len()), (12, 16, 4));
        let (by_gateway, others): (Vec<_>, Vec<_>) = scene.of(web).into_iter().partition(is_gateway);
        assert_eq!(by_gateway.len(), 4);
        // From one inquiry over what two have in common to all of them, in more steps than one.
        let shares = |session: &Json| [related(session, "device").unwrap().to_owned(), address(session)];
        let mut reached = BTreeSet::from([related(others[0], "inquiry").unwrap()]);
        let mut steps = Vec::new();
        while steps.last() != Some(&reached.len()) {
            steps.push(reached.len());
            let of_reached =
                others.iter().filter(|other| reached.contains(related(other, "inquiry").unwrap()));
            let shared: BTreeSet<String> = of_reached.flat_map(|session| shares(session)).collect();
            let joined = others.iter().filter(|other| shares(other).iter().any(|one| shared.contains(one)));
            reached = joined.map(|other| related(other, "inquiry").unwrap()).collect();
        }
        assert!(steps.len() > 2 && reached.len() == 12, "{steps:?}");
    }
}

#[test]
fn a_switch_is_one_inquiry_on_two_kinds_of_device_without_a_handoff() {
    let scene = Scene::new();
    let switches = of_kind(&scene.events, "switch");
    assert_eq!(switches.len(), 20);
    for switch in switches {
        scene.assert_labelled(switch);
        let sessions = scene.of(switch);
        let [one, two] = sessions[..] else { panic!("{switch:?}") };
        assert_ne!(related(one, "device"), related(two, "device"));
        for name in ["device-type", "os-name"] {
            assert_ne!(attribute(one, name), attribute(two, name), "{name}");
        }
        assert!([one, two].iter().all(|session| attribute(session, "device-handoff-method").is_null()));
    }
}

#[test]
fn a_spoofed_device_says_it_is_far_from_its_address_and_all_addresses_are_of_one_country() {
    let scene = Scene::new();
    let [spoof] = of_kind(&scene.events, "spoof")[..] else { panic!("not one spoof") };
    scene.assert_labelled(spoof);
    assert_eq!(spoof.sessions.len(), 200);
    for session in scene.of(spoof) {
        assert_eq!(attribute(session, "country-code").as_str(), spoof.country_code);
        let kilometres = along_the_chord(point(session, IP), point(session, GPS));
        assert!(kilometres > 3_800.0, "{kilometres} km: {session}");
    }
}

#[test]
fn too_few_days_to_plant_in_are_refused() {
    let refused = Sandbox::start_blocking(SandboxOptions { planted: true, days: 13, ..unlimited() });
    assert!(matches!(refused, Err(SandboxError::TooFewToPlant { days: 13 })));
    let fewest = sandbox_with(SandboxOptions { planted: true, days: 14, sessions: 1_000, ..unlimited() });
    assert_eq!(fewest.labelled().iter().filter(|event| event.kind != "ring").count(), 54);
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
