//! Where an interrupted walk goes on.
//!
//! A checkpoint only saves requests: completeness hangs on the covered intervals. One that cannot be used (of
//! another version, another range, or damaged) is dropped, and the walk begins anew.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::plan::Span;
use super::{ExportOptions, Range};
use crate::lake::stage::StageState;
use crate::lake::{self, Lake};

/// The version of checkpoints; others are dropped.
const VERSION: u32 = 2;

/// A walk in the middle of its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) version: u32,
    /// The run whose staging folder holds the parts.
    pub(super) run_id: String,
    pub(super) environment: Option<String>,
    pub(super) range: Range,
    /// What the walk is to go over.
    pub(super) span: Span,
    /// When the walk began, by the server's clock.
    pub(super) began: Timestamp,
    /// The next page begins after this id.
    pub(super) cursor: String,
    /// The newest and oldest `created_at` so far, in milliseconds since 1970.
    pub(super) newest_ms: Option<i64>,
    pub(super) oldest_ms: Option<i64>,
    pub(super) stage: StageState,
}

impl Checkpoint {
    pub(super) fn new(options: &ExportOptions, span: Span, began: Timestamp, cursor: String) -> Self {
        Self {
            version: VERSION,
            run_id: options.run_id.clone(),
            environment: None,
            range: options.range,
            span,
            began,
            cursor,
            newest_ms: None,
            oldest_ms: None,
            stage: StageState::default(),
        }
    }
}

/// Whether there is a checkpoint for an export of this range. Whether its parts are whole is seen when it is used.
pub(super) fn is_left(lake: &Lake, range: Range) -> Result<bool, lake::Error> {
    let left = |run_id: String| lake.read_checkpoint::<Checkpoint>(&run_id);
    Ok(lake
        .staged_runs()?
        .into_iter()
        .filter_map(left)
        .any(|left| left.version == VERSION && left.range == range))
}

/// The checkpoint that this export can go on from. Whatever else lies in staging is of no more use and deleted.
pub(super) fn find(lake: &Lake, options: &ExportOptions) -> Result<Option<Checkpoint>, lake::Error> {
    let mut usable: Option<Checkpoint> = None;
    for run_id in lake.staged_runs()? {
        let found: Option<Checkpoint> = lake.read_checkpoint(&run_id);
        let fits = |left: &Checkpoint| {
            left.version == VERSION && left.run_id == run_id && left.range == options.range && !options.full
        };
        match found.filter(fits).filter(|left| lake.has_parts(&run_id, &left.stage)) {
            Some(left) if usable.as_ref().is_none_or(|other| other.began < left.began) => {
                if let Some(other) = usable.replace(left) {
                    lake.clear_staging(&other.run_id)?;
                }
            }
            _ => lake.clear_staging(&run_id)?,
        }
    }
    Ok(usable)
}
