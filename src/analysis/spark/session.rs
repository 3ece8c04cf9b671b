//! One session on a cluster: its settings, and answers that are whole.
//!
//! An answer comes as a stream, which Spark ends after two minutes whether or not the query is done: what is missing is
//! asked for again until the cluster says that this was all. Must not know what is asked.

use std::time::Duration;

use bytes::Bytes;
use spark_connect_core::{
    ExecutePlanResponseReattachableIterator as Execution, RetryPolicy, RetryPolicyState, SparkConnectClient,
    SparkError,
};
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::{ExecutePlanRequest, ExecutePlanResponse, Plan, UserContext};
use tokio::time::{sleep, timeout};

use super::reading::{self, Reading};
use super::remote::Remote;
use super::words::{Failure, Stage};

/// What makes a session's SQL mean what it means elsewhere.
const SETTINGS: [(&str, &str); 2] =
    [("spark.sql.session.timeZone", "UTC"), ("spark.sql.ansi.enabled", "true")];

/// How long a server has for its first answer.
const GREETING: Duration = Duration::from_secs(60);

/// How long nothing may be heard of a query: Spark ends a stream sooner, if only to have it asked for again.
const SILENCE: Duration = Duration::from_secs(600);

/// The first contact fails soon: there is likely nobody.
const AT_FIRST: (u32, u64) = (2, 500);

/// Later on a server that was there is waited for, for a minute and a half.
const LATER: (u32, u64) = (8, 400);

/// One session of a server.
pub(super) struct Session {
    client: SparkConnectClient,
    /// The server's own name for it: a session that it has lost must not be taken for this one.
    server_side: Option<String>,
    /// What the table `sessions` stands for.
    reading: Option<Reading>,
}

impl Session {
    pub(super) async fn begin(remote: &Remote) -> Result<Self, Failure> {
        let at = |error| Failure::new(Stage::First, error);
        let mut client = SparkConnectClient::connect(remote.channel()).await.map_err(at)?;
        client.set_retry_policy(policy(AT_FIRST));
        for (name, value) in SETTINGS {
            let set = timeout(GREETING, client.set_config(name, value)).await;
            set.map_err(|_| Failure::Silent(GREETING))?.map_err(at)?;
        }
        client.set_retry_policy(policy(LATER));
        Ok(Self { client, server_side: None, reading: None })
    }

    /// The answer's Arrow streams, in order.
    pub(super) async fn ask(&mut self, reading: &Reading, sql: &str) -> Result<Vec<Bytes>, Failure> {
        let is_known = self.reading.as_ref() == Some(reading);
        match self.over(reading, sql).await {
            // Another run has replaced a day's file since the cluster looked at it.
            Err(failure) if is_known && failure.is_of_a_file() => {
                self.reading = None;
                self.over(reading, sql).await
            }
            asked => asked,
        }
    }

    async fn over(&mut self, reading: &Reading, sql: &str) -> Result<Vec<Bytes>, Failure> {
        if self.reading.as_ref() != Some(reading) {
            self.reading = None;
            self.execute(reading.view(), Stage::Lake).await?;
            self.reading = Some(reading.clone());
        }
        self.execute(reading::select(sql), Stage::Query).await
    }

    async fn execute(&mut self, plan: Plan, stage: Stage) -> Result<Vec<Bytes>, Failure> {
        let execution = Execution::new(self.request(plan));
        let mut retries = RetryPolicyState::new(policy(LATER));
        let begin = async || self.client.execute_plan(execution.request().clone()).await;
        let mut stream = once_there(&mut retries, stage, begin).await?;
        let (mut batches, mut rows) = (Vec::new(), 0);
        while !execution.is_completed().await {
            let heard = timeout(SILENCE, stream.message()).await;
            match heard.map_err(|_| Failure::Silent(SILENCE))? {
                Ok(Some(response)) => {
                    retries = RetryPolicyState::new(policy(LATER));
                    execution.set_last_response_id(&response).await;
                    batches.extend(self.read(response, &mut rows).map_err(Failure::Odd)?);
                    continue;
                }
                Err(status) if !retries.policy().can_retry(&status) => {
                    return Err(Failure::new(stage, SparkError::from_grpc_status(status)));
                }
                Ok(None) | Err(_) => {}
            }
            // The query goes on without anybody listening: on with its answer from where it was.
            let go_on =
                async || self.client.reattach_execute(execution.create_reattach_request().await).await;
            stream = once_there(&mut retries, stage, go_on).await?;
        }
        // The server may forget the answer now, and does so by itself if it is not told.
        let _ = self.client.release_execute(execution.create_release_request(true).await).await;
        Ok(batches)
    }

    fn request(&self, plan: Plan) -> ExecutePlanRequest {
        let user_id = self.client.user_id().unwrap_or_default().to_owned();
        ExecutePlanRequest {
            session_id: self.client.session_id().to_owned(),
            client_observed_server_side_session_id: self.server_side.clone(),
            user_context: Some(UserContext { user_id, ..UserContext::default() }),
            plan: Some(plan),
            ..ExecutePlanRequest::default()
        }
    }

    /// The Arrow stream of a response, if it has one: the next of the answer, and as many rows as it says.
    fn read(&mut self, response: ExecutePlanResponse, rows: &mut i64) -> Result<Option<Bytes>, String> {
        if !response.server_side_session_id.is_empty() {
            self.server_side = Some(response.server_side_session_id);
        }
        let Some(ResponseType::ArrowBatch(batch)) = response.response_type else { return Ok(None) };
        if let Some(start) = batch.start_offset.filter(|start| start != rows) {
            return Err(format!("row {start} of the answer came after row {rows}"));
        }
        *rows += batch.row_count;
        Ok(Some(batch.data))
    }

    /// Lets the server forget the session. It does so by itself after an hour.
    pub(super) async fn end(self) {
        let _ = timeout(Duration::from_secs(2), self.client.release_session()).await;
    }
}

/// Asks until the server is there to answer, as often as the policy allows.
async fn once_there<T>(
    retries: &mut RetryPolicyState,
    stage: Stage,
    ask: impl AsyncFn() -> Result<T, SparkError>,
) -> Result<T, Failure> {
    loop {
        let failure = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => Failure::new(stage, error),
        };
        let wait = if failure.is_unreachable() { retries.next_attempt(None) } else { None };
        let Some(wait) = wait else { return Err(failure) };
        sleep(Duration::from_millis(wait)).await;
    }
}

/// So many retries of what a server was not there for, the first after so many milliseconds.
fn policy((retries, first): (u32, u64)) -> RetryPolicy {
    RetryPolicy {
        max_retries: Some(retries),
        initial_backoff_ms: first,
        max_backoff_ms: Some(30_000),
        ..RetryPolicy::default()
    }
}
