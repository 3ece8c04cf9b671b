//! One JSON:API resource, read into borrowed values without a JSON tree.
//!
//! Owns what a JSON value is taken for; must not know Arrow.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::names::Names;
use super::schema::{ATTRIBUTES, Kind, RELATIONSHIPS};

/// What one attribute or relationship of one resource said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Slot<'a> {
    /// The key is not there: a blocklist or an older API (docs: api-attribute-blocklists).
    #[default]
    Absent,
    /// An explicit null.
    Null,
    Text(Cow<'a, str>),
    Boolean(bool),
    Number(f64),
    /// Milliseconds since 1970, UTC.
    Moment(i64),
    /// A value of another type than documented, as it came.
    Wrong(&'a str),
}

impl<'a> Slot<'a> {
    fn read(raw: &'a str, kind: Kind) -> Self {
        if raw == "null" {
            return Self::Null;
        }
        let read = match kind {
            Kind::Text => text(raw).map(Self::Text),
            Kind::Boolean => raw.parse().ok().map(Self::Boolean),
            Kind::Number => number(raw).map(Self::Number),
            Kind::Moment => text(raw).and_then(|text| moment(&text)).map(Self::Moment),
        };
        read.unwrap_or(Self::Wrong(raw))
    }
}

/// A JSON string's text, borrowed unless it holds escapes; none for any other value and for lone surrogates.
fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

fn number(raw: &str) -> Option<f64> {
    if !raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    raw.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Milliseconds, rounded down; none without a zone.
fn moment(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(|moment| moment.as_nanosecond().div_euclid(1_000_000) as i64)
}

/// A resource's members, all borrowed from the page.
#[derive(Debug)]
pub(super) struct Resource<'a> {
    /// The whole of it, as it came.
    pub(super) raw: &'a str,
    /// A list `data`, which makes it no resource but a page.
    list: Option<&'a str>,
    /// Whether the list's element was an object at all.
    pub(super) is_object: bool,
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) attributes: [Slot<'a>; ATTRIBUTES.len()],
    pub(super) relationships: [Slot<'a>; RELATIONSHIPS.len()],
    pub(super) unknown_attributes: Vec<(Cow<'a, str>, &'a str)>,
    pub(super) unknown_relationships: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Resource<'a> {
    fn empty(raw: &'a str) -> Self {
        Self {
            raw,
            list: None,
            is_object: false,
            kind: None,
            id: None,
            attributes: [const { Slot::Absent }; ATTRIBUTES.len()],
            relationships: [const { Slot::Absent }; RELATIONSHIPS.len()],
            unknown_attributes: Vec::new(),
            unknown_relationships: Vec::new(),
        }
    }
}

/// Calls back for each session of a JSON value: of a page, of a list of resources, or of one resource.
///
/// # Errors
/// A syntax error; nothing has been called back then.
pub(super) fn each_of_value<'a>(
    text: &'a str,
    names: &mut Names,
    mut each: impl FnMut(Resource<'a>),
) -> Result<(), serde_json::Error> {
    let raw = serde_json::from_str::<&RawValue>(text)?.get();
    let found = if raw.starts_with('[') { None } else { Some(resource(raw, names)) };
    let list = found.as_ref().map_or(Some(raw), |found| found.list);
    match (list, found) {
        (Some(list), _) => {
            let elements: Vec<&RawValue> = serde_json::from_str(list)?;
            elements.into_iter().for_each(|element| each(resource(element.get(), names)));
        }
        (None, found) => found.into_iter().for_each(each),
    }
    Ok(())
}

/// Reads one resource, or whatever stands in its place. `raw` is the text of one JSON value: its syntax has been
/// checked.
pub(super) fn resource<'a>(raw: &'a str, names: &mut Names) -> Resource<'a> {
    let mut resource = Resource::empty(raw);
    if serde_json::Deserializer::from_str(raw).deserialize_map(Straight(&mut resource, names)).is_err() {
        resource = Resource::empty(raw);
        resource.read_piecewise(names);
    }
    resource
}

impl<'a> Resource<'a> {
    /// Goes over the text once more, value by value: something in it is not of its documented type, and that is no
    /// reason to lose the rest.
    fn read_piecewise(&mut self, names: &mut Names) {
        self.is_object = each_member(self.raw, |name, value| match &*name {
            "attributes" => {
                let mut position = 0;
                each_member(value, |name, raw| self.attribute(names, &mut position, name, raw));
            }
            "relationships" => _ = each_member(value, |name, raw| self.relationship(name, raw)),
            _ => self.member(&name, value),
        });
    }

    fn member(&mut self, name: &str, raw: &'a str) {
        match name {
            "id" => self.id = text(raw),
            "type" => self.kind = text(raw),
            "data" if raw.starts_with('[') => self.list = Some(raw),
            _ => {}
        }
    }

    fn attribute(&mut self, names: &mut Names, position: &mut usize, name: Cow<'a, str>, raw: &'a str) {
        match names.attribute(*position, &name) {
            Some(place) => self.attributes[place] = Slot::read(raw, ATTRIBUTES[place].kind),
            None => self.unknown_attributes.push((name, raw)),
        }
        *position += 1;
    }

    fn relationship(&mut self, name: Cow<'a, str>, raw: &'a str) {
        match RELATIONSHIPS.iter().position(|(relationship, _)| *relationship == name) {
            Some(place) => self.relationships[place] = related_id(raw),
            None => self.unknown_relationships.push((name, raw)),
        }
    }
}

/// Reads a resource in one go. Fails where a value that should be an object is none.
struct Straight<'r, 'n, 'a>(&'r mut Resource<'a>, &'n mut Names);

impl<'de: 'a, 'a> Visitor<'de> for Straight<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self(resource, names) = self;
        resource.is_object = true;
        while let Some(name) = members.next_key::<&RawValue>()?.map(name_of) {
            match &*name {
                "attributes" => {
                    let mut position = 0;
                    members.next_value_seed(Members(|name, raw| {
                        resource.attribute(names, &mut position, name, raw);
                    }))?;
                }
                "relationships" => {
                    members.next_value_seed(Members(|name, raw| resource.relationship(name, raw)))?;
                }
                _ => resource.member(&name, members.next_value::<&RawValue>()?.get()),
            }
        }
        Ok(())
    }
}

/// Calls back with each member of an object. Any other value is passed over unread, and false comes back: a number
/// beyond all bounds or a lone surrogate is no error.
fn each_member<'a>(raw: &'a str, each: impl FnMut(Cow<'a, str>, &'a str)) -> bool {
    raw.starts_with('{') && serde_json::Deserializer::from_str(raw).deserialize_map(Members(each)).is_ok()
}

/// The members of an object, each handed to a function.
struct Members<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, &'de str)> DeserializeSeed<'de> for Members<F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Cow<'de, str>, &'de str)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some((name, value)) = members.next_entry::<&RawValue, &RawValue>()? {
            (self.0)(name_of(name), value.get());
        }
        Ok(())
    }
}

/// A member's name. One that is no valid text (a lone surrogate) stands as it came: nobody's known name.
fn name_of(raw: &RawValue) -> Cow<'_, str> {
    text(raw.get()).unwrap_or(Cow::Borrowed(raw.get()))
}

/// The id in `{"data": {"type": …, "id": …}}`; null where `data` is null.
fn related_id(raw: &str) -> Slot<'_> {
    #[derive(Deserialize)]
    struct Relationship<'a> {
        #[serde(borrow)]
        data: Option<Related<'a>>,
    }
    #[derive(Deserialize)]
    struct Related<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    match serde_json::from_str::<Option<Relationship<'_>>>(raw) {
        Ok(Some(Relationship { data: Some(related) })) => match Slot::read(related.id.get(), Kind::Text) {
            Slot::Wrong(_) => Slot::Wrong(raw),
            id => id,
        },
        Ok(_) => Slot::Null,
        Err(_) => Slot::Wrong(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_wrong_type_are_kept_as_they_came() {
        assert_eq!(Slot::read("\"yes\"", Kind::Boolean), Slot::Wrong("\"yes\""));
        assert_eq!(Slot::read("1", Kind::Boolean), Slot::Wrong("1"));
        assert_eq!(Slot::read("\"37.7\"", Kind::Number), Slot::Wrong("\"37.7\""));
        assert_eq!(Slot::read("1e999", Kind::Number), Slot::Wrong("1e999"));
        assert_eq!(Slot::read("[1]", Kind::Text), Slot::Wrong("[1]"));
        assert_eq!(Slot::read("\"\\ud800\"", Kind::Text), Slot::Wrong("\"\\ud800\""));
    }

    #[test]
    fn integers_are_numbers_and_escapes_are_resolved() {
        assert_eq!(Slot::read("-122", Kind::Number), Slot::Number(-122.0));
        assert_eq!(Slot::read("\"a\\u00e9\\\"b\"", Kind::Text), Slot::Text("aé\"b".into()));
        assert_eq!(Slot::read("\"\"", Kind::Text), Slot::Text("".into()));
    }

    #[test]
    fn a_moment_needs_a_zone_and_is_cut_to_the_millisecond() {
        fn read(text: &str) -> Slot<'_> {
            Slot::read(text, Kind::Moment)
        }
        assert_eq!(read("\"2026-11-20T08:57:30.145Z\""), Slot::Moment(1_795_165_050_145));
        assert_eq!(read("\"2026-11-20T10:57:30.145999+02:00\""), Slot::Moment(1_795_165_050_145));
        assert!(matches!(read("\"2026-11-20T08:57:30.145\""), Slot::Wrong(_)));
        assert!(matches!(read("1795165050145"), Slot::Wrong(_)));
    }

    #[test]
    fn a_relationship_without_data_is_null_and_one_of_another_shape_is_wrong() {
        assert_eq!(related_id(r#"{"data":{"type":"device","id":"dev_1"}}"#), Slot::Text("dev_1".into()));
        assert_eq!(related_id(r#"{"data":null}"#), Slot::Null);
        assert_eq!(related_id("null"), Slot::Null);
        for raw in [r#"{"data":[]}"#, r#"{"data":{"id":7}}"#, "[]"] {
            assert_eq!(related_id(raw), Slot::Wrong(raw));
        }
    }
}
