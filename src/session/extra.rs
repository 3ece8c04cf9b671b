//! What of a session has no column, as the JSON text of the column `extra`.
//!
//! Must not know what of it may be kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::names::snake;
use super::resource::{Resource, Slot};
use super::schema::{ATTRIBUTES, RELATIONSHIPS};

/// Unknown and wrongly typed values as `{"attributes": {…}, "relationships": {…}}`, sorted by snake_case name;
/// empty where there are none.
pub(super) fn write_extra(extra: &mut String, resource: &Resource<'_>) {
    extra.clear();
    let wrong_attributes = wrong(&resource.attributes, |place| ATTRIBUTES[place].column);
    let wrong_relationships = wrong(&resource.relationships, |place| RELATIONSHIPS[place].0);
    write_members(extra, "attributes", &resource.unknown_attributes, wrong_attributes);
    write_members(extra, "relationships", &resource.unknown_relationships, wrong_relationships);
    if !extra.is_empty() {
        extra.push('}');
    }
}

fn wrong<'r>(
    slots: &'r [Slot<'r>],
    name: impl Fn(usize) -> &'static str + 'r,
) -> impl Iterator<Item = (&'static str, &'r str)> {
    slots.iter().enumerate().filter_map(move |(place, slot)| match slot {
        Slot::Wrong(raw) => Some((name(place), *raw)),
        _ => None,
    })
}

fn write_members<'r>(
    extra: &mut String,
    title: &str,
    unknown: &'r [(Cow<'r, str>, &'r str)],
    wrong: impl Iterator<Item = (&'static str, &'r str)>,
) {
    let unknown = unknown.iter().map(|(name, raw)| (snake(name), *raw));
    let members: BTreeMap<_, _> = unknown.chain(wrong.map(|(name, raw)| (name.into(), raw))).collect();
    if members.is_empty() {
        return;
    }
    extra.push(if extra.is_empty() { '{' } else { ',' });
    let _ = write!(extra, "\"{title}\":");
    for (nth, (name, raw)) in members.iter().enumerate() {
        extra.push(if nth == 0 { '{' } else { ',' });
        extra.push_str(&serde_json::Value::from(name.as_ref()).to_string());
        extra.push(':');
        extra.push_str(raw);
    }
    extra.push('}');
}
