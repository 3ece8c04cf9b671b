//! One JSON:API resource, read into borrowed values without a JSON tree.
//!
//! Owns what a JSON value is taken for; must not know Arrow.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
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

/// Calls back for each element of a page's `data`, in order; elements before an error have been called back.
///
/// # Errors
/// A syntax error, or a page that is not an object with a list `data`.
pub(super) fn each_of_page<'a>(
    body: &'a str,
    names: &mut Names,
    mut each: impl FnMut(Resource<'a>),
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(body);
    json.deserialize_map(Page(|element: &'a RawValue| each(resource(element.get(), names))))?;
    json.end()
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
    if raw.starts_with('[') {
        return each_element(raw, |element| each(resource(element, names)));
    }
    let found = resource(raw, names);
    match found.list {
        Some(list) => each_element(list, |element| each(resource(element, names))),
        None => {
            each(found);
            Ok(())
        }
    }
}

fn each_element<'a>(list: &'a str, mut each: impl FnMut(&'a str)) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(list);
    json.deserialize_seq(List(&mut |element: &'a RawValue| each(element.get())))
}

/// A page: an object whose `data` is a list.
struct Page<F>(F);

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Page<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of sessions")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<&RawValue>()?.map(name_of) {
            if name == "data" {
                members.next_value_seed(List(&mut self.0))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct List<'f, F>(&'f mut F);

impl<'de, F: FnMut(&'de RawValue)> DeserializeSeed<'de> for List<'_, F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for List<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of sessions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&RawValue>()? {
            (self.0)(element);
        }
        Ok(())
    }
}

fn resource<'a>(raw: &'a str, names: &mut Names) -> Resource<'a> {
    let mut resource = Resource::empty(raw);
    resource.is_object = each_member(raw, |name, value| match &*name {
        "data" if value.starts_with('[') => resource.list = Some(value),
        "id" => resource.id = text(value),
        "type" => resource.kind = text(value),
        "attributes" => {
            let mut position = 0;
            each_member(value, |name, raw| {
                match names.attribute(position, &name) {
                    Some(place) => resource.attributes[place] = Slot::read(raw, ATTRIBUTES[place].kind),
                    None => resource.unknown_attributes.push((name, raw)),
                }
                position += 1;
            });
        }
        "relationships" => {
            each_member(value, |name, raw| {
                match RELATIONSHIPS.iter().position(|(relationship, _)| *relationship == name) {
                    Some(place) => resource.relationships[place] = related_id(raw),
                    None => resource.unknown_relationships.push((name, raw)),
                }
            });
        }
        _ => {}
    });
    resource
}

/// Calls back with each member of an object. Any other value is passed over unread, and false comes back: a wrong
/// type, a number beyond all bounds or a lone surrogate in one resource is no reason to lose the others of its page.
///
/// `raw` is the text of a [`RawValue`]: its syntax has been checked.
fn each_member<'a>(raw: &'a str, each: impl FnMut(Cow<'a, str>, &'a str)) -> bool {
    raw.starts_with('{') && serde_json::Deserializer::from_str(raw).deserialize_map(Members(each)).is_ok()
}

struct Members<F>(F);

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
        Ok(Some(Relationship { data: Some(related) })) => Slot::read(related.id.get(), Kind::Text),
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
        assert!(matches!(related_id(r#"{"data":[]}"#), Slot::Wrong(_)));
    }
}
