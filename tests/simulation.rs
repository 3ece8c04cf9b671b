//! Whole histories of a lake, each drawn from one number: a world, its faults and its changes, nights with pauses,
//! runs that end early. After each run the lake is compared with what the API lists, by the rules of what a run may
//! not have seen; after a last full walk there is nothing that it may not have seen.
//!
//! `SESSION_RISK_SEED=7` plays one history, `SESSION_RISK_SEEDS=500` that many fresh ones. A seed that failed is
//! kept in `simulation/seeds.txt` once its cause is mended; a change of what is drawn makes other histories of them.

mod history;
mod play;
mod rules;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use history::History;
use play::play;

/// Histories at a time: much of each is waiting.
const SIDE_BY_SIDE: usize = 4;
/// Fresh histories of an ordinary test run, and how long the last of them may begin.
const FRESH: usize = 30;
const FRESH_TIME: Duration = Duration::from_secs(15);

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

/// Plays histories until there are no more or the time is up, and tells of each that failed. Gives their number.
fn play_all(seeds: &[u64], time: Duration) -> usize {
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE.min(seeds.len()) {
            scope.spawn(|| {
                while began.elapsed() < time {
                    let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                    let history = History::draw(*seed);
                    if let Err(failure) = play(&history) {
                        let told = format!("SESSION_RISK_SEED={seed}: {failure}\n{history}");
                        failures.lock().unwrap().push(told);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let played = next.into_inner().min(seeds.len());
    assert!(failures.is_empty(), "{} of {played} histories failed\n{}", failures.len(), failures.join("\n"));
    played
}

#[test]
#[allow(clippy::print_stdout, reason = "whoever asks for histories wants to hear of them")]
fn whatever_happens_a_lake_is_what_the_api_lists_by_the_rules() {
    if let Some(seed) = number("SESSION_RISK_SEED") {
        let history = History::draw(seed);
        let began = Instant::now();
        println!("{history}");
        let played = play(&history);
        println!("{:.1?}{}", began.elapsed(), played.unwrap_or_else(|failure| panic!("{failure}")));
        return;
    }
    let fresh = |count| (0..count).map(|_| fastrand::u64(..)).collect::<Vec<_>>();
    if let Some(count) = number("SESSION_RISK_SEEDS") {
        let began = Instant::now();
        let played = play_all(&fresh(count as usize), Duration::MAX);
        println!("{played} histories in {:.0?}", began.elapsed());
        return;
    }
    play_all(&fresh(FRESH), FRESH_TIME);
}

#[test]
fn histories_that_once_failed_do_so_no_more() {
    let lines =
        include_str!("simulation/seeds.txt").lines().map(|line| line.split('#').next().unwrap().trim());
    let seeds: Vec<u64> = lines.filter(|line| !line.is_empty()).map(|line| line.parse().unwrap()).collect();
    play_all(&seeds, Duration::MAX);
}

#[test]
fn one_number_is_one_history() {
    let told = |seed| History::draw(seed).to_string();
    assert_eq!(told(5), told(5));
    assert_ne!(told(5), told(6));
}
