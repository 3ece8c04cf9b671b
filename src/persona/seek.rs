//! From a moment to a session that was created about then: by way of the inquiries, which can be asked for by time.
//!
//! The list of sessions has no filter by time, that of inquiries has, and each inquiry names its sessions (Persona's
//! OpenAPI description, `paths/inquiries.yaml`; docs.withpersona.com/serialization). Of the inquiries only their time
//! and their sessions' ids are asked for, never what people entered.

use jiff::Timestamp;
use serde::Deserialize;

use super::client::Answer;
use super::page::BodyError;
use super::{Client, Error, PAGE_SIZE};

/// An inquiry, as far as it leads to sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// When it was created. Its sessions are created then or later, when it is resumed even days later.
    pub created: Timestamp,
    /// The ids of its sessions.
    pub sessions: Vec<String>,
}

/// Inquiries of a stretch of time, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiries {
    /// At most as many as a page holds.
    pub found: Vec<Inquiry>,
    /// Whether there are older ones in the stretch.
    pub more: bool,
}

#[derive(Deserialize)]
struct Envelope {
    data: Vec<Resource>,
    links: Links,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

#[derive(Deserialize)]
struct Resource {
    attributes: Attributes,
    relationships: Option<Relationships>,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "created-at")]
    created: Timestamp,
}

#[derive(Deserialize)]
struct Relationships {
    sessions: Option<Sessions>,
}

#[derive(Deserialize)]
struct Sessions {
    data: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Resource {
    fn sessions(self) -> impl Iterator<Item = String> {
        let named = self.relationships.and_then(|related| related.sessions?.data);
        named.into_iter().flatten().map(|named| named.id)
    }
}

impl Client {
    /// The newest inquiries that were created from one moment to another, both included.
    ///
    /// # Errors
    /// [`Error::Refused`] for a key that may not list inquiries; others as for a page of sessions.
    pub async fn inquiries(&self, from: Timestamp, until: Timestamp) -> Result<Inquiries, Error> {
        let mut url = self.base_url().join("inquiries");
        url.query_pairs_mut()
            .append_pair("page[size]", &PAGE_SIZE.to_string())
            .append_pair("filter[created-at-start]", &from.to_string())
            .append_pair("filter[created-at-end]", &until.to_string())
            .append_pair("fields[inquiry]", "created-at,sessions");
        self.ask(&url, || format!("the inquiries up to {until}"), true, inquiries).await
    }
}

fn inquiries(answer: Answer) -> Result<Inquiries, BodyError> {
    let Envelope { data, links } = serde_json::from_slice(&answer.body)?;
    let inquiry = |resource: Resource| Inquiry {
        created: resource.attributes.created,
        sessions: resource.sessions().collect(),
    };
    Ok(Inquiries { found: data.into_iter().map(inquiry).collect(), more: links.next.is_some() })
}
