//! What a request asks for: its query parameters and the headers that shape the answer.
//!
//! Owns their reading and what is wrong with them; it knows neither sessions nor cursors' meaning.

use axum::http::HeaderMap;
use jiff::Timestamp;
use url::form_urlencoded;

use super::json::{Inflection, Style};

/// The versions of the API's description, and the one after it.
const VERSIONS: [&str; 9] = [
    "2026-09-29",
    "2025-12-08",
    "2025-10-27",
    "2023-01-05",
    "2022-09-01",
    "2021-08-18",
    "2021-07-05",
    "2021-02-21",
    "2020-05-18",
];
/// The first version without `browser-fingerprint` on a session.
const WITHOUT_FINGERPRINT: &str = "2021-08-18";

const DEFAULT_SIZE: usize = 10;
const LARGEST_SIZE: usize = 100;

/// Query parameters. An unknown one is ignored, an unknown filter is not: the description allows no others,
/// and a filter without effect would be worse than an error.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) after: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) size: Option<usize>,
    pub(crate) inquiry: Option<String>,
    pub(crate) created_from: Option<Timestamp>,
    pub(crate) created_to: Option<Timestamp>,
    pub(crate) fields_of_inquiry: Option<Vec<String>>,
    pub(crate) fields_of_session: Option<Vec<String>>,
}

/// Which parameters a path takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Sessions,
    Inquiries,
    Single,
}

/// What is wrong with a request, in the words of the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unacceptable(pub(crate) String);

impl Query {
    pub(crate) fn parse(query: &str, shape: Shape) -> Result<Self, Unacceptable> {
        let mut parsed = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            // Requests may write keys in any of the three inflections.
            match (kebab(&key).as_str(), shape) {
                ("page[after]", _) => parsed.after = Some(value.into_owned()),
                ("page[before]", _) => parsed.before = Some(value.into_owned()),
                ("page[size]", _) => parsed.size = Some(size(&value)?),
                ("filter[inquiry-id]", Shape::Sessions | Shape::Inquiries) => {
                    parsed.inquiry = Some(value.into_owned());
                }
                ("filter[created-at-start]", Shape::Inquiries) => {
                    parsed.created_from = Some(moment(&key, &value)?);
                }
                ("filter[created-at-end]", Shape::Inquiries) => {
                    parsed.created_to = Some(moment(&key, &value)?);
                }
                ("fields[inquiry]", Shape::Inquiries) => parsed.fields_of_inquiry = Some(list(&value)),
                ("fields[inquiry-session]", Shape::Single) => parsed.fields_of_session = Some(list(&value)),
                ("include", Shape::Sessions | Shape::Inquiries) => {
                    return Err(Unacceptable("include is not allowed on a list".to_owned()));
                }
                (other, _) if other.starts_with("filter[") => {
                    return Err(Unacceptable(format!("{key} is not a filter of this list")));
                }
                _ => {}
            }
        }
        if parsed.after.is_some() && parsed.before.is_some() {
            return Err(Unacceptable("page[after] and page[before] exclude each other".to_owned()));
        }
        Ok(parsed)
    }

    pub(crate) fn page_size(&self) -> usize {
        self.size.unwrap_or(DEFAULT_SIZE)
    }
}

/// How attributes are to be written: as usual but for what the request's headers say.
pub(crate) fn style(headers: &HeaderMap, usual: &Style) -> Result<Style, Unacceptable> {
    let inflection = match headers.get("key-inflection").map(|value| value.as_bytes()) {
        None | Some(b"kebab") => Inflection::Kebab,
        Some(b"snake") => Inflection::Snake,
        Some(b"camel") => Inflection::Camel,
        Some(_) => return Err(Unacceptable("Key-Inflection must be kebab, snake or camel".to_owned())),
    };
    let fingerprint = match headers.get("persona-version") {
        None => false,
        Some(version) => match version.to_str() {
            Ok(version) if VERSIONS.contains(&version) => version < WITHOUT_FINGERPRINT,
            _ => return Err(Unacceptable("Persona-Version is not a version of this API".to_owned())),
        },
    };
    Ok(Style { inflection, fingerprint, ..usual.clone() })
}

fn size(value: &str) -> Result<usize, Unacceptable> {
    match value.parse() {
        Ok(size) if (1..=LARGEST_SIZE).contains(&size) => Ok(size),
        _ => Err(Unacceptable(format!("page[size] must be a number from 1 to {LARGEST_SIZE}"))),
    }
}

fn moment(key: &str, value: &str) -> Result<Timestamp, Unacceptable> {
    value.parse().map_err(|error| Unacceptable(format!("{key} must be an ISO 8601 date-time: {error}")))
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(|name| kebab(name.trim())).filter(|name| !name.is_empty()).collect()
}

fn kebab(key: &str) -> String {
    let mut kebab = String::with_capacity(key.len() + 4);
    for char in key.chars() {
        match char {
            '_' => kebab.push('-'),
            'A'..='Z' => kebab.extend(['-', char.to_ascii_lowercase()]),
            _ => kebab.push(char),
        }
    }
    kebab
}
