//! Where a Spark Connect server is: a `sc://` URL, whose parameters may be secrets and are never shown.

use std::fmt;

use spark_connect_core::ChannelBuilder;
use spark_connect_core::channel::{PARAM_USE_SSL, PARAM_USER_AGENT};

/// A server, and how it is asked.
#[derive(Clone)]
pub struct Remote(ChannelBuilder);

/// A URL that cannot be used. What it is does not stand in the sentence: it may hold a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Something else than a `sc://` URL.
    #[error(
        "the Spark Connect server is named by a URL such as sc://host:15002 or sc://host:443/;use_ssl=true;token=…, which this is not"
    )]
    Url,
    /// A token without TLS.
    #[error(
        "the token would go to {host} unencrypted: leave use_ssl out of the URL of the Spark Connect server, or set it to true; only a server on this machine is given a token without"
    )]
    Cleartext {
        /// The server.
        host: String,
    },
    /// A session that a server could not know by this name.
    #[error("the session_id in the URL of the Spark Connect server must be a UUID of version 4")]
    Session,
}

impl Remote {
    /// Reads a URL. A token that is not in it comes from `SPARK_CONNECT_AUTHENTICATE_TOKEN`, as with every client.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn parse(url: &str) -> Result<Self, RemoteError> {
        // What the client says of a URL that it cannot read has all of it in it.
        let mut channel = ChannelBuilder::parse(url).map_err(|_| RemoteError::Url)?;
        if channel.host().contains(|c: char| c.is_whitespace() || "@%\\".contains(c)) {
            return Err(RemoteError::Url);
        }
        channel.session_id().map_err(|_| RemoteError::Session)?;
        // Whoever has a token wants TLS, says the description of these URLs; the client has to be told.
        if channel.token().is_some() && !channel.use_ssl() && !channel.is_loopback() {
            if channel.get(PARAM_USE_SSL).is_some() {
                return Err(RemoteError::Cleartext { host: channel.host().to_owned() });
            }
            channel.set(PARAM_USE_SSL, "true");
        }
        if channel.get(PARAM_USER_AGENT).is_none() {
            channel.set(PARAM_USER_AGENT, concat!("session-risk/", env!("CARGO_PKG_VERSION")));
        }
        Ok(Self(channel))
    }

    /// Host and port.
    pub fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    pub(super) fn channel(&self) -> &ChannelBuilder {
        &self.0
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.endpoint())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    const SECRET: &str = "a-secret-that-nobody-must-see";

    #[test]
    fn a_server_is_known_by_host_and_port() {
        for (url, endpoint) in [
            ("sc://localhost", "localhost:15002"),
            (
                "sc://Cluster.example.com:443/;use_ssl=true;token=a;x-databricks-cluster-id=b",
                "cluster.example.com:443",
            ),
            ("sc://[::1]:15003/;token=a", "[::1]:15003"),
        ] {
            assert_eq!(Remote::parse(url).unwrap().endpoint(), endpoint);
        }
    }

    #[test]
    fn whatever_is_wrong_with_a_url_its_secrets_are_not_said() {
        for url in [
            "http://host/;token=SECRET",
            "sc://host/path;token=SECRET",
            "sc://host/;token=SECRET;use_ssl",
            "sc://:15002/;token=SECRET",
            "sc://host:port/;token=SECRET",
            "sc://user:SECRET@host:15002",
            "sc://SECRET@host",
            "sc://host/;use_ssl=true;token=SECRET;session_id=SECRET",
            "sc://host:15002/;use_ssl=false;token=SECRET",
            "SECRET",
            "",
        ] {
            let error = Remote::parse(&url.replace("SECRET", SECRET)).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
        }
        let remote = Remote::parse(&format!("sc://host/;token={SECRET}")).unwrap();
        assert_eq!(format!("{remote:?}"), "Remote(host:15002)");
    }

    #[test]
    fn a_token_wants_tls_but_on_this_machine() {
        for (url, tls) in [
            ("sc://host/;token=a", true),
            ("sc://host/;use_ssl=true", true),
            ("sc://host", false),
            ("sc://127.0.0.1/;token=a", false),
            ("sc://localhost/;token=a;use_ssl=true", true),
        ] {
            assert_eq!(Remote::parse(url).unwrap().channel().use_ssl(), tls, "{url}");
        }
    }
}
