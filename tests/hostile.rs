//! Bytes that mean harm, or were mutilated on their way: whatever takes text from outside takes them and says what is
//! wrong, or loses nothing.
//!
//! What once did harm, or looks as if it might, is kept in the folder of this name; the rest is drawn anew from a seed.
//! What pages are made of is in [`crate::decode`].

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use session_risk::analysis::bind::{self, Arguments};
use session_risk::analysis::header::Header;
use session_risk::config::Settings;
use session_risk::persona::retry::hint;
use tempfile::TempDir;

use crate::analysis::chain;
use crate::decode::assert_nothing_lost;
use crate::small_lake::range;

type Checked = Result<(), TestCaseError>;

/// Every kept file of a kind, by name.
fn kept(kind: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile").join(kind);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{kind}: {} files", files.len());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

/// Text put together from the words of a grammar, in any order.
fn jumble(words: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    let word = prop_oneof![
        20 => select(words).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    vec(word, 0..most).prop_map(|words| words.concat())
}

/// An error's words, which a person reads in one line.
fn assert_told(error: &(dyn Error + 'static), place: &str) -> Checked {
    let words = chain(error);
    prop_assert!(words.contains(place), "{} does not name {}", words, place);
    prop_assert!(!words.contains('\n'), "{}", words);
    Ok(())
}

const QUERY: [&str; 40] = [
    "-- ",
    "--",
    "\n",
    "\n",
    "\n-- ",
    "title: T",
    "question: Q?",
    "key: ",
    "rate: ",
    "chart: ",
    "bar ",
    "line ",
    " by ",
    "parameter: ",
    "note: ",
    "before: ",
    "28d",
    "0d",
    "99999999999d",
    "-1d",
    "a",
    "b",
    ", ",
    " = ",
    " / ",
    " of ",
    "(",
    "..",
    ")",
    "1",
    "-9223372036854775808",
    "9223372036854775808",
    "1e999",
    "NaN",
    "'",
    "''",
    ":a",
    ":since",
    "SELECT 1 FROM sessions",
    "/*",
];

/// A header is understood, or told with file and line; what is understood can be bound.
fn assert_query(text: &str) -> Checked {
    match Header::parse("some.sql", text) {
        Ok(header) => {
            prop_assert!(!header.title.is_empty() && !header.question.is_empty(), "{}", text);
            for parameter in &header.parameters {
                prop_assert!(parameter.accepts(&parameter.default), "{}: {:?}", text, parameter);
            }
            if let Err(error) = bind::bind(text, &header, range(), 0, &Arguments::new()) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
        Err(error) => {
            let line = error.to_string().rsplit(' ').next().and_then(|line| line.parse::<usize>().ok());
            prop_assert!(line.is_some_and(|line| line <= text.lines().count() + 1), "{} in {}", error, text);
            assert_told(&error, "some.sql")?;
        }
    }
    Ok(())
}

const SETTINGS: [&str; 34] = [
    "lake",
    "reserve",
    "=",
    " = ",
    "\n",
    "\n",
    "\"",
    "'",
    "'''",
    "\"\"\"",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    ".",
    ",",
    "#",
    "1",
    "1e999",
    "-inf",
    "nan",
    "0x",
    "0b1",
    "1_000",
    "9223372036854775808",
    "true",
    "2026-11-20",
    "2026-11-20T08:00:00Z",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "\r",
];

fn assert_settings(folder: &TempDir, bytes: &[u8]) -> Checked {
    let path = folder.path().join("some.toml");
    fs::write(&path, bytes).unwrap();
    match Settings::load(Some(&path), &["threshold"]) {
        Ok(_) => Ok(()),
        Err(error) => assert_told(&error, "some.toml"),
    }
}

/// A hint is a time to wait for, or none; it is never nothing at all.
fn assert_hint(reset: Option<&str>, retry_after: Option<&str>) -> Checked {
    let now = "2026-11-20T12:00:00Z".parse().unwrap();
    let waited = hint(reset, retry_after, now);
    prop_assert!(waited != Some(Duration::ZERO), "{:?} {:?}", reset, retry_after);
    prop_assert!(waited >= hint(reset, None, now), "what comes with it makes it shorter");
    Ok(())
}

const HINT: [&str; 24] = [
    "",
    " ",
    "0",
    "1",
    "-1",
    "+5",
    "1.5",
    "1e3",
    "60",
    "18446744073709551615",
    "18446744073709551616",
    "NaN",
    "Fri, 20 Nov 2026 12:00:30 GMT",
    "Fri, 20 Nov 2026 11:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 20 Nov 0000 00:00:00 GMT",
    "Thu, 20 Nov 2026 12:00:30 GMT",
    "Fri, 20 Nov 2026 12:00:30 -2359",
    "Fri, 20 Nov 2026 24:00:60 GMT",
    "2026-11-20T12:00:30Z",
    ",",
    "; ",
    "٣",
    "\t",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_jumbled_query_is_understood_or_told_with_its_line(text in jumble(&QUERY, 40)) {
        assert_query(&text)?;
        assert_query(&format!("-- title: T\n-- question: Q?\n-- {text}\n\nSELECT 1 FROM sessions"))?;
    }

    #[test]
    fn a_jumbled_hint_is_a_time_to_wait_or_none(
        reset in proptest::option::of(jumble(&HINT, 3)),
        retry_after in proptest::option::of(jumble(&HINT, 3)),
    ) {
        assert_hint(reset.as_deref(), retry_after.as_deref())?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_jumbled_settings_file_is_read_or_told_by_its_name(
        text in jumble(&SETTINGS, 30),
        bytes in vec(any::<u8>(), 0..40),
    ) {
        let folder = TempDir::new().unwrap();
        assert_settings(&folder, text.as_bytes())?;
        assert_settings(&folder, &bytes)?;
    }
}

#[test]
fn what_is_kept_of_hostile_pages_loses_no_resource() {
    for (name, bytes) in kept("pages") {
        assert_nothing_lost(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn what_is_kept_of_hostile_queries_is_understood_or_told() {
    for (name, bytes) in kept("queries") {
        let text = String::from_utf8_lossy(&bytes);
        assert_query(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn what_is_kept_of_hostile_settings_is_read_or_told() {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in kept("settings") {
        assert_settings(&folder, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn what_is_kept_of_hostile_hints_is_a_time_or_none() {
    for (name, bytes) in kept("hints") {
        let text = String::from_utf8_lossy(&bytes);
        let (reset, retry_after) = text.split_once('\n').unwrap_or((&text, ""));
        assert_hint(Some(reset), Some(retry_after)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
