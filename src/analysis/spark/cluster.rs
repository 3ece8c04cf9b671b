//! A cluster that is asked one query at a time; the connection is made for the first one.
//!
//! Joins the session's futures to whoever waits for them. Must not know what is asked.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::reading::Reading;
use super::remote::Remote;
use super::session::Session;
use super::words::Failure;
use crate::analysis::EngineError;
use crate::analysis::local::guarded;

/// A Spark cluster, by its Spark Connect server.
pub struct Cluster {
    remote: Remote,
    runtime: Handle,
    session: Mutex<Option<Session>>,
}

impl Cluster {
    /// A cluster that nobody has asked yet. The runtime must have several threads.
    pub fn new(remote: Remote, runtime: &Handle) -> Self {
        Self { remote, runtime: runtime.clone(), session: Mutex::new(None) }
    }

    /// The answer's Arrow streams, in order.
    pub(super) fn ask(&self, reading: &Reading, sql: &str) -> Result<Vec<Bytes>, EngineError> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let session = &mut *session;
        // On a thread of its own: whoever waits here may be one that the runtime works with.
        let answer = guarded(|| {
            self.runtime.block_on(async {
                let session = match session {
                    Some(session) => session,
                    none => none.insert(Session::begin(&self.remote).await?),
                };
                session.ask(reading, sql).await
            })
        })?;
        answer.map_err(|failure| failure.of(&self.remote.endpoint()))
    }

    /// An answer that cannot be read.
    pub(super) fn odd(&self, words: String) -> EngineError {
        Failure::Odd(words).of(&self.remote.endpoint())
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cluster({:?})", self.remote)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let session = self.session.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(session) = session {
            let _ = guarded(|| self.runtime.block_on(session.end()));
        }
    }
}
