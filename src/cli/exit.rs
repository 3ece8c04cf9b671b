//! The documented exit statuses, and which error is which.

use std::io;
use std::process::ExitCode;

use super::catalogue::AskError;
use super::report::ReportError;
use crate::{export, import, lake, persona};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Wrong usage or settings.
    Usage = 2,
    /// The export is incomplete; what is there is sound.
    Incomplete = 3,
    /// Nothing to report on.
    Nothing = 4,
    /// Refused by the API.
    Refused = 5,
    /// Another run holds the lake.
    Held = 6,
    /// A person must decide: rows would vanish.
    Undecided = 7,
    /// A threshold was crossed.
    Crossed = 10,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Something about the flags or settings that clap cannot check.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// There is nothing to report on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Nothing(pub(super) String);

/// The exit status of an error.
pub(super) fn of(error: &anyhow::Error) -> Exit {
    if let Some(error) = error.downcast_ref::<export::Error>() {
        return match error {
            export::Error::Api(error) => of_api(error),
            export::Error::Lake(error) => of_lake(error),
            _ => Exit::Failed,
        };
    }
    if let Some(error) = error.downcast_ref::<import::Error>() {
        return match error {
            import::Error::Lake(error) => of_lake(error),
            import::Error::Overlap { .. } => Exit::Usage,
            _ => Exit::Failed,
        };
    }
    if let Some(error) = error.downcast_ref::<persona::Error>() {
        return of_api(error);
    }
    if let Some(error) = error.downcast_ref::<lake::Error>() {
        return of_lake(error);
    }
    let is_usage = error.is::<Usage>()
        || error.is::<persona::KeyError>()
        || error.is::<persona::BaseUrlError>()
        || error.is::<AskError>()
        || error.downcast_ref::<ReportError>().is_some_and(is_wrong_usage);
    match error {
        _ if is_usage => Exit::Usage,
        error if error.is::<Nothing>() => Exit::Nothing,
        _ => Exit::Failed,
    }
}

/// The exit status of an export that did not get to its end.
pub(super) fn of_incomplete(incomplete: &export::Incomplete) -> Exit {
    match incomplete {
        export::Incomplete::Api(error) => match of_api(error) {
            Exit::Refused => Exit::Refused,
            _ => Exit::Incomplete,
        },
        export::Incomplete::Doubtful(_) => Exit::Undecided,
        export::Incomplete::Stopped(_) | export::Incomplete::Quarantine { .. } => Exit::Incomplete,
    }
}

fn is_wrong_usage(error: &ReportError) -> bool {
    match error {
        ReportError::Ask(_)
        | ReportError::Backwards(_)
        | ReportError::Threshold(_)
        | ReportError::Trust(_) => true,
        ReportError::Output(error) => error.is_wrong_usage(),
        ReportError::Analysis(error) => error.is_about_the_query(),
    }
}

fn of_api(error: &persona::Error) -> Exit {
    match error {
        persona::Error::Refused { .. } => Exit::Refused,
        persona::Error::Quota { .. } | persona::Error::GaveUp { .. } | persona::Error::Loop { .. } => {
            Exit::Incomplete
        }
        _ => Exit::Failed,
    }
}

fn of_lake(error: &lake::Error) -> Exit {
    match error {
        lake::Error::Missing { .. } => Exit::Nothing,
        lake::Error::NotAFolder { .. }
        | lake::Error::Unsupported { .. }
        | lake::Error::Location { .. }
        | lake::Error::Unconditional { .. }
        | lake::Error::OtherEnvironment { .. }
        | lake::Error::OtherPrivacy { .. }
        | lake::Error::OtherAddressKey
        | lake::Error::PrunesAll { .. } => Exit::Usage,
        lake::Error::Held { .. } | lake::Error::Lost { .. } => Exit::Held,
        _ => Exit::Failed,
    }
}

/// Whether the reader of standard output has gone: a normal end.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
