//! What a lake keeps of its sessions, as its records, its files and a person say it.
//!
//! Must not know a key, only what tells one from another.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::address::Addresses;
use crate::session::names::snake;
use crate::session::schema::{ATTRIBUTES, CREATED_AT, RELATIONSHIPS, STATUS};

/// What becomes of unknown attributes and relationships and of values of an unexpected type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extra {
    /// They stand in the column `extra`.
    #[default]
    Keep,
    /// They are left out.
    Drop,
}

/// What a lake keeps of its sessions, as its records say it: `ip=keep,extra=keep`, or for instance
/// `ip=hash,key=0f3a…,extra=drop,without=latitude+longitude`. The key stands there by its check value only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Mode {
    /// What becomes of addresses; of a key, its check value.
    pub addresses: Addresses<String>,
    /// What becomes of what the schema has no column for.
    pub extra: Extra,
    /// The columns that stay empty.
    pub dropped: BTreeSet<&'static str>,
}

/// Not a [`Mode`].
#[derive(Debug, thiserror::Error)]
#[error("no privacy setting that this version knows")]
pub struct UnknownMode;

impl Mode {
    /// The same as flags, as a person gives them.
    pub fn flags(&self) -> String {
        let ip = match self.addresses {
            Addresses::Keep => "keep",
            Addresses::Truncate => "truncate",
            Addresses::Hash(_) => "hash",
        };
        let extra = match self.extra {
            Extra::Keep => "keep",
            Extra::Drop => "drop",
        };
        let mut flags = format!("--ip {ip} --extra {extra}");
        if !self.dropped.is_empty() {
            flags.push_str(" --drop-attribute ");
            flags.push_str(&joined(&self.dropped, ","));
        }
        flags
    }
}

fn joined(names: &BTreeSet<&'static str>, by: &str) -> String {
    names.iter().copied().collect::<Vec<_>>().join(by)
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.addresses {
            Addresses::Keep => f.write_str("ip=keep"),
            Addresses::Truncate => f.write_str("ip=truncate"),
            Addresses::Hash(check) => write!(f, "ip=hash,key={check}"),
        }?;
        f.write_str(match self.extra {
            Extra::Keep => ",extra=keep",
            Extra::Drop => ",extra=drop",
        })?;
        if self.dropped.is_empty() { Ok(()) } else { write!(f, ",without={}", joined(&self.dropped, "+")) }
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        let mut mode = Self::default();
        for part in text.split(',') {
            match part.split_once('=').ok_or(UnknownMode)? {
                ("ip", "keep") => {}
                ("ip", "truncate") => mode.addresses = Addresses::Truncate,
                ("ip", "hash") => mode.addresses = Addresses::Hash(String::new()),
                ("key", check) if mode.addresses != Addresses::Keep => {
                    mode.addresses = Addresses::Hash(check.to_owned());
                }
                ("extra", "keep") => {}
                ("extra", "drop") => mode.extra = Extra::Drop,
                ("without", names) => {
                    let column = |name| droppable(name).map_err(|_| UnknownMode);
                    mode.dropped = names.split('+').map(column).collect::<Result<_, _>>()?;
                }
                _ => return Err(UnknownMode),
            }
        }
        Ok(mode)
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

impl TryFrom<String> for Mode {
    type Error = UnknownMode;
    fn try_from(text: String) -> Result<Self, UnknownMode> {
        text.parse()
    }
}

/// An attribute that cannot be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDroppable {
    /// No attribute has that name.
    Unknown,
    /// A lake finds, dates, settles or forgets its sessions by it.
    Needed,
}

/// The column of an attribute that may be left out, by its name in any of the API's spellings.
///
/// # Errors
/// [`NotDroppable`]. The ids, `created_at` and `status` have to stay: by them a session has its day, is known to be
/// final and can be forgotten.
pub fn droppable(name: &str) -> Result<&'static str, NotDroppable> {
    let name = snake(name.trim());
    let is_id = ["session_id", "environment_id"].contains(&&*name)
        || RELATIONSHIPS.iter().any(|(relationship, column)| [*relationship, *column].contains(&&*name));
    match ATTRIBUTES.iter().position(|attribute| attribute.column == name) {
        Some(CREATED_AT | STATUS) => Err(NotDroppable::Needed),
        Some(place) => Ok(ATTRIBUTES[place].column),
        None if is_id => Err(NotDroppable::Needed),
        None => Err(NotDroppable::Unknown),
    }
}

/// The columns that may be left out.
pub fn all_droppable() -> impl Iterator<Item = &'static str> {
    ATTRIBUTES.iter().filter_map(|attribute| droppable(attribute.column).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_as_it_was_written_and_nothing_else_is() {
        for text in [
            "ip=keep,extra=keep",
            "ip=truncate,extra=drop",
            "ip=hash,key=6625e830ac3ed7c3,extra=keep,without=latitude+user_agent",
        ] {
            assert_eq!(text.parse::<Mode>().map(|mode| mode.to_string()).ok().as_deref(), Some(text));
        }
        assert_eq!("ip=keep,extra=keep".parse::<Mode>().ok(), Some(Mode::default()));
        for text in
            ["", "ip", "ip=blur,extra=keep", "ip=keep,key=0,extra=keep", "without=status", "ip=keep,more=1"]
        {
            assert!(text.parse::<Mode>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_lake_lives_on_cannot_be_dropped_and_all_else_can() {
        for name in ["ip-address", "ip_address", "ipAddress", " latitude"] {
            assert!(droppable(name).is_ok(), "{name}");
        }
        for name in
            ["created-at", "status", "session-id", "inquiry-id", "inquiry", "device_id", "environment-id"]
        {
            assert_eq!(droppable(name), Err(NotDroppable::Needed), "{name}");
        }
        assert_eq!(droppable("fetched"), Err(NotDroppable::Unknown));
        assert_eq!(all_droppable().count(), ATTRIBUTES.len() - 2);
    }
}
