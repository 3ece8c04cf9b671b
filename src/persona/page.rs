//! One page of a list: its bytes, and the cursor that leads on.
//!
//! The API's `links.next` is a path with the cursor in its query and, as documented, without the page size
//! (docs page of the list; Persona's OpenAPI description). So only the cursor is taken out of it.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use url::{Url, form_urlencoded};

use super::key::host_of;

/// The id after which the next page begins. Opaque; case matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor from a session's id.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A page as it came, its syntax checked and its cursor taken out.
#[derive(Debug, Clone)]
pub struct Page {
    /// The whole JSON body.
    pub body: Bytes,
    /// Where the next page begins; none on the last page.
    pub next: Option<Cursor>,
    /// The server's clock (`Date`), else this machine's.
    pub server_time: Timestamp,
    /// The environment that answered (`Persona-Environment-Id`).
    pub environment: Option<String>,
}

/// Why a body is not a page. Its display never quotes the body, which may hold personal data.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Not JSON, cut off, or not an object with `data` and `links.next`.
    #[error("it is not the JSON of a page (line {line}, column {column})")]
    Shape {
        /// Where the parser stopped.
        line: usize,
        /// Where the parser stopped.
        column: usize,
    },
    /// Bytes that are not UTF-8, as JSON must be.
    #[error("it is not text in UTF-8")]
    NotText,
    /// `data` is not an array.
    #[error("its data is not a list")]
    NotAList,
    /// `links.next` without `page[after]`.
    #[error("its next link holds no cursor")]
    NoCursor,
}

impl From<serde_json::Error> for BodyError {
    fn from(error: serde_json::Error) -> Self {
        Self::Shape { line: error.line(), column: error.column() }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    links: Links<'a>,
}

#[derive(Deserialize)]
struct Links<'a> {
    // A missing `next` is an error and not an end: only an explicit null ends a walk.
    #[serde(borrow, deserialize_with = "present")]
    next: Option<Cow<'a, str>>,
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'a, str>>, D::Error> {
    Option::<Cow<'a, str>>::deserialize(deserializer)
}

/// What a page's envelope says: where to go on, and whether the link named a host of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct NextLink {
    /// The cursor of `links.next`; none where it is null.
    pub next: Option<Cursor>,
    /// The host and port that an absolute `links.next` names. It is never followed.
    pub host: Option<String>,
}

/// Checks the body's syntax from end to end and takes the cursor out of `links.next`.
///
/// # Errors
/// [`BodyError`] if the body is no page: such an answer is asked for again.
pub fn read_links(body: &[u8]) -> Result<NextLink, BodyError> {
    // Once for the whole body is cheaper than the parser's check of each string.
    let text = std::str::from_utf8(body).map_err(|_| BodyError::NotText)?;
    let envelope: Envelope<'_> = serde_json::from_str(text)?;
    if !envelope.data.get().starts_with('[') {
        return Err(BodyError::NotAList);
    }
    let Some(link) = envelope.links.next else {
        return Ok(NextLink { next: None, host: None });
    };
    let query = link.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let cursor = form_urlencoded::parse(query.as_bytes())
        .find(|(name, value)| name == "page[after]" && !value.is_empty())
        .map(|(_, value)| Cursor(value.into_owned()))
        .ok_or(BodyError::NoCursor)?;
    let host = Url::parse(&link).ok().as_ref().and_then(host_of);
    Ok(NextLink { next: Some(cursor), host })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_of(link: &str) -> Result<Option<String>, BodyError> {
        let body = format!(r#"{{"data":[],"links":{{"prev":null,"next":{link}}}}}"#);
        read_links(body.as_bytes()).map(|links| links.next.map(|cursor| cursor.0))
    }

    #[test]
    fn the_cursor_is_taken_out_of_a_link_in_every_spelling() {
        for link in [
            r#""/api/v1/inquiry-sessions?page%5Bafter%5D=iqse_ABC""#,
            r#""/api/v1/inquiry-sessions?page[after]=iqse_ABC&page[size]=10""#,
            r#""https://elsewhere.example/x?page%5Bsize%5D=10&page%5Bafter%5D=iqse_ABC#frag""#,
            r#""\/api\/v1\/inquiry-sessions?page%5Bafter%5D=iqse_ABC""#,
        ] {
            assert_eq!(next_of(link).unwrap().as_deref(), Some("iqse_ABC"), "{link}");
        }
    }

    #[test]
    fn only_an_explicit_null_ends_a_walk() {
        assert_eq!(next_of("null").unwrap(), None);
        for body in [r#"{"data":[],"links":{}}"#, r#"{"data":[]}"#, r#"{"links":{"next":null}}"#] {
            assert!(read_links(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_cut_off_or_not_a_page_is_refused_without_quoting_it() {
        for body in
            [r#"{"data":[{"id":"iqse_SECRET"#, "<html>SECRET</html>", r#"{"data":{},"links":{"next":null}}"#]
        {
            let error = read_links(body.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains("SECRET"));
        }
        assert!(next_of(r#""/api/v1/inquiry-sessions""#).is_err());
    }

    #[test]
    fn the_host_of_an_absolute_link_is_told_with_its_port() {
        for (link, host) in [
            ("https://evil.example/?page%5Bafter%5D=a", Some("evil.example")),
            ("https://evil.example:443/?page%5Bafter%5D=a", Some("evil.example")),
            ("http://127.0.0.1:4010/?page%5Bafter%5D=a", Some("127.0.0.1:4010")),
            ("/api/v1/inquiry-sessions?page%5Bafter%5D=a", None),
        ] {
            let body = format!(r#"{{"data":[],"links":{{"next":"{link}"}}}}"#);
            assert_eq!(read_links(body.as_bytes()).unwrap().host.as_deref(), host, "{link}");
        }
    }
}
