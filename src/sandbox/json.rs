//! JSON written by hand: objects whose keys follow the inflection and the sparse fieldset.
//!
//! Owns the notation; it knows no attribute. By hand because a page of a hundred rows has to cost less than
//! what is measured against it.

use std::io::Write as _;
use std::sync::Arc;

use jiff::Timestamp;

use super::ids::Id;
use super::oddity::{Oddities, Replaced};

/// How attribute keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Inflection {
    #[default]
    Kebab,
    Snake,
    Camel,
}

/// How rows are written: what a request has a say in, and what the sandbox does to all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Style {
    pub(crate) inflection: Inflection,
    /// Attributes beyond the published description.
    pub(crate) newer: bool,
    /// API versions before 2021-08-18 still have `browser-fingerprint` on the session.
    pub(crate) fingerprint: bool,
    /// The sparse fieldset, in kebab case: attributes and relationships that are wanted.
    pub(crate) only: Option<Vec<String>>,
    /// Attributes that the key may not see, in kebab case.
    pub(crate) blocked: Arc<Vec<String>>,
    /// What rows say beyond any description.
    pub(crate) odd: Oddities,
}

impl Style {
    /// Whether rows look as they do without any parameter or header.
    pub(crate) fn is_plain(&self) -> bool {
        self.inflection == Inflection::Kebab
            && !self.fingerprint
            && self.only.is_none()
            && self.blocked.is_empty()
    }

    fn wants(&self, key: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|wanted| wanted == key))
            && !self.blocked.iter().any(|blocked| blocked == key)
    }
}

/// An object under construction.
pub(crate) struct Object<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) style: &'a Style,
    replaced: &'a [Replaced],
    first: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn open(out: &'a mut Vec<u8>, style: &'a Style) -> Self {
        Self::open_with(out, style, &[])
    }

    /// An object in which some keys have other values than they will be given.
    pub(crate) fn open_with(out: &'a mut Vec<u8>, style: &'a Style, replaced: &'a [Replaced]) -> Self {
        out.push(b'{');
        Self { out, style, replaced, first: true }
    }

    pub(crate) fn close(self) {
        self.out.push(b'}');
    }

    /// Writes a key, and says whether its value is to follow.
    pub(crate) fn key(&mut self, kebab: &str) -> bool {
        if !self.style.wants(kebab) {
            return false;
        }
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        inflect(self.out, kebab, self.style.inflection);
        self.out.extend_from_slice(b"\":");
        match self.replaced.iter().find(|(replaced, _)| *replaced == kebab) {
            Some((_, json)) => {
                self.out.extend_from_slice(json.as_bytes());
                false
            }
            None => true,
        }
    }

    pub(crate) fn text(&mut self, key: &str, value: Option<&str>) {
        if self.key(key) {
            match value {
                Some(value) => quote(self.out, value),
                None => self.out.extend_from_slice(b"null"),
            }
        }
    }

    pub(crate) fn moment(&mut self, key: &str, value: Option<i64>) {
        if self.key(key) {
            match value {
                Some(value) => moment(self.out, value),
                None => self.out.extend_from_slice(b"null"),
            }
        }
    }

    pub(crate) fn flag(&mut self, key: &str, value: Option<bool>) {
        self.raw(key, value.map_or("null", |value| if value { "true" } else { "false" }));
    }

    pub(crate) fn number(&mut self, key: &str, value: Option<impl std::fmt::Display>) {
        if self.key(key) {
            match value {
                Some(value) => append(self.out, format_args!("{value}")),
                None => self.out.extend_from_slice(b"null"),
            }
        }
    }

    pub(crate) fn raw(&mut self, key: &str, json: &str) {
        if self.key(key) {
            self.out.extend_from_slice(json.as_bytes());
        }
    }

    pub(crate) fn related(&mut self, key: &str, kind: &str, id: Option<Id>) {
        if self.key(key) {
            self.out.extend_from_slice(b"{\"data\":");
            match id {
                Some(id) => identifier(self.out, kind, id),
                None => self.out.extend_from_slice(b"null"),
            }
            self.out.push(b'}');
        }
    }
}

/// `{"type":…,"id":…}`
pub(crate) fn identifier(out: &mut Vec<u8>, kind: &str, id: Id) {
    resource(out, kind, id);
    out.push(b'}');
}

/// The beginning of a resource, up to its attributes.
pub(crate) fn resource(out: &mut Vec<u8>, kind: &str, id: Id) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"id\":\"");
    id.write(out);
    out.push(b'"');
}

pub(crate) fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

/// Writes a kebab-case key in the inflection asked for.
pub(crate) fn inflect(out: &mut Vec<u8>, kebab: &str, inflection: Inflection) {
    match inflection {
        Inflection::Kebab => out.extend_from_slice(kebab.as_bytes()),
        Inflection::Snake => out.extend(kebab.bytes().map(|byte| if byte == b'-' { b'_' } else { byte })),
        Inflection::Camel => {
            let mut raise = false;
            for byte in kebab.bytes() {
                if byte == b'-' {
                    raise = true;
                } else {
                    out.push(if std::mem::take(&mut raise) { byte.to_ascii_uppercase() } else { byte });
                }
            }
        }
    }
}

/// A JSON string. Nearly nothing here needs an escape, so the common case is one copy.
pub(crate) fn quote(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(text.as_bytes());
    } else {
        for char in text.chars() {
            match char {
                '"' | '\\' => append(out, format_args!("\\{char}")),
                '\0'..='\u{1f}' => append(out, format_args!("\\u{:04x}", u32::from(char))),
                _ => append(out, format_args!("{char}")),
            }
        }
    }
    out.push(b'"');
}

fn moment(out: &mut Vec<u8>, unix_milliseconds: i64) {
    let moment = Timestamp::from_millisecond(unix_milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    append(out, format_args!("\"{moment:.3}\""));
}
