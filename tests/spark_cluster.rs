//! A Spark cluster on this machine, started once for all tests, and what a test can do to it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use serde_json::Value as Json;
use session_risk::analysis::Scope;
use session_risk::analysis::spark::{Cluster, Remote, SparkEngine};
use tokio::runtime::Runtime;

/// What must never be seen anywhere.
pub(crate) const TOKEN: &str = "a-token-that-nobody-must-see";

/// The cluster. Its processes end with this one, however that ends: they live as long as the pipe to them.
pub(crate) struct SparkCluster {
    /// Nobody waits for it: it ends by itself.
    _supervisor: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    ports: Json,
}

/// The cluster, for one test at a time.
pub(crate) fn cluster() -> MutexGuard<'static, SparkCluster> {
    static CLUSTER: LazyLock<Mutex<SparkCluster>> = LazyLock::new(|| Mutex::new(SparkCluster::start()));
    CLUSTER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SparkCluster {
    fn start() -> Self {
        let python = std::env::var("SESSION_RISK_PYTHON").expect("SESSION_RISK_PYTHON names a Python");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spark_cluster.py");
        let mut supervisor = Command::new(python)
            .args([script, TOKEN])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = supervisor.stdin.take().unwrap();
        let answers = BufReader::new(supervisor.stdout.take().unwrap());
        let mut cluster = Self { _supervisor: supervisor, commands, answers, ports: Json::Null };
        cluster.ports = serde_json::from_str(&cluster.heard()).unwrap();
        cluster
    }

    fn heard(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the cluster has ended");
        line
    }

    /// Has something done to the cluster: `tests/spark_cluster.py` says what there is.
    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
        self.commands.flush().unwrap();
        assert_eq!(self.heard().trim(), "done", "{command}");
    }

    /// A port of one of its processes: `server` or `master`.
    pub(crate) fn port(&self, of: &str) -> u64 {
        self.ports[of].as_u64().unwrap()
    }

    /// The URL of the server, with a token.
    pub(crate) fn url(&self, token: &str) -> String {
        format!("sc://127.0.0.1:{}/;token={token}", self.port("server"))
    }

    /// An engine over a scope, with a connection of its own.
    pub(crate) fn engine(&self, scope: &Scope) -> SparkEngine {
        static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
        let remote = Remote::parse(&self.url(TOKEN)).unwrap();
        SparkEngine::new(&Arc::new(Cluster::new(remote, RUNTIME.handle())), scope)
    }
}
