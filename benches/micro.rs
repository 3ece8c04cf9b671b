//! What every session passes through, by itself: page bytes to record batches, and a day's rows into its file.
//!
//! `cargo bench --bench micro`; both are told per session. Everything is made in memory and in a temporary folder.

use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use jiff::Timestamp;
use jiff::civil::Date;
use session_risk::lake::{Lake, Origin, Stage, Vanished, Walked};
use session_risk::sandbox::{Sandbox, SandboxOptions};
use session_risk::session::decode::{Decoded, Decoder, Seen};
use session_risk::session::privacy::Privacy;
use tokio::runtime::Runtime;

/// Sessions of the day: two row groups.
const SESSIONS: usize = 200_000;
/// Pages that are decoded at a time.
const PAGES: usize = 100;
/// Sessions of a page.
const PAGE: usize = 100;

/// The pages of one day, as the API gives them.
fn pages(runtime: &Runtime) -> Vec<String> {
    let end: Timestamp = "2026-11-20T23:59:59Z".parse().expect("it is a moment");
    let options =
        SandboxOptions { sessions: SESSIONS, days: 1, end, limit: None, ..SandboxOptions::default() };
    let sandbox = Sandbox::start_blocking(options).expect("the sandbox starts");
    let client = reqwest::Client::new();
    let page = async |url: String| {
        let asked = client.get(url).bearer_auth(sandbox.key()).send().await?;
        asked.error_for_status()?.text().await
    };
    let first = format!("{}/inquiry-sessions?page[size]={PAGE}", sandbox.base_url());
    let mut pages = Vec::new();
    let mut url = Some(first.clone());
    while let Some(asked) = url {
        let body = runtime.block_on(page(asked)).expect("the sandbox answers");
        let last = body.rsplit_once("\"next\":\"").map(|(_, next)| next);
        let cursor = last.and_then(|next| next.split(['"', '&', '=']).find(|word| word.starts_with("iqse_")));
        url = cursor.map(|cursor| format!("{first}&page[after]={cursor}"));
        pages.push(body);
    }
    pages
}

fn decoded(decoder: &mut Decoder, pages: &[String], seen: &Seen) -> Decoded {
    for page in pages {
        decoder.value(page.as_bytes(), seen).expect("it is a page");
    }
    decoder.take().expect("the columns make a batch")
}

fn benchmarks(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("there is a runtime");
    let pages = pages(&runtime);
    let seen = Seen { environment: None, at: "2026-11-22T00:00:00Z".parse().expect("it is a moment") };
    let mut decoder = Decoder::new(Arc::new(Privacy::default()));

    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements((PAGES * PAGE) as u64));
    group.bench_function("pages to a record batch", |bencher| {
        bencher.iter(|| decoded(&mut decoder, &pages[..PAGES], &seen));
    });
    group.finish();

    let folder = tempfile::tempdir().expect("there is room for a lake");
    let lake =
        Lake::create(folder.path().to_str().expect("its name is text"), runtime.handle()).expect("a lake");
    let _lock = lake.lock("bench").expect("nobody else writes");
    let date: Date = "2026-11-20".parse().expect("it is a date");
    let origin =
        Origin::Walk(Walked { began: seen.at, whole: false, alone: false, vanished: Vanished::Keep });
    let staged = |decoded: &Decoded| {
        let mut stage = Stage::new(lake.clone(), "bench", "bench", None);
        stage.append(decoded).expect("the rows are staged");
        stage
    };
    let mut first = Stage::new(lake.clone(), "bench", "bench", None);
    for pages in pages.chunks(PAGES) {
        first.append(&decoded(&mut decoder, pages, &seen)).expect("the rows are staged");
    }
    let stored = first.publish(date, origin).expect("the day is published").rows;
    first.clear().expect("what was staged goes");

    // One session in a hundred has changed since, and the next time it has changed back.
    let few = &pages[..SESSIONS / PAGE / 100];
    let changed: Vec<String> = few.iter().map(|page| page.replace("\"expired\"", "\"active\"")).collect();
    let mut versions =
        [&changed[..], few].map(|pages| decoded(&mut decoder, pages, &seen)).into_iter().cycle();
    let mut group = criterion.benchmark_group("merge");
    group.throughput(Throughput::Elements(stored)).sample_size(10).measurement_time(Duration::from_secs(10));
    group.bench_function("1 % changed rows into a day file", |bencher| {
        let next = || staged(&versions.next().expect("they go round"));
        bencher.iter_batched(next, |mut stage| stage.publish(date, origin), BatchSize::PerIteration);
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    benchmarks(&mut criterion);
    criterion.final_summary();
}
