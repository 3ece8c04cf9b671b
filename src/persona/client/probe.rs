//! One small request that tells whether the key, its permission and the limit are as they should be.

use jiff::Timestamp;

use super::{Allowance, Client, Error, FailedAttempt, Failure};

/// What one request told.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The environment that answered (`Persona-Environment-Id`).
    pub environment: Option<String>,
    /// Requests a window, if the headers say so.
    pub limit: Option<u32>,
    /// Requests left in the window, if the headers say so.
    pub remaining: Option<u32>,
    /// Requests a window that an export would take.
    pub pace: f64,
    /// The server's clock, to the second.
    pub server_time: Timestamp,
    /// This machine's clock when the answer was there.
    pub local_time: Timestamp,
}

impl Client {
    /// Asks for one session, once: nothing is tried again, so that what is wrong is told at once.
    ///
    /// # Errors
    /// [`Error`] as it came: [`Error::Refused`] for the key, [`Error::Unreachable`] where nobody answered.
    pub async fn probe(&self) -> Result<Probe, Error> {
        let mut url = self.base_url.join("inquiry-sessions");
        url.query_pairs_mut().append_pair("page[size]", "1");
        let page = match self.attempt(&url, |answer| self.read_page(answer, None)).await {
            Ok(page) => page,
            Err(FailedAttempt { failure: Failure::Broken, error }) => {
                return Err(Error::Unreachable { host: self.base_url.host(), attempts: 1, last: error });
            }
            Err(attempt) => return Err(self.final_error(attempt.error, "one session".to_owned())),
        };
        let local_time = Timestamp::now();
        let Allowance { limit, left, pace } = self.allowance();
        Ok(Probe {
            environment: page.environment,
            limit,
            remaining: left,
            pace,
            server_time: page.server_time,
            local_time,
        })
    }
}
