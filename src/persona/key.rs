//! The two things a user says about the API: the key, which can never be printed, and the base URL, which may
//! only be one that is safe to send a key to.

use std::fmt;

use reqwest::header::HeaderValue;
use url::{Host, Url};

/// An API key. It has no `Display`, its `Debug` prints `***`, and its header value is marked sensitive.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

/// The key cannot be sent as it stands.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Nothing but white space.
    #[error("the API key is empty; set PERSONA_API_KEY or name a file that holds it with --api-key-file")]
    Empty,
    /// Bytes that no header may carry.
    #[error(
        "the API key holds characters that no key has (a line break or a non-ASCII letter); copy it again from the Persona dashboard"
    )]
    Unsendable,
}

impl ApiKey {
    /// A key as it was typed or read from a file; white space around it is dropped.
    ///
    /// # Errors
    /// [`KeyError`] if it is empty or cannot stand in a header.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::Unsendable);
        }
        let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {text}")) else {
            return Err(KeyError::Unsendable);
        };
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The `Authorization` header.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where the API is, path included, such as `https://api.withpersona.com/api/v1`.
#[derive(Debug, Clone)]
pub struct BaseUrl(Url);

/// The base URL is not one that a key may be sent to.
#[derive(Debug, thiserror::Error)]
pub enum BaseUrlError {
    /// Not a URL at all.
    #[error("the base URL {given:?} is not a URL ({source}); it looks like {default}", default = super::DEFAULT_BASE_URL)]
    Unparseable {
        /// What was given.
        given: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// Neither https nor http.
    #[error("the base URL must begin with https://, not {scheme}://")]
    Scheme {
        /// What it begins with.
        scheme: String,
    },
    /// Plain http would show the key to the network.
    #[error(
        "plain http to {host} would send the API key in the clear; use https:// (http is only for this machine itself)"
    )]
    Plain {
        /// Where to.
        host: String,
    },
    /// A host without the API's path.
    #[error("the base URL {url} lacks its path; did you mean {url}/api/v1?")]
    NoPath {
        /// What was given, without its slash.
        url: String,
    },
    /// A user, a password, a query or a fragment.
    #[error(
        "the base URL may hold no user name, password, query or fragment; the key goes into PERSONA_API_KEY"
    )]
    Extras,
}

impl BaseUrl {
    /// Checks a base URL.
    ///
    /// # Errors
    /// [`BaseUrlError`] if it is no URL, lacks its path, carries more than a host and a path, or is plain http
    /// to anything but loopback.
    pub fn parse(given: &str) -> Result<Self, BaseUrlError> {
        let url = Url::parse(given.trim())
            .map_err(|source| BaseUrlError::Unparseable { given: given.to_owned(), source })?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            scheme => return Err(BaseUrlError::Scheme { scheme: scheme.to_owned() }),
        };
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(BaseUrlError::Extras);
        }
        let base = Self(url);
        if !secure && !base.is_loopback() {
            return Err(BaseUrlError::Plain { host: base.host() });
        }
        if base.0.path().trim_matches('/').is_empty() {
            return Err(BaseUrlError::NoPath { url: base.0.as_str().trim_end_matches('/').to_owned() });
        }
        Ok(base)
    }

    /// Whether it names this machine.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// The host and, if given, the port.
    pub fn host(&self) -> String {
        host_of(&self.0).unwrap_or_else(|| "nowhere".to_owned())
    }

    /// The URL of a resource below the base, such as `inquiry-sessions`.
    pub(super) fn join(&self, resource: &str) -> Url {
        let mut url = self.0.clone();
        let path = format!("{}/{resource}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

/// A URL's host and, unless it is the scheme's own, the port.
pub(super) fn host_of(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_prints_as_stars_and_its_header_is_sensitive() {
        let key = ApiKey::new(" persona_sandbox_secret\n").unwrap();
        assert_eq!(format!("{key:?}"), "***");
        assert!(!format!("{:?}", key.header()).contains("secret"));
    }

    #[test]
    fn only_loopback_may_be_plain_http_and_a_path_is_needed() {
        for good in ["https://api.withpersona.com/api/v1", "http://127.0.0.1:9/api/v1/", "http://[::1]:9/x"] {
            assert!(BaseUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "api.withpersona.com/api/v1",
            "http://api.withpersona.com/api/v1",
            "https://api.withpersona.com",
            "https://api.withpersona.com/",
            "ftp://127.0.0.1/api/v1",
            "https://user:word@api.withpersona.com/api/v1",
            "https://api.withpersona.com/api/v1?key=1",
        ] {
            assert!(BaseUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn resources_are_joined_below_the_path() {
        let base = BaseUrl::parse("https://api.withpersona.com/api/v1/").unwrap();
        assert_eq!(base.join("rate-limits").as_str(), "https://api.withpersona.com/api/v1/rate-limits");
    }
}
