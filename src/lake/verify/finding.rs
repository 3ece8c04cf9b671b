//! What can be wrong with a lake, in words for the person who owns it.

use jiff::civil::Date;

use crate::session::schema::SCHEMA_VERSION;

/// Something about a lake that is not as it should be, or that somebody may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The day; none where it is about the lake as a whole.
    pub day: Option<Date>,
    /// Where it lies in the lake.
    pub key: String,
    /// What it is.
    pub what: What,
}

/// What was found. Its words follow the day's date or the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum What {
    /// A record that is no record.
    #[error("its record cannot be understood: {reason}")]
    RecordUnreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// A day file, or a whole lake of them, that nothing is recorded of.
    #[error("has a file and no record")]
    RecordMissing,
    /// A day file that is not there.
    #[error("its file of {rows} sessions is gone")]
    FileMissing {
        /// As recorded.
        rows: u64,
    },
    /// A day that was walked and of which nothing is left.
    #[error("was walked, and has neither a file nor a record")]
    DayMissing,
    /// The file of the recorded run, with other bytes.
    #[error("its file is damaged: {bytes} bytes that are not those recorded")]
    Damaged {
        /// Its size.
        bytes: u64,
    },
    /// The file of somebody else, or of another run.
    #[error("its file is not the recorded one: it was put there by hand")]
    Replaced,
    /// No Parquet file, or not to its end.
    #[error("its file cannot be read: {reason}")]
    Unreadable {
        /// What the reader said.
        reason: String,
    },
    /// Other columns than a day file has or ever had.
    #[error("its columns are not a day file's: {reason}")]
    Columns {
        /// What is wrong with them.
        reason: String,
    },
    /// Of a program that came after this one.
    #[error("its schema is version {version}, newer than this program's {SCHEMA_VERSION}")]
    Newer {
        /// The file's.
        version: u32,
    },
    /// No footer of ours.
    #[error("its file says nothing of the run that wrote it")]
    NoFooter,
    /// Numbers of rows that differ.
    #[error("its file has {rows} rows, by the footer {footer}, by the record {recorded}")]
    Rows {
        /// In the file.
        rows: u64,
        /// As the footer says.
        footer: String,
        /// As the record says.
        recorded: String,
    },
    /// Rows that belong elsewhere.
    #[error("{rows} of its rows belong to other days")]
    OtherDays {
        /// How many.
        rows: u64,
    },
    /// Rows out of order.
    #[error("its rows are not in order")]
    Order,
    /// Ids that are there more than once.
    #[error("{sessions} of its sessions are in the lake twice, such as {example}")]
    Twice {
        /// How many.
        sessions: u64,
        /// One of them.
        example: String,
    },
    /// Rows of somebody else's.
    #[error("holds sessions of environment {environment}")]
    OtherEnvironment {
        /// Whose.
        environment: String,
    },
    /// A record that counts otherwise.
    #[error("its record says another {column} than its rows")]
    Facts {
        /// Of which column, or `newest` or `oldest`.
        column: String,
    },
    /// Walked stretches that cannot be.
    #[error("the stretches that were walked {reason}")]
    Covered {
        /// Why not.
        reason: &'static str,
    },
    /// A file where readers look.
    #[error("is no day file, and lies where readers look for them")]
    Stray,
    /// A file among the days' records.
    #[error("lies among the records of days, and is none")]
    StrayRecord,
    /// An older schema, which readers and writers understand.
    #[error("its columns are older than today's; `session-risk migrate` adds the new ones")]
    OlderSchema,
    /// A file in its place whose record was not written yet.
    #[error("was published by a run that ended before its record; the next run writes it")]
    Unrecorded,
    /// What a run that ended, or that goes on, has staged.
    #[error("holds what a run has staged and not yet published")]
    Staged,
    /// What repairs put aside.
    #[error("{files} files that repairs put aside lie here; delete them once they are of no use")]
    PutAside {
        /// How many.
        files: usize,
    },
}

impl What {
    /// Its name for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RecordUnreadable { .. } => "record-unreadable",
            Self::RecordMissing => "record-missing",
            Self::FileMissing { .. } => "file-missing",
            Self::DayMissing => "day-missing",
            Self::Damaged { .. } => "damaged",
            Self::Replaced => "replaced",
            Self::Unreadable { .. } => "unreadable",
            Self::Columns { .. } => "columns",
            Self::Newer { .. } => "newer-schema",
            Self::NoFooter => "no-footer",
            Self::Rows { .. } => "rows",
            Self::OtherDays { .. } => "other-days",
            Self::Order => "order",
            Self::Twice { .. } => "twice",
            Self::OtherEnvironment { .. } => "other-environment",
            Self::Facts { .. } => "facts",
            Self::Covered { .. } => "covered",
            Self::Stray => "stray",
            Self::StrayRecord => "stray-record",
            Self::OlderSchema => "older-schema",
            Self::Unrecorded => "unrecorded",
            Self::Staged => "staged",
            Self::PutAside { .. } => "put-aside",
        }
    }

    /// Whether the lake is not sound for it; the others are good to know.
    pub fn is_fault(&self) -> bool {
        !matches!(self, Self::OlderSchema | Self::Unrecorded | Self::Staged | Self::PutAside { .. })
    }
}
