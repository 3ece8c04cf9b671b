//! Where an interrupted walk goes on.
//!
//! A checkpoint only saves requests: completeness hangs on the covered intervals. One that cannot be used (of
//! another version, another range, or damaged) is dropped, and the walk begins anew.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Range;
use super::plan::{Asked, Span};
use crate::lake::stage::StageState;
use crate::lake::{self, Lake};
use crate::persona::Place;

/// The version of checkpoints; others are dropped.
pub(super) const VERSION: u32 = 4;

/// A walk in the middle of its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) version: u32,
    /// The folder under staging that holds the parts, and this.
    pub(super) folder: String,
    pub(super) range: Range,
    /// What the walk is to go over.
    pub(super) span: Span,
    /// When the walk began, by the server's clock.
    pub(super) began: Timestamp,
    /// Where the next page begins.
    pub(super) place: Place,
    /// The newest and oldest `created_at` so far, in milliseconds since 1970.
    pub(super) newest_ms: Option<i64>,
    pub(super) oldest_ms: Option<i64>,
    pub(super) stage: StageState,
}

impl Checkpoint {
    /// Whether it is of an export of this range, in words that are understood.
    fn is_of(&self, range: Range) -> bool {
        self.version == VERSION && self.range == range
    }
}

/// Whether there is a checkpoint for an export of this range. Whether its parts are whole is seen when it is used.
pub(super) fn is_left(lake: &Lake, range: Range) -> Result<bool, lake::Error> {
    let left = |folder: String| lake.read_checkpoint::<Checkpoint>(&folder);
    Ok(lake.staged_folders()?.into_iter().filter_map(left).any(|left| left.is_of(range)))
}

/// The checkpoints that this export can go on from, those of the newest walks first. Whatever else lies in staging is
/// of no more use and deleted.
pub(super) fn find(lake: &Lake, asked: &Asked) -> Result<Vec<Checkpoint>, lake::Error> {
    let mut found = Vec::new();
    for folder in lake.staged_folders()? {
        let fits = |left: &Checkpoint| left.is_of(asked.range) && left.folder == folder && !asked.full;
        match lake.read_checkpoint(&folder).filter(fits) {
            Some(left) if lake.has_parts(&folder, &left.stage) => found.push(left),
            _ => lake.clear_staging(&folder)?,
        }
    }
    found.sort_by_key(|left| std::cmp::Reverse(left.began));
    let mut usable: Vec<Checkpoint> = Vec::new();
    for left in found {
        // Two walks over the same days would each take the other's sessions for vanished ones.
        if usable.iter().any(|other| other.span.overlaps(left.span)) {
            lake.clear_staging(&left.folder)?;
        } else {
            usable.push(left);
        }
    }
    Ok(usable)
}
