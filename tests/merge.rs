//! A day's file after any history of walks and imports: the newest version of each session, once, counted right.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};
use session_risk::lake::{Lake, Origin, Published, Settled, Stage, Vanished, Walked};
use session_risk::session::{Decoder, Seen};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::lake_files::LakeFiles;

/// Sessions of the histories; each has its own moment for good, some share theirs.
const SESSIONS: u32 = 24;
const DAYS: [&str; 2] = ["2026-11-19", "2026-11-18"];

/// A session at a moment of its life.
type Version = (u32, u8);

/// One round: what is appended, and after how many of them a part is written.
#[derive(Debug, Clone)]
struct Round {
    versions: Vec<Version>,
    part_every: usize,
    /// For an import, the hour at which its files were fetched; a walk happens when it happens.
    imported: Option<i64>,
    /// Whether what a walk does not see is gone.
    removes: bool,
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let imported = prop_oneof![Just(None), (0_i64..10).prop_map(Some)];
    let round = (vec((0..SESSIONS, 0_u8..3), 0..40), 1_usize..20, imported, any::<bool>()).prop_map(
        |(versions, part_every, imported, removes)| Round { versions, part_every, imported, removes },
    );
    vec(round, 1..5)
}

fn created_at(session: u32) -> String {
    let day = DAYS[session as usize % DAYS.len()];
    format!("{day}T10:00:{:02}.000Z", session / 6)
}

fn body(version: Version) -> String {
    let (session, version) = version;
    // Version 0 knows nothing: what went null upstream has to go null here.
    let address = if version == 0 { Value::Null } else { json!(format!("192.0.2.{version}")) };
    let attributes = json!({"status": "expired", "created-at": created_at(session), "ip-address": address,
        "is-vpn": version == 2, "x-signal": version});
    json!({"data": [{"type": "inquiry-session", "id": format!("iqse_{session:02}"), "attributes": attributes}]})
        .to_string()
}

/// What the lake should hold: the version of each session and when that was first seen, and when each day was
/// walked last.
#[derive(Debug, Default)]
struct Model {
    sessions: HashMap<u32, (u8, Timestamp)>,
    walked: HashMap<&'static str, Timestamp>,
}

impl Model {
    /// Takes a round in and gives rows, new and changed by day.
    fn publish(&mut self, round: &Round, at: Timestamp) -> BTreeMap<&'static str, Published> {
        let last: HashMap<u32, u8> = round.versions.iter().copied().collect();
        let mut days = BTreeMap::<_, Published>::new();
        let seen: HashSet<u32> = last.keys().copied().collect();
        for (session, version) in last {
            let day = DAYS[session as usize % DAYS.len()];
            let published = days.entry(day).or_default();
            let is_newer = |stored: &Timestamp| {
                round.imported.is_none() || at > self.walked.get(day).copied().unwrap_or(*stored).max(*stored)
            };
            match self.sessions.get(&session) {
                None => published.new += 1,
                Some((stored, seen)) if *stored != version && is_newer(seen) => published.changed += 1,
                Some(_) => continue,
            }
            self.sessions.insert(session, (version, at));
        }
        for (day, published) in &mut days {
            let on_day = |session: &u32| DAYS[*session as usize % DAYS.len()] == *day;
            let unseen: Vec<u32> = self
                .sessions
                .keys()
                .copied()
                .filter(|session| on_day(session) && !seen.contains(session))
                .collect();
            if round.imported.is_none() {
                let count = unseen.len() as u64;
                (published.vanished, published.missed) = if round.removes { (count, 0) } else { (0, count) };
                if published.vanished > 0 {
                    unseen.iter().for_each(|session| _ = self.sessions.remove(session));
                }
                if published.missed == 0 || self.walked.contains_key(day) {
                    self.walked.insert(day, at);
                }
            }
            published.rows = self.sessions.keys().filter(|session| on_day(session)).count() as u64;
            published.written = published.new + published.changed + published.vanished > 0;
        }
        days
    }

    fn rows(&self) -> BTreeMap<String, (Value, Value, Value)> {
        let row = |(session, (version, at)): (&u32, &(u8, Timestamp))| {
            let address = if *version == 0 { Value::Null } else { json!(format!("192.0.2.{version}")) };
            let fetched_at = json!(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
            (format!("iqse_{session:02}"), (address, json!(*version == 2), fetched_at))
        };
        self.sessions.iter().map(row).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lake_is_what_its_rounds_say_whatever_their_order(rounds in rounds()) {
        let runtime = Runtime::new().unwrap();
        let folder = TempDir::new().unwrap();
        let lake = Lake::create(folder.path().to_str().unwrap(), runtime.handle()).unwrap();
        // In a folder the thread that asks does it all.
        drop(runtime);
        let mut model = Model::default();
        for (nth, round) in rounds.iter().enumerate() {
            let hour = round.imported.unwrap_or(2 * nth as i64 + 1);
            let at = Timestamp::from_second(1_795_176_000 + 3600 * hour).unwrap();
            let seen = Seen { environment: Some("env_test".into()), at };
            let mut stage = Stage::new(lake.clone(), &format!("run-{nth}"), &format!("run-{nth}"), None);
            for (place, version) in round.versions.iter().enumerate() {
                let mut decoder = Decoder::default();
                decoder.value(body(*version).as_bytes(), &seen).unwrap();
                stage.append(&decoder.take().unwrap()).unwrap();
                if (place + 1) % round.part_every == 0 {
                    stage.flush().unwrap();
                }
            }
            let mut expected = model.publish(round, at);
            // So few rows go without a word.
            let vanished = if round.removes { Vanished::Guard(0) } else { Vanished::Keep };
            let walk = Origin::Walk(Walked { began: at, whole: true, alone: true, vanished });
            let origin = round.imported.map_or(walk, |_| Origin::Import(at));
            for date in stage.days() {
                let published = stage.publish(date, origin).unwrap();
                let published = Published { settled: Settled::default(), exempt: 0, ..published };
                prop_assert_eq!(Some(published), expected.remove(date.to_string().as_str()), "{}", date);
            }
            prop_assert_eq!(expected.len(), 0);
            stage.clear().unwrap();
            let held = LakeFiles::new(folder.path()).sessions().into_iter().map(|(id, mut row)| {
                let mut take = |column: &str| row.remove(column).unwrap();
                (id, (take("ip_address"), take("is_vpn"), take("fetched_at")))
            });
            prop_assert_eq!(held.collect::<BTreeMap<_, _>>(), model.rows());
        }
    }
}
