//! The days on which something was planted are told as exceptional, by the real program over ten weeks of made-up people,
//! and no other day is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value as Json, json};
use session_risk::range::utc_date;
use session_risk::sandbox::{Labelled, Sandbox, SandboxOptions};

use crate::harness::{Home, sandbox_with, unlimited};

/// What a session counts in, in the order of [`FIGURES`]: whether it is so, where that is known.
type Signals = [Option<bool>; 6];

const FIGURES: [&str; 6] =
    ["vpn_rate", "tor_rate", "proxy_rate", "datacenter_rate", "anonymised_rate", "high_rate"];

struct Session {
    resource: String,
    day: Date,
    country: Option<String>,
    signals: Signals,
}

/// Ten weeks of people and what was planted among them.
struct Scene {
    sessions: BTreeMap<String, Session>,
    events: Vec<Labelled>,
    guilty: BTreeSet<String>,
}

/// From where on a country is gone, to the day before the last: people who are cut off at the end crowd on that.
const RANGE: &str = "--since 2026-10-18 --until 2026-11-20";

impl Scene {
    fn new() -> Self {
        let end = "2026-11-22T00:00:00Z".parse().unwrap();
        let options = SandboxOptions { sessions: 125_000, days: 70, end, planted: true, ..unlimited() };
        let sandbox: Sandbox = sandbox_with(options);
        let events = sandbox.labelled();
        let guilty = events.iter().flat_map(|event| event.sessions.iter().cloned()).collect();
        let sessions = sandbox.listed().into_iter().map(session).collect();
        Self { sessions, events, guilty }
    }

    fn event(&self, kind: &str) -> &Labelled {
        self.events.iter().find(|event| event.kind == kind).unwrap()
    }

    /// What is told of these sessions.
    fn told(&self, wanted: impl Fn(&str) -> bool) -> Json {
        let home = Home::new();
        let lines = self.sessions.iter().filter(|(id, _)| wanted(id)).map(|(_, session)| &*session.resource);
        home.write("sessions.jsonl", &lines.collect::<Vec<_>>().join("\n"));
        home.command("import sessions.jsonl --lake lake").succeeds();
        let report = home.command("report anomalies --lake lake --format json").args(RANGE).succeeds();
        serde_json::from_str::<Json>(&report.stdout).unwrap()["reports"][0].clone()
    }

    /// A figure of a day without what was planted.
    fn innocent(&self, day: Date, figure: &str, subject: &str) -> f64 {
        let sessions =
            self.sessions.iter().filter(|(id, session)| session.day == day && !self.guilty.contains(*id));
        let sessions = sessions.map(|(_, session)| session);
        match FIGURES.iter().position(|known| *known == figure) {
            None => {
                let is_of =
                    |session: &&Session| figure == "sessions" || session.country.as_deref() == Some(subject);
                sessions.filter(is_of).count() as f64
            }
            Some(at) => {
                let known: Vec<bool> = sessions.filter_map(|session| session.signals[at]).collect();
                known.iter().filter(|hit| **hit).count() as f64 / known.len() as f64
            }
        }
    }

    /// Whether the row is told for what was planted: without it the figure would be within what is usual.
    fn is_guilty(&self, row: &Json) -> bool {
        let (day, subject) = (day_of(row), row["subject"].as_str().unwrap());
        let [value, low, high] = ["value", "low", "high"].map(|column| row[column].as_f64().unwrap());
        let vanished = self.event("vanished_country");
        if Some(subject) == vanished.country_code {
            return value == 0.0 && day > utc_date(vanished.last);
        }
        (low..=high).contains(&self.innocent(day, row["figure"].as_str().unwrap(), subject))
    }
}

fn session(resource: String) -> (String, Session) {
    let json: Json = serde_json::from_str(&resource).unwrap();
    let attribute = |name: &str| &json["attributes"][name];
    let [vpn, tor, proxy, datacenter] =
        ["is-vpn", "is-tor", "is-proxy", "is-datacenter"].map(|name| attribute(name).as_bool());
    let three = [vpn, proxy, tor];
    let anonymised = match three.contains(&Some(true)) {
        true => Some(true),
        false => (!three.contains(&None)).then_some(false),
    };
    let high = attribute("threat-level").as_str().map(|level| level == "high");
    let session = Session {
        day: attribute("created-at").as_str().unwrap()[..10].parse().unwrap(),
        country: attribute("country-code").as_str().map(str::to_owned),
        signals: [vpn, tor, proxy, datacenter, anonymised, high],
        resource,
    };
    (json["id"].as_str().unwrap().to_owned(), session)
}

fn day_of(row: &Json) -> Date {
    row["created_date"].as_str().unwrap().parse().unwrap()
}

/// The days that are told of a figure.
fn days(rows: &[Json], figure: &str, subject: &str) -> BTreeSet<Date> {
    let is_it = |row: &&Json| row["figure"] == figure && row["subject"] == subject;
    rows.iter().filter(is_it).map(day_of).collect()
}

static SCENE: LazyLock<Scene> = LazyLock::new(Scene::new);

#[test]
#[allow(clippy::print_stdout, reason = "how well the report finds is worth to know")]
fn a_surge_and_countries_that_come_and_go_are_told_and_nothing_innocent_is() {
    let scene = &*SCENE;
    let report = scene.told(|_| true);
    let rows = report["rows"].as_array().unwrap();
    let [vanished, new] = ["vanished_country", "new_country"].map(|kind| scene.event(kind));
    let from = |day: Date, days: usize| day.series(1.day()).take(days).collect::<BTreeSet<Date>>();
    let wanted = [
        ("vpn_rate", "all", from(utc_date(scene.event("vpn_surge").first), 1)),
        ("country_sessions", new.country_code.unwrap(), from(utc_date(new.first), 2)),
        // In its first week. Later it is told less and less, until none is usual.
        (
            "country_sessions",
            vanished.country_code.unwrap(),
            from(utc_date(vanished.last).tomorrow().unwrap(), 7),
        ),
    ];
    let [mut all, mut found] = [0, 0];
    for (figure, subject, days) in &wanted {
        let told = self::days(rows, figure, subject).intersection(days).count();
        println!("{figure} of {subject}: {told} of {} days found", days.len());
        all += days.len();
        found += told;
    }
    let guilty = rows.iter().filter(|row| scene.is_guilty(row)).count();
    println!("recall: {found} of {all} days; precision: {guilty} of {} rows", rows.len());
    // Some forty sessions a day are few: one of the days without them may pass.
    assert!(found + 1 >= all && guilty == rows.len() && rows.len() > 20, "{rows:#?}");
    let first: Vec<&str> = report["notes"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    assert!(
        first
            .iter()
            .any(|note| note.starts_with("34 of 34 days could be judged, and something stood out on"))
    );
    assert!(first.contains(&rows[0]["reason"].as_str().unwrap()), "{first:#?}");
}

#[test]
fn the_rhythm_of_plain_weeks_is_not_told() {
    let report = SCENE.told(|id| !SCENE.guilty.contains(id));
    assert_eq!(report["rows"], json!([]));
    let said = json!("34 of 34 days could be judged, and nothing stood out.");
    assert!(report["notes"].as_array().unwrap().contains(&said), "{:#}", report["notes"]);
}
