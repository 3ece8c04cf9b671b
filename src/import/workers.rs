//! Blocks decoded on every core, and handed over in the order in which they were read.
//!
//! Each worker has a channel in and one out; blocks go round, and are collected in the same round. So the order
//! holds without a buffer that could grow, and a slow block holds everyone up instead of filling memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use jiff::Timestamp;

use super::source::{Block, Blocks, ReadError, Spare};
use super::{Error, Source};
use crate::session::{DecodeError, Decoded, Decoder, Privacy, Seen};

/// Blocks that wait for one worker, and results of one that wait to be collected.
const WAITING: usize = 1;

/// A block and where it is from.
struct Work<'a> {
    input: &'a Source,
    fetched: Timestamp,
    block: Block,
}

/// Reads and decodes all inputs in their order. `each` takes the rows of a block and the bytes read so far.
///
/// # Errors
/// The first [`Error`] in the order of the inputs, or what `each` gives.
pub(super) fn decode_all(
    inputs: &[(Source, Timestamp)],
    environment: Option<&str>,
    privacy: &Arc<Privacy>,
    threads: usize,
    mut each: impl FnMut(Decoded, u64) -> Result<(), Error>,
) -> Result<(), Error> {
    let read = Arc::new(AtomicU64::new(0));
    let spare = Arc::new(Spare::default());
    std::thread::scope(|scope| {
        let mut work = Vec::new();
        let mut results = Vec::new();
        for _ in 0..threads.max(1) {
            let (to_worker, blocks) = sync_channel(WAITING);
            let (from_worker, decoded) = sync_channel(WAITING);
            work.push(to_worker);
            results.push(decoded);
            let decoder = Decoder::new(Arc::clone(privacy));
            let spare = Arc::clone(&spare);
            scope.spawn(move || decode_blocks(decoder, &blocks, &from_worker, environment, &spare));
        }
        let counter = Arc::clone(&read);
        let reader = scope.spawn(move || read_blocks(inputs, &counter, &spare, &work));
        let collected = collect(&results, |decoded| each(decoded, read.load(Ordering::Relaxed)));
        // Nobody waits any more: reader and workers end with their next block.
        drop(results);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // A block before the place where reading failed comes first.
        collected.and(read.map_err(Error::from))
    })
}

/// Takes one result of each worker in turn until one of them has no more.
fn collect(
    results: &[Receiver<Result<Decoded, Error>>],
    mut each: impl FnMut(Decoded) -> Result<(), Error>,
) -> Result<(), Error> {
    for result in results.iter().cycle() {
        let Ok(decoded) = result.recv() else { break };
        each(decoded?)?;
    }
    Ok(())
}

fn read_blocks<'a>(
    inputs: &'a [(Source, Timestamp)],
    counter: &Arc<AtomicU64>,
    spare: &Arc<Spare>,
    workers: &[SyncSender<Work<'a>>],
) -> Result<(), ReadError> {
    let mut turn = workers.iter().cycle();
    for (input, fetched) in inputs {
        let mut blocks = Blocks::open(input, Arc::clone(counter), Arc::clone(spare))?;
        while let Some(block) = blocks.next()? {
            let sent = turn.next().map(|worker| worker.send(Work { input, fetched: *fetched, block }));
            if !matches!(sent, Some(Ok(()))) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn decode_blocks(
    mut decoder: Decoder,
    blocks: &Receiver<Work<'_>>,
    results: &SyncSender<Result<Decoded, Error>>,
    environment: Option<&str>,
    spare: &Spare,
) {
    for work in blocks {
        let seen = Seen { environment: environment.map(str::to_owned), at: work.fetched };
        let decoded = decode_block(&mut decoder, &work, &seen);
        spare.give(work.block.bytes);
        if results.send(decoded).is_err() {
            return;
        }
    }
}

fn decode_block(decoder: &mut Decoder, work: &Work<'_>, seen: &Seen) -> Result<Decoded, Error> {
    let Block { bytes, line, by_line } = &work.block;
    if *by_line {
        let mut from = 0;
        let ends = memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]);
        for (line, end) in (*line..).zip(ends) {
            let text = &bytes[std::mem::replace(&mut from, end + 1)..end];
            if !text.trim_ascii().is_empty() {
                decoder.value(text, seen).map_err(|error| at_line(error, work.input, line))?;
            }
        }
    } else {
        decoder.value(bytes, seen).map_err(|error| at_line(error, work.input, *line))?;
    }
    Ok(decoder.take()?)
}

/// The decoder's error with its place in the file; `first` is the line on which the value begins.
fn at_line(error: DecodeError, input: &Source, first: u64) -> Error {
    let input = input.clone();
    match error {
        DecodeError::NotText => ReadError::NotText { input, line: first }.into(),
        DecodeError::NotJson { line, column } => {
            ReadError::NotJson { input, line: first + line.saturating_sub(1) as u64, column }.into()
        }
        DecodeError::CutOff { .. } => ReadError::CutOff { input, line: first }.into(),
        DecodeError::Arrow(_) => error.into(),
    }
}
