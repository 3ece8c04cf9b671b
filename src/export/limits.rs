//! What ends an export before its last page, in good order: somebody's wish, a deadline, a number of requests.

use std::time::Instant;

use tokio::sync::watch;

/// Why an export stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Whoever runs it asked for it.
    #[error("it was asked to stop; run again to go on")]
    Asked,
    /// The time was up.
    #[error("its deadline was reached; run again to go on")]
    Deadline,
    /// It has sent as many requests as it may.
    #[error("it has sent as many requests as --max-requests allows; run again to go on")]
    Requests,
    /// Another walk of the same run ended early; its reason is the one to tell.
    #[error("another of its walks could not go on; run again to go on")]
    Another,
}

/// When an export is to stop, whatever is left to walk.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// True once somebody asks for it.
    pub asked: Option<watch::Receiver<bool>>,
    /// The moment.
    pub deadline: Option<Instant>,
    /// The number of requests, retries included.
    pub max_requests: Option<u64>,
}

impl Limits {
    /// Whether somebody has asked for it.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| *asked.borrow())
    }

    /// Comes back when one of them is reached, be it in the middle of a wait; the number of requests is the client's
    /// to keep.
    pub(super) async fn reached(&self) -> Stop {
        let deadline = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = becomes_true(self.asked.clone()) => Stop::Asked,
            () = deadline => Stop::Deadline,
        }
    }
}

/// Never comes back where nobody says so, or nobody is there any more to say it.
pub(super) async fn becomes_true(said: Option<watch::Receiver<bool>>) {
    if let Some(mut said) = said
        && said.wait_for(|said| *said).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
