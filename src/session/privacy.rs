//! What of a session is kept: addresses shortened or hashed, attributes and unknown values left out.
//!
//! Applied at decode, before a byte of a row reaches any disk. Must not know where rows go, nor where the key came
//! from.

mod address;
mod mode;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::names::snake;
use super::resource::{Resource, Slot};
use super::schema::{ATTRIBUTES, IP_ADDRESS};

pub use address::{AddressKey, Addresses, KeyTooShort, address};
pub use mode::{Extra, Mode, NotDroppable, UnknownMode, all_droppable, droppable};

/// What a decoder keeps of sessions.
#[derive(Debug, Clone, Default)]
pub struct Privacy {
    addresses: Addresses<AddressKey>,
    mode: Mode,
    /// Whether nothing is hidden: the way of most lakes, on which no row is looked at twice.
    hides_something: bool,
    /// The places of the columns that stay empty.
    dropped: Vec<usize>,
}

impl Privacy {
    /// Keeps what is neither dropped nor made unrecognisable. `dropped` are columns as [`droppable`] gives them.
    pub fn new(addresses: Addresses<AddressKey>, extra: Extra, dropped: BTreeSet<&'static str>) -> Self {
        let places = ATTRIBUTES.iter().enumerate();
        let places = places.filter(|(_, attribute)| dropped.contains(attribute.column));
        let places = places.map(|(place, _)| place).collect();
        let mode = Mode { addresses: addresses.in_records(), extra, dropped };
        Self { addresses, hides_something: mode != Mode::default(), dropped: places, mode }
    }

    /// What the lake's records say of it.
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    pub(super) fn hides_something(&self) -> bool {
        self.hides_something
    }

    /// Takes out of a resource's columns what is not to be kept. True if its address was none: such a text might be
    /// one that is only oddly written, so it does not stay, and hashed it would look like somebody's.
    pub(super) fn hide(&self, resource: &mut Resource<'_>) -> bool {
        for place in &self.dropped {
            if resource.attributes[*place] != Slot::Absent {
                resource.attributes[*place] = Slot::Null;
            }
        }
        let hides_addresses = !matches!(self.addresses, Addresses::Keep);
        let hidden = |name: &str| {
            self.mode.dropped.contains(name) || hides_addresses && name == ATTRIBUTES[IP_ADDRESS].column
        };
        // A known attribute in a spelling that the API does not have counts as an unknown one.
        resource.unknown_attributes.retain(|(name, _)| !hidden(&snake(name)));
        if !hides_addresses {
            return false;
        }
        let slot = &mut resource.attributes[IP_ADDRESS];
        let address = match slot {
            Slot::Text(text) => address(text),
            Slot::Wrong(_) => None,
            _ => return false,
        };
        *slot = address.map_or(Slot::Null, |address| Slot::Text(self.addresses.hidden(address).into()));
        *slot == Slot::Null
    }

    /// `extra` as it is to be kept; none if it stays as it is. Every text in it that is an address, names of members
    /// included, is treated as the column of addresses is.
    pub(super) fn hide_extra(&self, json: &str) -> Option<String> {
        if self.mode.extra == Extra::Drop {
            return Some(String::new());
        }
        if matches!(self.addresses, Addresses::Keep) {
            return None;
        }
        let mut hidden = String::new();
        let mut copied = 0;
        let mut from = 0;
        while let Some(begin) = json[from..].find('"').map(|at| from + at) {
            let end = end_of_string(json, begin);
            let text = serde_json::from_str::<String>(&json[begin..end]);
            if let Some(address) = text.ok().and_then(|text| address(&text)) {
                // What stands in its place needs no escapes.
                let _ = write!(hidden, "{}\"{}\"", &json[copied..begin], self.addresses.hidden(address));
                copied = end;
            }
            from = end;
        }
        (copied > 0).then(|| hidden + &json[copied..])
    }

    /// The names of a resource's attributes, for where its values may not be told.
    pub(super) fn field_names(resource: &Resource<'_>) -> Vec<String> {
        let known = ATTRIBUTES.iter().zip(&resource.attributes);
        let known = known.filter(|(_, slot)| **slot != Slot::Absent);
        let known = known.map(|(attribute, _)| attribute.column.to_owned());
        let unknown = resource.unknown_attributes.iter().filter(|(name, _)| address(name).is_none());
        known.chain(unknown.map(|(name, _)| snake(name).into_owned())).collect()
    }
}

/// The end of a JSON string that begins there.
fn end_of_string(json: &str, begin: usize) -> usize {
    let mut bytes = json.bytes().enumerate().skip(begin + 1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return at + 1,
            b'\\' => _ = bytes.next(),
            _ => {}
        }
    }
    json.len()
}
