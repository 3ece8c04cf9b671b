//! What holds on a cluster at the size of a customer's history. Takes minutes, so it is run by hand and with its output:
//! `cargo test --release --locked --features spark -- --ignored --nocapture spark::large::`

#![allow(clippy::print_stdout, reason = "the figures are what it is run for")]

use std::time::{Duration, Instant};

use jiff::civil::Date;
use session_risk::analysis::bind::Arguments;
use session_risk::analysis::catalogue::Catalogue;
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::table::Value;
use session_risk::analysis::{DayFile, Engine, Reads, Scope, answer};
use session_risk::range::DayRange;
use session_risk::sandbox::SandboxOptions;

use super::assert_same_table;
use crate::harness::{Home, sandbox_with, unlimited};
use crate::small_lake;
use crate::spark_cluster::cluster;
use crate::trusted::trusted;

const SESSIONS: usize = 1_000_000;
const DAYS: u32 = 100;

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    (work(), began.elapsed())
}

#[test]
#[ignore = "large: a million sessions on a cluster"]
fn every_report_on_a_million_sessions_is_the_local_engines_also_where_networks_are_trusted() {
    let home = Home::new();
    {
        let api = sandbox_with(SandboxOptions { sessions: SESSIONS, days: DAYS, ..unlimited() });
        home.fetch(&api).succeeds();
    }
    let file = |day: String| DayFile { path: home.lake().day_file(&day), date: day.parse().unwrap() };
    let files: Vec<DayFile> = home.lake().dates().into_iter().map(file).collect();
    let last: Date = files.last().unwrap().date;
    let over = |days: usize| small_lake::scope(DayRange::ending(last, days as u32), &files);
    let whole = over(files.len());
    assert!(whole.files.len() >= DAYS as usize && whole.before.files.is_empty());
    let busiest = "SELECT ip_address, COUNT(*) AS n FROM sessions WHERE ip_address IS NOT NULL GROUP BY 1 \
                   ORDER BY n DESC, ip_address LIMIT 3";
    let busiest = LocalEngine::new(&whole).query(busiest, Reads::default()).unwrap().rows;
    let address = |row: &Vec<Value>| match &row[0] {
        Value::Text(address) => format!("{address} Busy"),
        other => panic!("{other:?} is no address"),
    };
    let networks: Vec<String> =
        busiest.iter().map(address).chain(["2001:db8::/33 Half of IPv6".into()]).collect();
    let trusted = trusted(&networks.iter().map(String::as_str).collect::<Vec<_>>());
    let all = LocalEngine::new(&whole).query("SELECT COUNT(*) AS n FROM sessions", Reads::default()).unwrap();
    assert_eq!(all.rows, [[Value::Integer(SESSIONS as i64)]]);
    println!("{SESSIONS} sessions of {} days:", files.len());
    let cluster = cluster();
    let catalogue = Catalogue::built_in().unwrap();
    let mut compared = 0;
    // Few days besides: those before them are what some reports look back to.
    for (days, without) in [(files.len(), false), (28, false), (files.len(), true)] {
        let scope = if without { Scope { trusted: trusted.clone(), ..over(days) } } else { over(days) };
        let spark = cluster.engine(&scope);
        for query in catalogue.queries() {
            let looks_back = query.header.days_before() > 0;
            if (without && !query.header.without_trusted) || (days < files.len() && !looks_back) {
                continue;
            }
            let ask = |engine: &dyn Engine| answer(query, &scope.clone(), &Arguments::new(), engine).unwrap();
            let (there, on_spark) = timed(|| ask(&spark));
            let (here, on_local) = timed(|| ask(&LocalEngine::new(&scope)));
            assert_same_table(&query.name, &there.table, &here.table);
            assert_eq!((there.said, &there.left_out), (here.said, &here.left_out), "{}", query.name);
            let left_out = here.left_out.map_or(0, |left_out| left_out.sessions());
            assert_eq!(left_out > 0, without);
            println!(
                "{:>22}, {:>3} days: {:>6} rows, {left_out:>6} sessions left out; {on_spark:>6.1?} on Spark, {on_local:>6.1?} here",
                query.name,
                days,
                here.table.rows.len()
            );
            compared += 1;
        }
    }
    println!("{compared} answers, equal in every cell");
}
