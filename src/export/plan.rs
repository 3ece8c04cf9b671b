//! What to walk: a pure function of what was asked for and what an interrupted run left.
//!
//! Must not know the API nor the lake: it decides, others do.

use jiff::Timestamp;

use super::ExportOptions;
use super::checkpoint::Checkpoint;

/// One walk from a cursor towards older sessions.
#[derive(Debug)]
pub(super) struct Walk {
    /// What an interrupted walk left to go on from; none to begin at the newest session.
    pub(super) resumed: Option<Checkpoint>,
    /// The walk may end once a whole page is older than this.
    pub(super) stop_below: Option<Timestamp>,
}

/// Everything, from the newest session down; after an interruption the rest of that walk first, and then what
/// came in above it since.
pub(super) fn plan(options: &ExportOptions, left: Option<Checkpoint>) -> Vec<Walk> {
    let since = options.range.since.map(crate::range::day_start);
    let Some(left) = left else {
        return vec![Walk { resumed: None, stop_below: since }];
    };
    let joined = left.began;
    vec![
        Walk { resumed: Some(left), stop_below: since },
        Walk { resumed: None, stop_below: Some(since.map_or(joined, |since| since.max(joined))) },
    ]
}
