//! What can go wrong with a lake, in words for the person who owns it.

use std::path::PathBuf;

use arrow::error::ArrowError;

use super::bucket;

/// A lake could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such folder, or nothing in the bucket.
    #[error("there is no lake at {lake}; fetch into it first, or check --lake")]
    Missing {
        /// The lake.
        lake: String,
    },
    /// The lake's path, or a part of it, is a file.
    #[error("the lake {} is a file, not a folder; name another with --lake", path.display())]
    NotAFolder {
        /// The lake.
        path: PathBuf,
    },
    /// The folder cannot be written.
    #[error("the lake {} cannot be written ({source}); check its permissions and the disk", path.display())]
    Unwritable {
        /// The lake.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A scheme that this version has no store for.
    #[error(
        "a lake at {scheme}:// cannot be opened; name a folder, s3://, az://, abfss:// or gs:// with --lake"
    )]
    Unsupported {
        /// What the location begins with.
        scheme: String,
    },
    /// A bucket that cannot be used as it is named and with the credentials that there are.
    #[error("the lake {lake} cannot be opened: {reason}")]
    Location {
        /// The lake; without what may be a secret.
        lake: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A store in which two runs could not be kept apart.
    #[error(
        "the store of {lake} does not keep to conditions (If-Match, If-None-Match), so two runs could not be kept apart; use one that does"
    )]
    Unconditional {
        /// The lake.
        lake: String,
    },
    /// Another run writes.
    #[error("another run holds the lake {lake}{}; wait for it to end, or let --wait-lock do so", by(holder))]
    Held {
        /// The lake.
        lake: String,
        /// Who, as the holder wrote it.
        holder: String,
    },
    /// The lease was not renewed in time, and another run took it.
    #[error(
        "another run has taken over the lake {lake}, as this one was not heard of for a while; what was published stays, run again"
    )]
    Lost {
        /// The lake.
        lake: String,
    },
    /// A day file is not the one that was merged.
    #[error(
        "another writer changed the day {date} in the lake meanwhile; its file stays as it is, run again"
    )]
    DayChanged {
        /// The day.
        date: jiff::civil::Date,
    },
    /// There is no room for copies of a bucket's day files.
    #[error(
        "the day files cannot be copied into {} to be read ({source}); set TMPDIR to a folder with room", path.display()
    )]
    Copies {
        /// The folder for temporary files.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Rows of another environment.
    #[error(
        "the lake holds sessions of environment {lake}, the key belongs to {key}; give each environment a lake of its own"
    )]
    OtherEnvironment {
        /// The lake's.
        lake: String,
        /// The key's.
        key: String,
    },
    /// Rows of which other things are kept.
    #[error(
        "the lake is written with {lake}, this run has {run}; give it the lake's settings, or another lake with --lake"
    )]
    OtherPrivacy {
        /// The lake's, as flags.
        lake: String,
        /// The writer's, as flags.
        run: String,
    },
    /// Addresses hashed with another key: one person's would look like two's.
    #[error(
        "the lake's addresses are hashed with another key; give that one in SESSION_RISK_IP_KEY or --ip-key-file, or another lake with --lake"
    )]
    OtherAddressKey,
    /// A record under `_session_risk/` is not what it should be.
    #[error(
        "the lake's record {key} cannot be understood ({source}); it may be of a newer version or damaged: see `session-risk verify`"
    )]
    Record {
        /// Where it lies in the lake.
        key: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// There is no record of the lake as a whole that a repair could go by.
    #[error(
        "the lake's own record is gone or cannot be understood; `session-risk verify --rebuild` makes it anew"
    )]
    NoLakeRecord,
    /// Day files of several environments, and nothing says which is the lake's.
    #[error(
        "there are sessions of the environments {one} and {other} in the lake, and no record says whose it is; move the files of one of them elsewhere"
    )]
    Environments {
        /// One of them.
        one: String,
        /// Another one.
        other: String,
    },
    /// A day that a migration cannot take for what was fetched.
    #[error(
        "the file of {date} is not the one that was recorded; see `session-risk verify`, and repair it first"
    )]
    Unsound {
        /// The day.
        date: jiff::civil::Date,
    },
    /// A day file of a program that came after this one.
    #[error(
        "the file of {date} has the schema version {version}, which this program does not know; use a newer session-risk"
    )]
    NewerSchema {
        /// The day.
        date: jiff::civil::Date,
        /// The file's.
        version: u32,
    },
    /// Nothing would be left.
    #[error("the lake's last day is {last}: nothing would be left of it; name {last} or an earlier day")]
    PrunesAll {
        /// The last day that the lake holds.
        last: jiff::civil::Date,
    },
    /// The store failed.
    #[error("could not {what} {key} in the lake{}", advice(source))]
    Store {
        /// What was being done.
        what: &'static str,
        /// To what.
        key: String,
        /// What the store said.
        source: object_store::Error,
    },
    /// A day file or a staged part is damaged, or could not be encoded or written.
    #[error("the lake's file {key} could not be {what}")]
    File {
        /// What was being done.
        what: &'static str,
        /// To what.
        key: String,
        /// What Parquet, Arrow or the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Rows in memory that could not be sorted or merged.
    pub(super) fn arrow(what: &'static str) -> impl FnOnce(ArrowError) -> Self {
        move |source| Self::File { what, key: "of the day".to_owned(), source: Box::new(source) }
    }

    pub(super) fn file(
        what: &'static str,
        key: &object_store::path::Path,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::File { what, key: key.to_string(), source: Box::new(source) }
    }
}

fn advice(source: &object_store::Error) -> String {
    bucket::refusal(source).map_or_else(String::new, |advice| format!(": {advice}"))
}

fn by(holder: &str) -> String {
    if holder.is_empty() { String::new() } else { format!(" ({holder})") }
}
