//! One page of a list: its bytes, and the cursor that leads on.
//!
//! The API's `links.next` is a path with the cursor in its query and, as documented, without the page size
//! (docs page of the list; Persona's OpenAPI description). So only the cursor is taken out of it.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use url::{Url, form_urlencoded};

use super::key::host_of;

/// The id after which the next page begins. Opaque; case matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
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

/// Where a walk goes on: below a session, or, should the API not know it any more, below one that was listed shortly
/// before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The session's id.
    pub cursor: Cursor,
    /// Ids that were listed before it, the nearest first.
    pub earlier: Vec<Cursor>,
}

/// Ids that a place keeps to step back to.
const EARLIER: usize = 5;

impl Place {
    /// Below the first of these sessions, or else below the next one; none of no session.
    pub fn below(sessions: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut cursors = sessions.into_iter().map(Cursor);
        Some(Self { cursor: cursors.next()?, earlier: cursors.take(EARLIER).collect() })
    }

    /// Its own cursor and the earlier ones.
    fn cursors(&self) -> impl Iterator<Item = &Cursor> {
        std::iter::once(&self.cursor).chain(&self.earlier)
    }
}

/// The place that a page's next link leads to. What the page does not hold of earlier ids, the place before it does.
pub(super) fn place_after(outline: &Outline, body: &[u8], before: Option<&Place>) -> Option<Place> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let cursor = outline.next.clone()?;
    let last = outline.resources.iter().rev().take(EARLIER + 1);
    let of_page = last.filter_map(|at| serde_json::from_slice::<Named>(&body[at.clone()]).ok());
    let of_page = of_page.map(|named| Cursor(named.id));
    let earlier = of_page.chain(before.into_iter().flat_map(Place::cursors).cloned());
    let earlier = earlier.filter(|earlier| *earlier != cursor).take(EARLIER).collect();
    Some(Place { cursor, earlier })
}

/// A page as it came, its syntax checked and its cursor taken out.
#[derive(Debug, Clone)]
pub struct Page {
    /// The whole JSON body: text in UTF-8.
    pub body: Bytes,
    /// Where in the body each element of `data` stands.
    pub resources: Vec<Range<usize>>,
    /// Where the next page begins; none on the last page.
    pub next: Option<Place>,
    /// Whether the session that the page was to begin below was gone, so that it begins below an earlier one.
    pub stepped_back: bool,
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
    data: Vec<&'a RawValue>,
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

/// What a page's envelope says: what it holds, where to go on, and whether the link named a host of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Outline {
    /// Where in the body each element of `data` stands, its syntax checked.
    pub resources: Vec<Range<usize>>,
    /// The cursor of `links.next`; none where it is null.
    pub next: Option<Cursor>,
    /// The host and port that an absolute `links.next` names. It is never followed.
    pub host: Option<String>,
}

/// Checks the body's syntax from end to end, notes where its resources stand and takes the cursor out of
/// `links.next`.
///
/// # Errors
/// [`BodyError`] if the body is no page: such an answer is asked for again.
pub fn outline(body: &[u8]) -> Result<Outline, BodyError> {
    // Once for the whole body is cheaper than the parser's check of each string.
    let text = std::str::from_utf8(body).map_err(|_| BodyError::NotText)?;
    let Envelope { data, links } = serde_json::from_str(text)?;
    let place = |element: &&RawValue| {
        // Every element is borrowed from the text.
        let start = element.get().as_ptr().addr() - text.as_ptr().addr();
        start..start + element.get().len()
    };
    let resources = data.iter().map(place).collect();
    let Some(link) = links.next else {
        return Ok(Outline { resources, next: None, host: None });
    };
    let query = link.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let cursor = form_urlencoded::parse(query.as_bytes())
        .find(|(name, value)| name == "page[after]" && !value.is_empty())
        .map(|(_, value)| Cursor(value.into_owned()))
        .ok_or(BodyError::NoCursor)?;
    let host = Url::parse(&link).ok().as_ref().and_then(host_of);
    Ok(Outline { resources, next: Some(cursor), host })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_of(link: &str) -> Result<Option<String>, BodyError> {
        let body = format!(r#"{{"data":[],"links":{{"prev":null,"next":{link}}}}}"#);
        outline(body.as_bytes()).map(|page| page.next.map(|cursor| cursor.0))
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
            assert!(outline(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_cut_off_or_not_a_page_is_refused_without_quoting_it() {
        for body in
            [r#"{"data":[{"id":"iqse_SECRET"#, "<html>SECRET</html>", r#"{"data":{},"links":{"next":null}}"#]
        {
            let error = outline(body.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains("SECRET"));
        }
        assert!(next_of(r#""/api/v1/inquiry-sessions""#).is_err());
    }

    #[test]
    fn every_element_is_found_where_it_stands() {
        let body = r#" {"links":{"next":null},"data": [ {"id":"é","a":[1]} , 7,"x" ,null]}"#;
        let found: Vec<&str> =
            outline(body.as_bytes()).unwrap().resources.into_iter().map(|at| &body[at]).collect();
        assert_eq!(found, [r#"{"id":"é","a":[1]}"#, "7", r#""x""#, "null"]);
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
            assert_eq!(outline(body.as_bytes()).unwrap().host.as_deref(), host, "{link}");
        }
    }
}
