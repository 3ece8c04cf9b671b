//! What is planted in the sandbox is found by the reports: how much of it, and how many innocents they name. Who is
//! innocent, and why a report names somebody all the same, is said by the sandbox's own truth.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use session_risk::sandbox::{Labelled, SandboxOptions};

use crate::harness::{Home, sandbox_with, unlimited};

/// What a row is about: reads it out of a session.
type Key = fn(&Json) -> Option<&str>;

const SESSION: Key = |session| session["id"].as_str();
const ADDRESS: Key = |session| session["attributes"]["ip-address"].as_str();
const COUNTRY: Key = |session| session["attributes"]["country-code"].as_str();
const DEVICE: Key = |session| session["relationships"]["device"]["data"]["id"].as_str();
const INQUIRY: Key = |session| session["relationships"]["inquiry"]["data"]["id"].as_str();

/// Where the sandbox puts offices, schools, and the exits of VPNs, of Tor and of data centres.
const OF_MANY: [&str; 3] = ["192.0.2.", "198.51.100.", "203.0.113."];

/// A lake with what was planted in it.
struct Lake {
    home: Home,
    events: Vec<Labelled>,
    /// What the API lists.
    sessions: Vec<Json>,
}

/// How well a report finds its events.
struct Judged {
    report: &'static str,
    events: usize,
    found: usize,
    rows: usize,
    innocents: Vec<Json>,
}

impl Judged {
    fn words(&self) -> String {
        let Self { report, events, found, rows, innocents } = self;
        let innocents = innocents.len();
        let recall = *found as f64 / *events as f64;
        let precision = (rows - innocents) as f64 / *rows as f64;
        format!(
            "{report}: {found} of {events} found, {innocents} of {rows} rows innocent (recall {recall:.2}, precision {precision:.2})"
        )
    }
}

impl Lake {
    fn new() -> Self {
        let (home, options) =
            (Home::new(), SandboxOptions { planted: true, sessions: 24_000, ..unlimited() });
        let sandbox = sandbox_with(options);
        home.fetch(&sandbox).succeeds();
        let sessions = sandbox.listed().into_iter().map(|session| serde_json::from_str(&session).unwrap());
        Self { sessions: sessions.collect(), events: sandbox.labelled(), home }
    }

    /// A report's rows over all days, or over those that the flags say.
    fn rows(&self, report: &str, flags: &str) -> Vec<Json> {
        let range = if flags.contains("--since") { "" } else { "--since 2026-10-21 --until 2026-11-20" };
        let command = format!("query {report} --lake lake --format json {range} {flags}");
        let page: Json = serde_json::from_str(&self.home.command(&command).succeeds().stdout).unwrap();
        page["reports"][0]["rows"].as_array().unwrap().clone()
    }

    fn of_kinds(&self, kinds: &[&str]) -> Vec<&Labelled> {
        self.events.iter().filter(|event| kinds.contains(&event.kind)).collect()
    }

    /// The ids, by what a row is about, of which most sessions are of such events.
    fn guilty(&self, kinds: &[&str], key: Key) -> BTreeSet<&str> {
        let events = self.of_kinds(kinds);
        let of_events: BTreeSet<&str> =
            events.iter().flat_map(|event| event.sessions.iter().map(String::as_str)).collect();
        let mut counted: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
        for session in &self.sessions {
            if let Some(id) = key(session) {
                let [guilty, all] = counted.entry(id).or_default();
                *guilty += usize::from(of_events.contains(SESSION(session).unwrap()));
                *all += 1;
            }
        }
        let most = counted.into_iter().filter(|(_, [guilty, all])| 2 * guilty > *all);
        // Nobody but those of an event says where a country's devices are, however many others live there.
        let countries = events.iter().filter_map(|event| event.country_code);
        most.map(|(id, _)| id).chain(countries).collect()
    }

    /// Judges a report that has to find some events by rows that are about something, in one column or two. Those of the
    /// other kinds are guilty as well.
    fn judge(
        &self,
        report: &'static str,
        wanted: &[&Labelled],
        others: &[&str],
        (key, columns): (Key, &[&str]),
        rows: Vec<Json>,
    ) -> Judged {
        let named = |row: &Json| columns.iter().map(|column| text(row, column)).collect::<Vec<_>>();
        let is_of = |row: &Json, event: &Labelled| {
            let ids = ids(event);
            named(row).iter().all(|id| ids.contains(id.as_str()))
        };
        let found = wanted.iter().filter(|event| rows.iter().any(|row| is_of(row, event))).count();
        let mut kinds: Vec<&str> = wanted.iter().map(|event| event.kind).collect();
        kinds.extend(others);
        let guilty = self.guilty(&kinds, key);
        let all = rows.len();
        let is_innocent = |row: &Json| !named(row).iter().all(|id| guilty.contains(id.as_str()));
        let innocents = rows.into_iter().filter(is_innocent).collect();
        Judged { report, events: wanted.len(), found, rows: all, innocents }
    }

    /// Writes `clusters` once more, without the addresses of many, into a folder of queries; gives the folder.
    fn write_clusters_at_home(&self) -> &'static str {
        let of_many = OF_MANY.map(|begin| format!("ip_address LIKE '{begin}%'")).join(" OR ");
        let home = format!("SELECT * FROM sessions WHERE NOT COALESCE({of_many}, FALSE)");
        let sql = include_str!("../queries/clusters.sql");
        let (header, sql) = sql.split_once("\nWITH ").unwrap();
        let sql = sql.replace("FROM sessions\n", "FROM at_home AS sessions\n");
        assert_eq!(sql.matches("FROM at_home AS sessions").count(), 5);
        // It looks at what the addresses are.
        let distinct = "-- distinct: inquiry_id, device_id, ip_address\n";
        assert!(header.contains(distinct));
        let header = header.replace(distinct, "");
        let sql = format!("{header}\nWITH at_home AS (\n  {home}\n),\n{sql}");
        self.home.write("own/clusters_at_home.sql", &sql);
        "own"
    }

    /// The sessions that have something in common.
    fn sessions_of(&self, key: Key, id: &str) -> Vec<&Json> {
        self.sessions.iter().filter(|session| key(session) == Some(id)).collect()
    }
}

fn text(row: &Json, column: &str) -> String {
    row[column].as_str().unwrap().to_owned()
}

/// All that an event can be known by.
fn ids(event: &Labelled) -> BTreeSet<&str> {
    let Labelled { devices, addresses, inquiries, sessions, country_code, .. } = event;
    let named = devices.iter().chain(addresses).chain(inquiries).chain(sessions).map(String::as_str);
    named.chain(*country_code).collect()
}

#[test]
#[allow(clippy::print_stdout, reason = "how well a report finds is worth to know")]
fn reports_find_all_that_is_planted_and_whom_else_they_name_is_known() {
    let lake = Lake::new();
    let labelled: usize = lake.events.iter().map(|event| event.sessions.len()).sum();
    assert!(lake.sessions.len() - labelled > 20_000, "too few innocent sessions");

    let bursts = lake.of_kinds(&["burst"]);
    let mut by_device = lake.of_kinds(&["ring"]);
    by_device.retain(|ring| !ring.devices.is_empty());
    let mut by_address = lake.of_kinds(&["ring", "burst"]);
    by_address.retain(|event| !event.addresses.is_empty());
    // Ten inquiries are no family.
    let ten = "--param min_inquiries=10";
    let is_cluster = |row: &Json| row["kind"] == "cluster";
    let clusters: Vec<Json> = lake.rows("clusters", ten).into_iter().filter(is_cluster).collect();
    // A country stands out whose share is more than that of all, beyond chance.
    let gps = lake.rows("gps_distance", "");
    let sum = |column: &str| gps.iter().map(|row| row[column].as_f64().unwrap()).sum::<f64>();
    let all = sum("far") / sum("gps_known");
    let stands_out = |row: &&Json| row["far_rate_low"].as_f64().is_some_and(|low| low > all);
    let far: Vec<Json> = gps.iter().filter(stands_out).cloned().collect();
    let rows = |report: &str| lake.rows(report, "");

    let velocity = lake.judge(
        "address_velocity",
        &bursts,
        &["ring"],
        (ADDRESS, &["ip_address"]),
        rows("address_velocity"),
    );
    let travel = lake.judge(
        "impossible_travel",
        &lake.of_kinds(&["travel"]),
        &["ring"],
        (SESSION, &["from_session", "to_session"]),
        rows("impossible_travel"),
    );
    let webs = lake.of_kinds(&["web"]);
    let webs = lake.judge("clusters", &webs, &["ring", "burst"], (INQUIRY, &["name"]), clusters.clone());
    let devices = lake.rows("inquiries_per_device", ten);
    let devices = lake.judge("inquiries_per_device", &by_device, &[], (DEVICE, &["device_id"]), devices);
    let addresses = lake.rows("inquiries_per_address", ten);
    let addresses =
        lake.judge("inquiries_per_address", &by_address, &[], (ADDRESS, &["ip_address"]), addresses);
    let countries = lake.rows("new_countries", "--since 2026-11-18 --until 2026-11-20");
    let new = lake.of_kinds(&["new_country"]);
    let new = lake.judge("new_countries", &new, &[], (COUNTRY, &["country_code"]), countries);
    let switches = lake.of_kinds(&["switch"]);
    let switches = lake.judge(
        "device_changes",
        &switches,
        &["ring"],
        (INQUIRY, &["inquiry_id"]),
        rows("device_changes"),
    );
    let spoofs = lake.of_kinds(&["spoof"]);
    let spoofs = lake.judge("gps_distance", &spoofs, &[], (COUNTRY, &["country_code"]), far);

    let judged = [&velocity, &travel, &webs, &devices, &addresses, &new, &switches, &spoofs];
    let told: Vec<String> = judged.iter().map(|judged| judged.words()).collect();
    println!("{}", told.join("\n"));
    assert!(judged.iter().all(|judged| judged.found == judged.events), "{told:#?}");
    insta::assert_snapshot!(told.join("\n"), @r"
    address_velocity: 5 of 5 found, 0 of 15 rows innocent (recall 1.00, precision 1.00)
    impossible_travel: 20 of 20 found, 25 of 66 rows innocent (recall 1.00, precision 0.62)
    clusters: 4 of 4 found, 78 of 98 rows innocent (recall 1.00, precision 0.20)
    inquiries_per_device: 8 of 8 found, 0 of 13 rows innocent (recall 1.00, precision 1.00)
    inquiries_per_address: 13 of 13 found, 67 of 82 rows innocent (recall 1.00, precision 0.18)
    new_countries: 1 of 1 found, 0 of 1 rows innocent (recall 1.00, precision 1.00)
    device_changes: 20 of 20 found, 47 of 67 rows innocent (recall 1.00, precision 0.30)
    gps_distance: 1 of 1 found, 0 of 1 rows innocent (recall 1.00, precision 1.00)
    ");

    // A web is whole, with whoever happens to live at one of its addresses. The gateway joins nobody to it, and is told by
    // itself.
    let gateway = lake.of_kinds(&["gateway"])[0];
    let address = gateway.addresses.first().unwrap();
    for web in lake.of_kinds(&["web"]) {
        let row = clusters.iter().find(|row| web.inquiries.contains(&text(row, "name"))).unwrap();
        let own = |session: &&Json| web.sessions.iter().any(|id| SESSION(session) == Some(id));
        let mut homes: BTreeSet<&str> = lake.sessions.iter().filter(own).filter_map(ADDRESS).collect();
        assert!(homes.remove(address.as_str()));
        let lives_there = |session: &&Json| ADDRESS(session).is_some_and(|address| homes.contains(address));
        let joined: BTreeSet<&str> = lake.sessions.iter().filter(lives_there).filter_map(INQUIRY).collect();
        assert!((12..=13).contains(&joined.len()), "{joined:?}");
        assert_eq!(row["inquiries"].as_u64(), Some(joined.len() as u64), "{row}");
    }
    // The innocents among the clusters hang together by what offices, schools and exits are to many: without those
    // addresses none of them is left, and all others are.
    let flags = format!("{ten} --queries {}", lake.write_clusters_at_home());
    let at_home = lake.rows("clusters_at_home", &flags).into_iter().filter(is_cluster).collect();
    let webs = lake.of_kinds(&["web"]);
    let at_home = lake.judge("at home", &webs, &["ring", "burst"], (INQUIRY, &["name"]), at_home);
    assert_eq!(at_home.words(), "at home: 4 of 4 found, 0 of 24 rows innocent (recall 1.00, precision 1.00)");
    let hubs = lake.rows("clusters", ten).into_iter().filter(|row| !is_cluster(row));
    assert_eq!(hubs.map(|row| text(&row, "name")).collect::<Vec<_>>(), [address.as_str()]);

    // Of those who travel without leaving it is not known whether they are behind an exit; or two people have one device.
    let mut why = [0; 2];
    for row in &travel.innocents {
        let ends = ["from_session", "to_session"].map(|end| lake.sessions_of(SESSION, &text(row, end))[0]);
        let known = |name: &str| ends.map(|session| session["attributes"][name].as_bool());
        let unknown = [known("is-vpn"), known("is-datacenter")].concat().contains(&None);
        why[usize::from(!unknown)] += 1;
    }
    assert_eq!(why, [22, 3]);
    // Addresses of many are those of offices and schools, of exits, and the gateway.
    for row in &addresses.innocents {
        let named = text(row, "ip_address");
        let shared = OF_MANY.iter().any(|begin| named.starts_with(begin));
        assert!(shared || named == *address, "{named}");
    }
    // Whoever changes the device has been handed over; to which one is not known where the session has no device.
    for row in &switches.innocents {
        let sessions = lake.sessions_of(INQUIRY, &text(row, "inquiry_id"));
        let handed = |session: &&Json| !session["attributes"]["device-handoff-method"].is_null();
        assert!(sessions.iter().any(handed), "{row}");
    }
}
