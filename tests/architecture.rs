//! The house's rules: who may know which library, and which way data flows. ARCHITECTURE.md says them in words.

use std::path::Path;

/// Each outside library that only some rooms may name, or none: those that are there for their features.
const LIBRARIES: [(&str, &[&str]); 38] = [
    ("anyhow", &["cli"]),
    ("arrow", &["session", "lake", "analysis/local", "analysis/spark", "report/parquet"]),
    ("axum", &["sandbox"]),
    ("base64", &["report/html"]),
    ("clap", &["cli", "config"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("comfy_table", &["report"]),
    ("crc32fast", &["lake"]),
    ("csv", &["report/csv"]),
    ("flate2", &["import"]),
    ("futures_executor", &["lake"]),
    ("hmac", &["session/privacy"]),
    ("hyper_util", &[]),
    ("indicatif", &["cli"]),
    ("ipnet", &["analysis/trusted"]),
    ("kuva", &["report/chart"]),
    ("libc", &["main"]),
    ("maud", &["report/chart", "report/html", "report/mail"]),
    ("memchr", &["import"]),
    ("nix", &["cli"]),
    ("object_store", &["lake"]),
    ("parquet", &["lake", "report/parquet"]),
    ("polars", &["analysis/local"]),
    ("regex", &["analysis/steps/user_agents"]),
    ("reqwest", &["persona"]),
    ("sha2", &["lake", "report/html", "session/privacy"]),
    ("spark_connect_core", &["analysis/spark"]),
    ("spark_connect_proto", &["analysis/spark"]),
    ("strsim", &["analysis"]),
    ("tempfile", &["lake"]),
    ("terminal_size", &["cli"]),
    ("tokio_rustls", &[]),
    ("toml", &["config"]),
    ("tower", &[]),
    ("tower_http", &["sandbox"]),
    ("tracing_subscriber", &["cli"]),
    ("unicode_width", &["report"]),
];

/// Libraries of the trade, which any room may name.
const COMMON: [&str; 10] = [
    "bytes",
    "fastrand",
    "futures_util",
    "jiff",
    "serde",
    "serde_json",
    "thiserror",
    "tokio",
    "tracing",
    "url",
];

/// The rooms that each room may name, its own left out.
const ROOMS: [(&str, &[&str]); 11] = [
    ("analysis", &["range", "session"]),
    (
        "cli",
        &[
            "analysis", "config", "export", "import", "lake", "persona", "range", "report", "sandbox",
            "session",
        ],
    ),
    ("config", &[]),
    ("export", &["lake", "persona", "range", "session"]),
    ("import", &["lake", "session"]),
    ("lake", &["range", "session"]),
    ("persona", &[]),
    ("range", &[]),
    ("report", &["analysis", "range"]),
    ("sandbox", &[]),
    ("session", &[]),
];

/// A source file: its path below `src/` without `.rs`, and its code without line comments.
struct Source {
    path: String,
    code: String,
}

impl Source {
    /// Whether the file is the room's own `foo.rs` or lies in its `foo/`.
    fn is_in(&self, room: &str) -> bool {
        self.path.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether the code names a crate: `name::…`, `use name;` or `use name as …`.
    fn names(&self, library: &str) -> bool {
        self.code.match_indices(library).any(|(at, _)| {
            let before = &self.code[..at];
            let after = &self.code[at + library.len()..];
            let begins = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                // `crate::session::…` and `super::url::…` are our own.
                && !before.ends_with("::");
            let used = before.ends_with("use ") && (after.starts_with(';') || after.starts_with(" as "));
            begins && (after.starts_with("::") || used)
        })
    }

    /// The rooms that the code names by `crate::room` or in `crate::{room, …}`.
    fn rooms(&self) -> Vec<String> {
        let mut rooms = Vec::new();
        for (at, found) in self.code.match_indices("crate::") {
            let rest = &self.code[at + found.len()..];
            let list = match rest.strip_prefix('{') {
                Some(group) => group.split('}').next().unwrap_or_default().split(',').collect(),
                None => vec![rest],
            };
            for path in list {
                let end = |c: char| !(c.is_alphanumeric() || c == '_');
                rooms.push(path.trim().split(end).next().unwrap_or_default().to_owned());
            }
        }
        rooms
    }
}

fn source(path: &str, text: &str) -> Source {
    let line = |line: &str| line.split("//").next().unwrap_or_default().to_owned() + "\n";
    Source { path: path.to_owned(), code: text.lines().map(line).collect() }
}

/// Every file of `src/`.
fn sources() -> Vec<Source> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let (mut folders, mut sources) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let below = path.strip_prefix(root).unwrap().with_extension("");
                let below = below.to_str().unwrap().replace('\\', "/");
                sources.push(source(&below, &std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(sources.len() > 30, "{}", sources.len());
    sources
}

fn strangers(sources: &[Source], library: &str, rooms: &[&str]) -> Vec<String> {
    let is_stranger =
        |source: &&Source| source.names(library) && !rooms.iter().any(|room| source.is_in(room));
    sources.iter().filter(is_stranger).map(|source| source.path.clone()).collect()
}

#[test]
fn each_library_is_named_in_its_rooms_only() {
    let sources = sources();
    for (library, rooms) in LIBRARIES {
        assert_eq!(strangers(&sources, library, rooms), [""; 0], "{library} belongs to {rooms:?}");
        for room in rooms {
            let known = sources.iter().any(|source| source.is_in(room) && source.names(library));
            assert!(known, "{room} does not name {library} any more");
        }
    }
}

#[test]
fn every_dependency_belongs_to_a_room_or_to_all() {
    let package = include_str!("../Cargo.toml").parse::<toml::Table>().unwrap();
    let targets = package["target"].as_table().unwrap().values().map(|target| &target["dependencies"]);
    let mut dependencies: Vec<String> = targets
        .chain([&package["dependencies"]])
        .flat_map(|table| table.as_table().unwrap().keys())
        .map(|name| name.replace('-', "_"))
        .collect();
    dependencies.sort();
    let mut known: Vec<&str> = LIBRARIES.map(|(library, _)| library).into_iter().chain(COMMON).collect();
    known.sort_unstable();
    assert_eq!(dependencies, known, "Cargo.toml, and who may know what");
}

#[test]
fn data_flows_one_way() {
    for source in sources() {
        let Some((room, others)) = ROOMS.iter().find(|(room, _)| source.is_in(room)) else {
            assert!(["lib", "main"].contains(&source.path.as_str()), "{} is in no room", source.path);
            continue;
        };
        for other in source.rooms() {
            assert!(
                other == *room || others.contains(&other.as_str()),
                "{} names {other}, which {room} must not know",
                source.path
            );
        }
    }
}

#[test]
fn the_binary_only_calls_the_library() {
    let main = include_str!("../src/main.rs");
    assert!(main.lines().count() <= 30 && main.contains("session_risk::cli::main"));
}

#[test]
fn the_page_on_the_architecture_names_every_room_and_who_knows_which_library() {
    let page = include_str!("../ARCHITECTURE.md");
    for (room, _) in ROOMS {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{room}`")));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for {room}"));
        for (library, rooms) in LIBRARIES {
            let named = row.contains(&format!("`{library}`"));
            let belongs = rooms.iter().any(|owner| owner.split('/').next() == Some(room));
            assert_eq!(named, belongs, "{library} in the row of {room}");
        }
    }
}

#[test]
fn a_library_or_a_room_in_the_wrong_place_is_seen() {
    let planted = [
        source("report", "use polars::prelude::*;"),
        source("report/html", "fn f() -> polars::DataFrame { todo() }"),
        source("reporter", "use polars as p;"),
        source("lake/verify", "// polars:: in a comment\nlet scan_polars = crate::polars::x;"),
        source("analysis/local", "use polars::sql::SQLContext;"),
    ];
    assert_eq!(strangers(&planted, "polars", &["analysis/local"]), ["report", "report/html", "reporter"]);
    assert_eq!(source("lake", "use crate::{cli, persona::Page};").rooms(), ["cli", "persona"]);
    assert_eq!(source("lake", "pub(crate) fn f(x: crate::report::Page) {}").rooms(), ["report"]);
}
