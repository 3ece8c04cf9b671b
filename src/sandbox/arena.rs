//! All sessions as JSON, written once, so that a page is a slice.
//!
//! Owns the bytes and the span of time over which they hold true. It knows neither cursors nor HTTP.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;

use super::json::Style;
use super::listing::Listing;
use super::render;

/// Rows a block. Blocks are rendered side by side and spare the copy into one large buffer.
const BLOCK: usize = 512;
/// A little more than the longest block, so that no buffer moves while it is filled.
const BLOCK_BYTES: usize = BLOCK * 1536;

/// The rows as they show at one moment, in the default inflection.
#[derive(Debug)]
pub(crate) struct Arena {
    blocks: Vec<Block>,
    /// No row changes within.
    holds: Range<i64>,
}

#[derive(Debug)]
struct Block {
    /// Each row followed by a comma.
    bytes: Bytes,
    /// Where each row ends.
    ends: Vec<u32>,
    holds: Range<i64>,
}

impl Arena {
    /// Renders every row that exists at `moment`.
    pub(crate) fn render(listing: &Listing, moment: i64, style: &Style) -> Self {
        let count = listing.sessions.len().div_ceil(BLOCK);
        let workers = thread::available_parallelism().map_or(1, usize::from).min(count.max(1));
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return done;
                }
                done.push((number, Block::render(listing, number, moment, style)));
            }
        };
        let mut blocks: Vec<(usize, Block)> = thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            for other in others {
                match other.join() {
                    Ok(more) => done.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            done
        });
        blocks.sort_unstable_by_key(|(number, _)| *number);
        let blocks: Vec<_> = blocks.into_iter().map(|(_, block)| block).collect();
        let holds = blocks
            .iter()
            .fold(i64::MIN..i64::MAX, |all, block| narrow(&all, block.holds.start, block.holds.end));
        Self { blocks, holds }
    }

    /// Whether the rows look the same at this moment.
    pub(crate) fn holds_at(&self, moment: i64) -> bool {
        self.holds.contains(&moment)
    }

    /// The rows of a range, separated by commas.
    pub(crate) fn rows(&self, range: Range<usize>) -> Vec<Bytes> {
        let mut slices = Vec::with_capacity(2);
        let mut at = range.start;
        while at < range.end {
            let block = &self.blocks[at / BLOCK];
            let end = range.end.min((at / BLOCK + 1) * BLOCK);
            let from = block.end_before(at % BLOCK);
            let mut to = block.end_before(end - at / BLOCK * BLOCK);
            if end == range.end {
                to -= 1;
            }
            slices.push(block.bytes.slice(from..to));
            at = end;
        }
        slices
    }
}

impl Block {
    fn render(listing: &Listing, number: usize, moment: i64, style: &Style) -> Self {
        let slots = &listing.sessions[number * BLOCK..listing.sessions.len().min((number + 1) * BLOCK)];
        let mut bytes = Vec::with_capacity(BLOCK_BYTES);
        let mut ends = Vec::with_capacity(slots.len());
        let mut holds = i64::MIN..i64::MAX;
        for slot in slots {
            let session = listing.people.session(&listing.people.inquiry(slot.inquiry), slot.nth);
            let started = session.visit.as_ref().map(|visit| visit.started);
            for change in [Some(session.created), started, Some(session.expires), session.redacted] {
                match change {
                    Some(at) if at <= moment => holds.start = holds.start.max(at),
                    Some(at) => holds.end = holds.end.min(at),
                    None => {}
                }
            }
            if slot.created <= moment {
                render::session(&mut bytes, &session, moment, style);
                bytes.push(b',');
            }
            ends.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        }
        Self { bytes: Bytes::from(bytes), ends, holds }
    }

    fn end_before(&self, row: usize) -> usize {
        if row == 0 { 0 } else { self.ends[row - 1] as usize }
    }
}

fn narrow(range: &Range<i64>, start: i64, end: i64) -> Range<i64> {
    range.start.max(start)..range.end.min(end)
}
