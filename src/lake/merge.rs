//! A day's sorted sources made into one: by `session_id` the row fetched last wins.
//!
//! Sources are opened only when their newest row is due, so memory holds as many batches as sources overlap, not
//! as there are. Must not know where sources lie, where the merged rows go, nor why a row is to go.

use std::collections::BinaryHeap;

use arrow::array::{Array, RecordBatch};
use arrow::compute::{interleave, interleave_record_batch};
use arrow::row::{RowConverter, SortField};

mod head;

use super::Error;
use super::parts::{BATCH_ROWS, RowKey};
use crate::session::schema::schema;
use head::{Head, Loaded};

/// Rows in a row that are worth a batch of their own.
const RUN_ROWS: usize = 512;

/// Batches in order, fetched when they are due.
pub(super) type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send + 'a>;

/// One sorted source of rows.
pub(super) struct Source<'a> {
    /// Its first row, known before it is opened.
    pub(super) newest: RowKey,
    /// Later sources win over earlier ones; 0 is the day file as it stands.
    pub(super) rank: usize,
    /// Its batches; not touched before its newest row is due.
    pub(super) batches: Batches<'a>,
}

/// What a merge found, beside its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Rows out.
    pub(super) rows: u64,
    /// Rows that the day file did not have.
    pub(super) new: u64,
    /// Rows that the day file had otherwise.
    pub(super) changed: u64,
    /// Rows of the day file that no other source had and that are missed.
    pub(super) missing: u64,
    /// Rows of the day file with a value that another source withholds.
    pub(super) withheld: u64,
}

impl Tally {
    /// Rows of the day file, as long as none of them is removed.
    pub(super) fn stored(self) -> u64 {
        self.rows - self.new
    }
}

/// What becomes of the day file's rows.
pub(super) struct Rules<'a> {
    /// Whether the day file's version of a row gives way to another, by their `fetched_at` in milliseconds since 1970.
    pub(super) gives_way: &'a dyn Fn(i64, i64) -> bool,
    /// Whether a row that only the day file has is missed, by its `created_at` and id.
    pub(super) is_missed: &'a dyn Fn(i64, &str) -> bool,
    /// Whether rows that are missed go; otherwise they are counted only.
    pub(super) remove: bool,
    /// Columns of which the other sources say nothing: the day file's values stay.
    pub(super) withheld: &'a [usize],
}

/// The merged batches of a day, newest first, each id once.
pub(super) struct Merge<'a> {
    heap: BinaryHeap<Head<'a>>,
    rules: &'a Rules<'a>,
    compared: Vec<usize>,
    converter: RowConverter,
    pool: Vec<RecordBatch>,
    picks: Vec<(usize, usize)>,
    /// Where the withheld columns of each pick come from; empty where nothing is withheld.
    withheld_picks: Vec<(usize, usize)>,
    tally: Tally,
}

impl<'a> Merge<'a> {
    pub(super) fn new(sources: Vec<Source<'a>>, rules: &'a Rules<'a>) -> Result<Self, Error> {
        let heap = sources
            .into_iter()
            .map(|Source { newest, rank, batches }| Head { key: newest, rank, batches, loaded: None })
            .collect();
        let compared: Vec<usize> = (0..schema().fields().len())
            .filter(|column| {
                schema().field(*column).name() != "fetched_at" && !rules.withheld.contains(column)
            })
            .collect();
        let field = |column: &usize| SortField::new(schema().field(*column).data_type().clone());
        let converter =
            RowConverter::new(compared.iter().map(field).collect()).map_err(Error::arrow("merged"))?;
        Ok(Self {
            heap,
            rules,
            compared,
            converter,
            pool: Vec::new(),
            picks: Vec::new(),
            withheld_picks: Vec::new(),
            tally: Tally::default(),
        })
    }

    /// What was found so far.
    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// The next rows, at most [`BATCH_ROWS`]; none at the end. A long run of one source's rows is handed out by
    /// itself, which copies nothing.
    pub(super) fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        while self.picks.len() < BATCH_ROWS {
            let Some(mut head) = self.heap.pop() else { break };
            if self.ends_a_run(&head) {
                self.heap.push(head);
                break;
            }
            if head.loaded.is_none() {
                // Its place was by its announced key; by its true one it may come later.
                head.next_batch()?;
                self.put_back(head);
                continue;
            }
            self.pick(&mut head)?;
            let mut more = head.step();
            // While no other source has a newer row, there is nothing to compare.
            while more
                && self.picks.len() < BATCH_ROWS
                && self.heap.peek().is_none_or(|other| head.key.order() < other.key.order())
            {
                self.keep_unmatched(&mut head);
                more = head.step();
            }
            head.settle()?;
            self.put_back(head);
        }
        self.flush()
    }

    /// Takes the head's row, or the day file's version of it where that says the same or is the newer one.
    fn pick(&mut self, head: &mut Head<'a>) -> Result<(), Error> {
        let mut stored = None;
        while self.heap.peek().is_some_and(|other| other.key == head.key) {
            let Some(mut other) = self.heap.pop() else { break };
            if other.loaded.is_none() {
                other.next_batch()?;
                self.put_back(other);
            } else if other.rank == 0 {
                stored = Some(other);
            } else {
                self.pass(other)?;
            }
        }
        let Some(mut stored) = stored else {
            self.keep_unmatched(head);
            return Ok(());
        };
        if stored.has_value_in(self.rules.withheld) {
            self.tally.withheld += 1;
        }
        let newer = stored.fetched_ms().zip(head.fetched_ms());
        if self.same(head, &mut stored)? || !newer.is_some_and(|(old, new)| (self.rules.gives_way)(old, new))
        {
            self.keep(&mut stored);
        } else {
            self.keep(head);
            self.keep_withheld(&mut stored);
            self.tally.changed += 1;
        }
        self.pass(stored)
    }

    /// Goes past a head's row and puts the head back.
    fn pass(&mut self, mut head: Head<'a>) -> Result<(), Error> {
        head.step();
        head.settle()?;
        self.put_back(head);
        Ok(())
    }

    fn put_back(&mut self, head: Head<'a>) {
        if head.loaded.is_some() {
            self.heap.push(head);
        }
    }

    /// Takes the head's row, which no other source has, unless it is one of the day file's that is to go.
    fn keep_unmatched(&mut self, head: &mut Head<'a>) {
        if head.rank > 0 {
            self.tally.new += 1;
        } else if (self.rules.is_missed)(head.key.created_ms, &head.key.session_id) {
            self.tally.missing += 1;
            if self.rules.remove {
                return;
            }
        }
        self.keep(head);
    }

    /// Puts the head's row into the output.
    fn keep(&mut self, head: &mut Head<'a>) {
        let Some(pick) = self.pooled(head) else { return };
        self.picks.push(pick);
        if !self.rules.withheld.is_empty() {
            self.withheld_picks.push(pick);
        }
        self.tally.rows += 1;
    }

    /// Puts the stored row's withheld columns in the place of those of the row that was kept last.
    fn keep_withheld(&mut self, stored: &mut Head<'a>) {
        if !self.rules.withheld.is_empty()
            && let Some(pick) = self.pooled(stored)
            && let Some(last) = self.withheld_picks.last_mut()
        {
            *last = pick;
        }
    }

    /// Where the head's row stands in the pool, its batch put there if need be.
    fn pooled(&mut self, head: &mut Head<'a>) -> Option<(usize, usize)> {
        let loaded = head.loaded.as_mut()?;
        let pooled = *loaded.pooled.get_or_insert_with(|| {
            self.pool.push(loaded.batch.clone());
            self.pool.len() - 1
        });
        Some((pooled, loaded.row))
    }

    /// Whether two rows are equal in all columns but `fetched_at`.
    fn same(&self, one: &mut Head<'a>, other: &mut Head<'a>) -> Result<bool, Error> {
        let (Some(one), Some(other)) = (&mut one.loaded, &mut other.loaded) else { return Ok(false) };
        one.compare(&self.compared, &self.converter)?;
        other.compare(&self.compared, &self.converter)?;
        let row = |loaded: &Loaded| loaded.comparable.as_ref().map(|rows| rows.row(loaded.row).owned());
        Ok(row(one) == row(other))
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>, Error> {
        if self.picks.is_empty() {
            return Ok(None);
        }
        let pool: Vec<&RecordBatch> = self.pool.iter().collect();
        let batch = match self.contiguous() {
            Some((from, rows)) => self.pool[0].slice(from, rows),
            None => interleave_record_batch(&pool, &self.picks).map_err(Error::arrow("merged"))?,
        };
        let batch = self.with_withheld(batch)?;
        self.picks.clear();
        self.withheld_picks.clear();
        self.pool.clear();
        let heads = std::mem::take(&mut self.heap).into_vec();
        self.heap = heads
            .into_iter()
            .map(|mut head| {
                if let Some(loaded) = &mut head.loaded {
                    loaded.pooled = None;
                }
                head
            })
            .collect();
        Ok(Some(batch))
    }

    /// The batch with its withheld columns taken from where their values are known.
    fn with_withheld(&self, batch: RecordBatch) -> Result<RecordBatch, Error> {
        if self.withheld_picks == self.picks || self.withheld_picks.is_empty() {
            return Ok(batch);
        }
        let mut columns = batch.columns().to_vec();
        for column in self.rules.withheld {
            let values: Vec<&dyn Array> =
                self.pool.iter().map(|batch| batch.column(*column).as_ref()).collect();
            columns[*column] = interleave(&values, &self.withheld_picks).map_err(Error::arrow("merged"))?;
        }
        RecordBatch::try_new(schema(), columns).map_err(Error::arrow("merged"))
    }

    /// Whether the picks are a long run of one batch and the head's row comes from another.
    fn ends_a_run(&self, head: &Head<'_>) -> bool {
        let from = head.loaded.as_ref().and_then(|loaded| loaded.pooled);
        self.picks.len() >= RUN_ROWS && self.pool.len() == 1 && from != Some(0) && self.contiguous().is_some()
    }

    /// The picks as one slice of one batch, which needs no copy.
    fn contiguous(&self) -> Option<(usize, usize)> {
        let (_, from) = *self.picks.first()?;
        let runs_on = |(nth, (batch, row)): (usize, &(usize, usize))| *batch == 0 && *row == from + nth;
        self.picks.iter().enumerate().all(runs_on).then_some((from, self.picks.len()))
    }
}
