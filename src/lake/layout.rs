//! Where everything lies in a lake.
//!
//! ```text
//! sessions/created_date=2026-11-20/sessions.parquet     one a day, the atom of publication
//! _session_risk/lake.json                               environment, covered intervals, watermark
//! _session_risk/days/2026-11-20.json                    one record a day
//! _session_risk/runs/RUN.json                           one record a run
//! _session_risk/intents/2026-11-20.json                 a publication that was begun
//! _session_risk/staging/RUN/…                           parts and the checkpoint of a run
//! _session_risk/quarantine/RUN.jsonl                    resources that could not become rows
//! _session_risk/lock                                    held by the one writer
//! _session_risk/clock                                   written to learn the time of a bucket's store, then deleted
//! ```
//! Readers glob `sessions/**/*.parquet`; nothing unfinished ever lies where that glob reaches.

use jiff::civil::Date;
use object_store::path::Path as Key;

/// The folder of all that is not a finished day file.
pub(super) const INTERNAL: &str = "_session_risk";

/// A day's Parquet file.
pub(super) fn day_file(day: Date) -> Key {
    Key::from(format!("sessions/created_date={day}/sessions.parquet"))
}

/// The lake's own record.
pub(super) fn lake_record() -> Key {
    Key::from(format!("{INTERNAL}/lake.json"))
}

/// The folder of the days' records.
pub(super) fn day_records() -> Key {
    Key::from(format!("{INTERNAL}/days"))
}

/// A day's record.
pub(super) fn day_record(day: Date) -> Key {
    Key::from(format!("{INTERNAL}/days/{day}.json"))
}

/// The folder of the runs' records.
pub(super) fn run_records() -> Key {
    Key::from(format!("{INTERNAL}/runs"))
}

/// A run's record.
pub(super) fn run_record(run_id: &str) -> Key {
    Key::from(format!("{INTERNAL}/runs/{run_id}.json"))
}

/// The folder of intents.
pub(super) fn intents() -> Key {
    Key::from(format!("{INTERNAL}/intents"))
}

/// A day's intent.
pub(super) fn intent(day: Date) -> Key {
    Key::from(format!("{INTERNAL}/intents/{day}.json"))
}

/// The folder of all runs' staging.
pub(super) fn staging() -> Key {
    Key::from(format!("{INTERNAL}/staging"))
}

/// A file in a run's staging.
pub(super) fn staged(run_id: &str, name: &str) -> Key {
    Key::from(format!("{INTERNAL}/staging/{run_id}/{name}"))
}

/// A run's quarantine.
pub(super) fn quarantine(run_id: &str) -> Key {
    Key::from(format!("{INTERNAL}/quarantine/{run_id}.jsonl"))
}

/// The lock.
pub(super) fn lock() -> Key {
    Key::from(format!("{INTERNAL}/lock"))
}

/// What is written to learn the store's time.
pub(super) fn clock() -> Key {
    Key::from(format!("{INTERNAL}/clock"))
}
