//! `--engine`: what runs the queries, this program or a Spark cluster.
//!
//! Must not know what is asked, nor over which days.

use clap::{Args, ValueEnum};
use tokio::runtime::Handle;

use super::exit::Usage;
use crate::analysis::local::LocalEngine;
use crate::analysis::{Engine, Scope};

/// The engines by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Name {
    /// This program
    #[default]
    Local,
    /// A Spark cluster, by its Spark Connect server
    Spark,
}

/// The flags that say what runs the queries.
#[derive(Debug, Clone, Args)]
pub(super) struct EngineArgs {
    /// What runs the queries
    #[arg(long, value_enum, default_value_t, value_name = "ENGINE", hide = cfg!(not(feature = "spark")),
          help_heading = "Engine")]
    engine: Name,
    #[cfg(feature = "spark")]
    #[command(flatten)]
    spark: spark::SparkArgs,
}

/// What runs the queries.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Engines {
    /// This program.
    #[default]
    Local,
    /// A cluster.
    #[cfg(feature = "spark")]
    Spark(spark::OnCluster),
}

impl EngineArgs {
    /// The engine for that lake. A cluster is not asked yet.
    pub(super) fn engine(self, lake: &str, runtime: &Handle) -> Result<Engines, Usage> {
        match self.engine {
            Name::Local => Ok(Engines::Local),
            #[cfg(feature = "spark")]
            Name::Spark => self.spark.cluster(lake, runtime).map(Engines::Spark),
            #[cfg(not(feature = "spark"))]
            Name::Spark => {
                let _ = (lake, runtime);
                Err(Usage("this session-risk was built without Spark; build it with cargo install --path . --features spark, which needs protoc (Debian's protobuf-compiler)".into()))
            }
        }
    }
}

impl Engines {
    /// The engine over a scope, of whose answers so many rows are wanted.
    pub(super) fn over(&self, scope: &Scope, wanted: usize) -> Box<dyn Engine> {
        match self {
            Self::Local => Box::new(LocalEngine::new(scope).giving_at_most(wanted)),
            #[cfg(feature = "spark")]
            Self::Spark(on) => Box::new(on.over(scope).giving_at_most(wanted)),
        }
    }

    /// The lake as the engine knows it, if that is not as this program does.
    pub(super) fn lake(&self) -> Option<&str> {
        match self {
            Self::Local => None,
            #[cfg(feature = "spark")]
            Self::Spark(on) => Some(on.lake()),
        }
    }
}

#[cfg(feature = "spark")]
mod spark {
    use std::fmt;
    use std::sync::Arc;

    use clap::Args;
    use tokio::runtime::Handle;

    use crate::analysis::Scope;
    use crate::analysis::spark::{Cluster, Remote, SparkEngine};
    use crate::cli::exit::Usage;

    /// The flags that say which cluster.
    #[derive(Debug, Clone, Args)]
    #[command(next_help_heading = "Engine")]
    pub(super) struct SparkArgs {
        /// The Spark Connect server, such as sc://host:15002; a URL with a token is better kept in the environment
        #[arg(long, value_name = "URL", hide_default_value = true)]
        spark_remote: Option<Url>,
        /// Where the lake lies for the cluster: a path or a URL [default: what --lake names]
        #[arg(long, value_name = "PLACE")]
        spark_lake: Option<String>,
    }

    /// A URL that may hold a token, as it was typed. It cannot be printed, not even where it is wrong.
    #[derive(Clone)]
    struct Url(String);

    impl From<String> for Url {
        fn from(url: String) -> Self {
            Self(url)
        }
    }

    impl fmt::Debug for Url {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Url(…)")
        }
    }

    /// A cluster, and where the lake lies for it.
    #[derive(Debug, Clone)]
    pub struct OnCluster {
        cluster: Arc<Cluster>,
        lake: String,
    }

    impl SparkArgs {
        pub(super) fn cluster(self, lake: &str, runtime: &Handle) -> Result<OnCluster, Usage> {
            let url = self.spark_remote.filter(|Url(url)| !url.is_empty()).ok_or_else(|| {
                Usage("no Spark Connect server is named; use --spark-remote URL, SESSION_RISK_SPARK_REMOTE or a line spark-remote = \"URL\" in session-risk.toml".into())
            })?;
            let remote = Remote::parse(&url.0).map_err(|error| Usage(error.to_string()))?;
            let lake = match self.spark_lake.filter(|lake| !lake.is_empty()) {
                Some(lake) => lake,
                None => as_it_is(lake)?,
            };
            let lake = lake.trim_end_matches('/').to_owned();
            Ok(OnCluster { cluster: Arc::new(Cluster::new(remote, runtime)), lake })
        }
    }

    /// A folder of this machine as a cluster on it, or with the same disk, knows it; the URL of a bucket as it is.
    fn as_it_is(lake: &str) -> Result<String, Usage> {
        if lake.contains("://") {
            return Ok(lake.to_owned());
        }
        let path = std::path::absolute(lake)
            .map_err(|error| Usage(format!("{lake} has no absolute path to tell a cluster: {error}")))?;
        Ok(format!("file://{}", path.display()))
    }

    impl OnCluster {
        pub(super) fn over(&self, scope: &Scope) -> SparkEngine {
            SparkEngine::new(&self.cluster, scope)
        }

        pub(super) fn lake(&self) -> &str {
            &self.lake
        }
    }
}
