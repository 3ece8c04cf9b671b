//! Clusters: inquiries that hang together by the devices and addresses that they share, as connected components.
//!
//! What too few inquiries share joins nothing, and what too many share (a carrier's gateway, a test phone) is a hub:
//! it joins nothing either and is told by itself.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::{Call, Outcome, Setting, Step, StepError, table_of};
use crate::analysis::rows::Names;
use crate::analysis::table::{Type, Value};

mod components;

use components::Components;

pub(super) const STEP: Step = Step {
    name: "clusters",
    does: "The groups of inquiries that share devices and addresses, and the hubs, which join nothing.",
    columns: &[
        ("inquiry_id", Type::Text),
        ("device_id", Type::Text),
        ("ip_address", Type::Text),
        ("country_code", Type::Text),
        ("threat_level", Type::Text),
        ("created_at", Type::Timestamp),
        ("inquiries", Type::Integer),
        ("sessions", Type::Integer),
    ],
    parameters: &[
        Setting {
            name: "min_inquiries",
            default: 3,
            range: (1, 1_000_000),
            text: "clusters of fewer inquiries are left out",
        },
        Setting {
            name: "min_shared",
            default: 3,
            range: (2, 1_000_000),
            text: "a device or an address of fewer inquiries joins nothing",
        },
        Setting {
            name: "hub_limit",
            default: 50,
            range: (2, 1_000_000),
            text: "a device or an address of more inquiries joins nothing and is shown as a hub",
        },
    ],
    run,
};

const INQUIRY_ID: usize = 0;
const DEVICE_ID: usize = 1;
const IP_ADDRESS: usize = 2;
const COUNTRY_CODE: usize = 3;
const THREAT_LEVEL: usize = 4;
const CREATED_AT: usize = 5;
const INQUIRIES: usize = 6;
const SESSIONS: usize = 7;
const MIN_INQUIRIES: usize = 0;
const MIN_SHARED: usize = 1;
const HUB_LIMIT: usize = 2;

const GIVEN: [(&str, Type); 11] = [
    ("kind", Type::Text),
    ("name", Type::Text),
    ("inquiries", Type::Integer),
    ("sessions", Type::Integer),
    ("devices", Type::Integer),
    ("addresses", Type::Integer),
    ("countries", Type::Integer),
    ("first_seen", Type::Timestamp),
    ("last_seen", Type::Timestamp),
    ("assessed", Type::Integer),
    ("high", Type::Integer),
];

/// One cluster, or one hub, of which only the first counts are known.
struct Group<'a> {
    kind: &'static str,
    name: &'a str,
    inquiries: i64,
    sessions: i64,
    inside: Option<Inside<'a>>,
}

/// What the sessions of a cluster have.
struct Inside<'a> {
    devices: Vec<u32>,
    addresses: Vec<u32>,
    countries: HashSet<&'a str>,
    seen: (Timestamp, Timestamp),
    assessed: i64,
    high: i64,
}

fn run(call: &Call<'_>) -> Result<Outcome, StepError> {
    let inquiries = call.names(INQUIRY_ID);
    let entities = [(DEVICE_ID, "device hub"), (IP_ADDRESS, "address hub")];
    let entities = entities.map(|(column, kind)| (call.names(column), kind));
    let mut components = Components::new(inquiries.texts.len());
    let mut hubs = Vec::new();
    for (entity, kind) in &entities {
        let of_entity = hubs_of(call, &inquiries, entity)?;
        for sharing in shared(call, &inquiries, entity, &of_entity) {
            sharing.windows(2).for_each(|pair| components.join(pair[0] as usize, pair[1] as usize));
        }
        hubs.extend(of_entity.into_iter().map(|(name, (inquiries, sessions))| {
            let name = entity.texts[name as usize];
            Group { kind, name, inquiries, sessions, inside: None }
        }));
    }
    let mut groups =
        clusters(call, &inquiries, entities.each_ref().map(|(names, _)| names), &mut components)?;
    groups.extend(hubs);
    groups.sort_by_key(|group| {
        (group.inside.is_none(), Reverse(group.inquiries), Reverse(group.sessions), group.kind, group.name)
    });
    let mut table = table_of(&GIVEN);
    table.rows.extend(groups.iter().map(row_of));
    Ok(table.into())
}

/// The devices or addresses that are hubs, with how many inquiries and sessions each has: a row without an inquiry that
/// says so of one that has too many.
fn hubs_of(
    call: &Call<'_>,
    inquiries: &Names<'_>,
    entity: &Names<'_>,
) -> Result<HashMap<u32, (i64, i64)>, StepError> {
    let mut hubs = HashMap::new();
    for row in call.rows().filter(|row| inquiries.of_rows[*row].is_none()) {
        let found = entity.of_rows[row].zip(call.integer(row, INQUIRIES));
        if let Some((name, inquiries)) = found {
            let sessions = call.count(row, SESSIONS)?;
            if inquiries > call.setting(HUB_LIMIT) {
                hubs.insert(name, (inquiries, sessions));
            }
        }
    }
    Ok(hubs)
}

/// The inquiries of each device or each address that joins its inquiries.
fn shared(
    call: &Call<'_>,
    inquiries: &Names<'_>,
    entity: &Names<'_>,
    hubs: &HashMap<u32, (i64, i64)>,
) -> Vec<Vec<u32>> {
    let mut sharing = vec![Vec::new(); entity.texts.len()];
    for (inquiry, name) in inquiries.of_rows.iter().zip(&entity.of_rows) {
        if let Some((inquiry, name)) = inquiry.zip(*name).filter(|(_, name)| !hubs.contains_key(name)) {
            sharing[name as usize].push(inquiry);
        }
    }
    let (least, most) = (call.setting(MIN_SHARED), call.setting(HUB_LIMIT));
    sharing.iter_mut().for_each(sort_apart);
    sharing.retain(|inquiries| (least..=most).contains(&(inquiries.len() as i64)));
    sharing
}

fn sort_apart(names: &mut Vec<u32>) {
    names.sort_unstable();
    names.dedup();
}

/// The components of enough inquiries, with what their sessions have.
fn clusters<'a>(
    call: &'a Call<'_>,
    inquiries: &Names<'a>,
    [devices, addresses]: [&Names<'a>; 2],
    components: &mut Components,
) -> Result<Vec<Group<'a>>, StepError> {
    let mut groups: HashMap<usize, Group<'a>> = HashMap::new();
    for (inquiry, &name) in inquiries.texts.iter().enumerate() {
        let group = groups.entry(components.of(inquiry)).or_insert(Group {
            kind: "cluster",
            name,
            inquiries: 0,
            sessions: 0,
            inside: None,
        });
        group.inquiries += 1;
        group.name = group.name.min(name);
    }
    groups.retain(|_, group| group.inquiries >= call.setting(MIN_INQUIRIES));
    for row in call.rows() {
        let root = inquiries.of_rows[row].map(|inquiry| components.of(inquiry as usize));
        let Some(group) = root.and_then(|root| groups.get_mut(&root)) else { continue };
        let at = call.moment(row, CREATED_AT)?;
        let inside = group.inside.get_or_insert_with(|| Inside {
            devices: Vec::new(),
            addresses: Vec::new(),
            countries: HashSet::new(),
            seen: (at, at),
            assessed: 0,
            high: 0,
        });
        group.sessions += 1;
        let level = call.text(row, THREAT_LEVEL);
        inside.assessed += i64::from(level.is_some());
        inside.high += i64::from(level == Some("high"));
        inside.seen = (inside.seen.0.min(at), inside.seen.1.max(at));
        inside.devices.extend(devices.of_rows[row]);
        inside.addresses.extend(addresses.of_rows[row]);
        inside.countries.extend(call.text(row, COUNTRY_CODE));
    }
    let mut groups: Vec<Group<'a>> = groups.into_values().collect();
    for inside in groups.iter_mut().filter_map(|group| group.inside.as_mut()) {
        sort_apart(&mut inside.devices);
        sort_apart(&mut inside.addresses);
    }
    Ok(groups)
}

fn row_of(group: &Group<'_>) -> Vec<Value> {
    let inside = group.inside.as_ref();
    let count = |of: fn(&Inside<'_>) -> usize| Value::from(inside.map(|inside| of(inside) as i64));
    vec![
        Value::Text(group.kind.to_owned()),
        Value::Text(group.name.to_owned()),
        Value::Integer(group.inquiries),
        Value::Integer(group.sessions),
        count(|inside| inside.devices.len()),
        count(|inside| inside.addresses.len()),
        count(|inside| inside.countries.len()),
        inside.map_or(Value::Null, |inside| Value::Timestamp(inside.seen.0)),
        inside.map_or(Value::Null, |inside| Value::Timestamp(inside.seen.1)),
        inside.map(|inside| inside.assessed).into(),
        inside.map(|inside| inside.high).into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::tests::{moment, ran, refused, text};
    use super::*;

    fn or_null(name: &str) -> Value {
        if name.is_empty() { Value::Null } else { text(name) }
    }

    /// A session of an inquiry, of a high threat level in odd minutes and of none in the first; the empty text is
    /// null.
    fn session(inquiry: &str, device: &str, address: &str, country: &str, minute: u32) -> Vec<Value> {
        let level = ["low", "high"][minute as usize % 2];
        let names = [inquiry, device, address, country, if minute == 0 { "" } else { level }].map(or_null);
        let at = moment(&format!("2026-11-20T10:{minute:02}:00Z"));
        names.into_iter().chain([at, Value::Null, Value::Null]).collect()
    }

    fn hub(device: &str, address: &str, inquiries: i64) -> Vec<Value> {
        let names = ["", device, address, "", "", ""].map(or_null);
        names.into_iter().chain([inquiries, inquiries + 1].map(Value::Integer)).collect()
    }

    fn names(given: &[Vec<Value>]) -> Vec<(String, i64)> {
        let name = |row: &[Value]| if let Value::Text(name) = &row[1] { name.clone() } else { String::new() };
        given.iter().map(|row| (name(row), row[2].as_integer().unwrap_or_default())).collect()
    }

    fn told(rows: &[(&str, i64)]) -> Vec<(String, i64)> {
        rows.iter().map(|(name, inquiries)| ((*name).to_owned(), *inquiries)).collect()
    }

    const PAIRS: &[(&str, i64)] = &[("min_shared", 2), ("min_inquiries", 2)];

    #[test]
    fn a_chain_over_devices_and_addresses_is_one_cluster_with_all_that_its_sessions_have() {
        let rows = vec![
            session("inq_c", "dev_1", "", "DE", 1),
            session("inq_b", "dev_1", "192.0.2.1", "FR", 2),
            session("inq_a", "dev_2", "192.0.2.1", "", 3),
            session("inq_a", "dev_9", "192.0.2.9", "DE", 0),
            session("inq_x", "dev_7", "192.0.2.7", "DE", 4),
            session("inq_y", "dev_8", "192.0.2.7", "DE", 5),
            session("inq_alone", "dev_0", "192.0.2.8", "US", 6),
            session("", "dev_1", "192.0.2.7", "US", 7),
        ];
        let given = ran("clusters", rows.clone(), PAIRS);
        assert_eq!(names(&given), told(&[("inq_a", 3), ("inq_x", 2)]));
        let int = Value::Integer;
        let seen = ["2026-11-20T10:00:00Z", "2026-11-20T10:03:00Z"].map(moment);
        let [first, last] = seen;
        assert_eq!(given[0][3..], [int(4), int(3), int(2), int(2), first, last, int(3), int(2)]);
        assert_eq!(given[0][0], text("cluster"));
        // What only two share joins nothing as it stands.
        assert!(ran("clusters", rows, &[]).is_empty());
    }

    #[test]
    fn a_hub_joins_nothing_and_is_told_after_the_clusters() {
        let of = |from: u8, to: u8, device: &str| {
            let device = device.to_owned();
            (from..to).map(move |nth| session(&format!("inq_{nth}"), &device, "192.0.2.1", "DE", 1))
        };
        let mut rows: Vec<Vec<Value>> = of(0, 3, "dev_a").chain(of(3, 7, "dev_b")).collect();
        // The address has all seven, and the SQL says so; not that it is one too many for the first.
        rows.push(hub("", "192.0.2.1", 7));
        rows.push(hub("dev_z", "", 9));
        let given = ran("clusters", rows.clone(), &[("hub_limit", 6)]);
        assert_eq!(names(&given), told(&[("inq_3", 4), ("inq_0", 3), ("dev_z", 9), ("192.0.2.1", 7)]));
        let int = Value::Integer;
        assert_eq!(given[3][..5], [text("address hub"), text("192.0.2.1"), int(7), int(8), Value::Null]);
        assert_eq!(given[2][0], text("device hub"));
        assert_eq!(
            names(&ran("clusters", rows.clone(), &[("hub_limit", 7)])),
            told(&[("inq_0", 7), ("dev_z", 9)])
        );
        let few = ran("clusters", rows, &[("hub_limit", 6), ("min_inquiries", 4)]);
        assert_eq!(names(&few), told(&[("inq_3", 4), ("dev_z", 9), ("192.0.2.1", 7)]));
    }

    #[test]
    fn no_row_gives_no_row_and_a_session_without_its_moment_is_refused() {
        assert!(ran("clusters", Vec::new(), &[]).is_empty());
        let mut rows: Vec<Vec<Value>> =
            (0..3).map(|nth| session(&nth.to_string(), "dev", "", "", 1)).collect();
        rows[1][CREATED_AT] = Value::Null;
        let error = refused("clusters", rows);
        assert!(error.ends_with("a moment in the column `created_at`, and row 2 has none"), "{error}");
    }

    #[test]
    fn clusters_are_those_of_following_every_link_by_hand() {
        let mut random = fastrand::Rng::with_seed(21);
        for _ in 0..60 {
            let mut rows = Vec::new();
            for _ in 0..random.usize(1..60) {
                let [inquiry, device, address] = [30, 25, 20].map(|most| random.u8(0..most));
                let name =
                    |prefix: &str, nth: u8| if nth < 2 { String::new() } else { format!("{prefix}{nth:02}") };
                rows.push(session(&name("i", inquiry), &name("d", device), &name("a", address), "DE", 1));
            }
            let least = random.usize(2..4);
            // Links of enough inquiries; then from each inquiry to all that can be reached.
            let mut links: HashMap<(usize, &str), HashSet<&str>> = HashMap::new();
            let text = |value: &Value| if let Value::Text(text) = value { Some(text.clone()) } else { None };
            let named: Vec<[Option<String>; 3]> =
                rows.iter().map(|row| [0, 1, 2].map(|column| text(&row[column]))).collect();
            for row in &named {
                for column in [DEVICE_ID, IP_ADDRESS] {
                    if let (Some(inquiry), Some(name)) = (&row[0], &row[column]) {
                        links.entry((column, name)).or_default().insert(inquiry);
                    }
                }
            }
            links.retain(|_, inquiries| inquiries.len() >= least);
            let mut expected: HashSet<(String, i64)> = HashSet::new();
            for start in named.iter().filter_map(|row| row[0].as_deref()) {
                let mut reached = HashSet::from([start]);
                while let Some(more) = links
                    .values()
                    .find(|inquiries| !inquiries.is_disjoint(&reached) && !inquiries.is_subset(&reached))
                {
                    reached.extend(more);
                }
                if reached.len() > 1 {
                    let smallest = reached.iter().min().map(|name| (*name).to_owned()).unwrap_or_default();
                    expected.insert((smallest, reached.len() as i64));
                }
            }
            let given = ran("clusters", rows, &[("min_shared", least as i64), ("min_inquiries", 2)]);
            let given = names(&given);
            assert_eq!(given.len(), expected.len());
            assert_eq!(given.into_iter().collect::<HashSet<_>>(), expected);
        }
    }
}
