//! One JSON:API resource, read into borrowed values without a JSON tree.
//!
//! Owns what a JSON value is taken for; must not know Arrow.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Unexpected, Visitor};
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
        let mut json = serde_json::Deserializer::from_str(raw);
        Typed(kind).deserialize(&mut json).unwrap_or(Self::Wrong(raw))
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
    /// The elements of a list `data`, which makes it no resource but a page.
    list: Option<Vec<&'a RawValue>>,
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
    // Most are sound, and then their syntax is checked on the way.
    let found = match straight(text.trim_matches([' ', '\t', '\r', '\n']), names) {
        Some(found) => found,
        None => {
            let raw = serde_json::from_str::<&RawValue>(text)?.get();
            let mut found = Resource::empty(raw);
            found.list = serde_json::from_str(raw).ok();
            if found.list.is_none() {
                found.read_piecewise(names);
            }
            found
        }
    };
    match found.list {
        Some(list) => list.into_iter().for_each(|element| each(resource(element.get(), names))),
        None => each(found),
    }
    Ok(())
}

/// Reads one resource, or whatever stands in its place. `raw` is the text of one JSON value: its syntax has been
/// checked.
pub(super) fn resource<'a>(raw: &'a str, names: &mut Names) -> Resource<'a> {
    straight(raw, names).unwrap_or_else(|| {
        let mut resource = Resource::empty(raw);
        resource.read_piecewise(names);
        resource
    })
}

/// Reads one resource in one go, if it is one, its syntax is sound and each of its values is of its documented type.
fn straight<'a>(text: &'a str, names: &mut Names) -> Option<Resource<'a>> {
    let mut resource = Resource::empty(text);
    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_map(Straight(&mut resource, names)).and_then(|()| json.end());
    read.is_ok().then_some(resource)
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
            "data" => self.list = serde_json::from_str(raw).ok().or(self.list.take()),
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

/// Reads a resource in one go. Fails where a value is not what it should be.
struct Straight<'r, 'n, 'a>(&'r mut Resource<'a>, &'n mut Names);

impl<'de: 'a, 'a> Visitor<'de> for Straight<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self(resource, names) = self;
        resource.is_object = true;
        while let Some(Name(name)) = members.next_key()? {
            match &*name {
                "attributes" => members.next_value_seed(Object(Attributes(resource, names)))?,
                "relationships" => members.next_value_seed(Object(Relationships(resource)))?,
                "data" => resource.list = members.next_value::<Option<_>>()?.or(resource.list.take()),
                _ => resource.member(&name, members.next_value::<&RawValue>()?.get()),
            }
        }
        Ok(())
    }
}

/// Hands an object to its reader.
struct Object<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Object<V> {
    type Value = V::Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_map(self.0)
    }
}

/// Reads a resource's attributes.
struct Attributes<'r, 'n, 'a>(&'r mut Resource<'a>, &'n mut Names);

impl<'de: 'a, 'a> Visitor<'de> for Attributes<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self(resource, names) = self;
        let mut position = 0;
        while let Some(Name(name)) = members.next_key()? {
            match names.attribute(position, &name) {
                Some(place) => {
                    resource.attributes[place] = members.next_value_seed(Typed(ATTRIBUTES[place].kind))?;
                }
                None => {
                    let value = members.next_value::<&RawValue>()?;
                    resource.unknown_attributes.push((name, value.get()));
                }
            }
            position += 1;
        }
        Ok(())
    }
}

/// Reads a resource's relationships.
struct Relationships<'r, 'a>(&'r mut Resource<'a>);

impl<'de: 'a, 'a> Visitor<'de> for Relationships<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("relationships")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self(resource) = self;
        while let Some(Name(name)) = members.next_key()? {
            match RELATIONSHIPS.iter().position(|(relationship, _)| *relationship == name) {
                Some(place) => {
                    resource.relationships[place] = members.next_value::<Link<'_>>()?.0;
                }
                None => {
                    let value = members.next_value::<&RawValue>()?;
                    resource.unknown_relationships.push((name, value.get()));
                }
            }
        }
        Ok(())
    }
}

/// A member's name.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Typed(Kind::Text).deserialize(deserializer)? {
            Slot::Text(name) => Ok(Self(name)),
            _ => Err(D::Error::custom("a name is a text")),
        }
    }
}

/// Reads a value of a type. Fails on one of any other.
#[derive(Clone, Copy)]
struct Typed(Kind);

impl<'de> DeserializeSeed<'de> for Typed {
    type Value = Slot<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Slot<'de>, D::Error> {
        let Self(kind) = self;
        if kind != Kind::Number {
            return deserializer.deserialize_any(self);
        }
        // The parser's own numbers are not those of the text to the last bit.
        match <&RawValue>::deserialize(deserializer)?.get() {
            "null" => Ok(Slot::Null),
            raw => number(raw).map(Slot::Number).ok_or_else(|| D::Error::custom("a number is wanted")),
        }
    }
}

impl<'de> Visitor<'de> for Typed {
    type Value = Slot<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }

    fn visit_unit<E: Error>(self) -> Result<Slot<'de>, E> {
        Ok(Slot::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Slot<'de>, E> {
        match self.0 {
            Kind::Boolean => Ok(Slot::Boolean(value)),
            _ => Err(E::invalid_type(Unexpected::Bool(value), &self)),
        }
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Slot<'de>, E> {
        self.of_text(Cow::Borrowed(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Slot<'de>, E> {
        self.of_text(Cow::Owned(value.to_owned()))
    }
}

impl Typed {
    fn of_text<'de, E: Error>(self, value: Cow<'de, str>) -> Result<Slot<'de>, E> {
        let found = match self.0 {
            Kind::Text => return Ok(Slot::Text(value)),
            Kind::Moment => moment(&value).map(Slot::Moment),
            _ => None,
        };
        found.ok_or_else(|| E::custom("it is of another type"))
    }
}

/// `{"data": {"type": …, "id": …}}`.
#[derive(Deserialize)]
struct Relationship<'a> {
    #[serde(borrow)]
    data: Option<Related<'a>>,
}

#[derive(Deserialize)]
struct Related<'a> {
    #[serde(borrow)]
    id: Id<'a>,
}

/// The id that a relationship leads to; null where it leads nowhere.
struct Link<'a>(Slot<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Link<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let related = Option::<Relationship<'_>>::deserialize(deserializer)?.and_then(|found| found.data);
        Ok(Self(related.map_or(Slot::Null, |Related { id }| id.0)))
    }
}

/// An id, or null.
struct Id<'a>(Slot<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Typed(Kind::Text).deserialize(deserializer).map(Self)
    }
}

/// Calls back with each member of an object. Any other value is passed over unread, and false comes back: a number
/// beyond all bounds or a lone surrogate is no error.
fn each_member<'a>(raw: &'a str, each: impl FnMut(Cow<'a, str>, &'a str)) -> bool {
    raw.starts_with('{') && serde_json::Deserializer::from_str(raw).deserialize_map(Members(each)).is_ok()
}

/// The members of an object, each handed to a function.
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
    serde_json::from_str::<Link<'_>>(raw).map_or(Slot::Wrong(raw), |link| link.0)
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
    fn what_is_read_in_one_go_is_what_is_read_piece_by_piece() {
        let text = r#"{"type":"inquiry-session","id":"iqse_1","attributes":{"status":"a\u00e9\"b","is-vpn":true,
            "created-at":"2026-11-20T08:57:30.145Z","latitude":-122.000000000000014,"started-at":null,"new":{"a":[1]}},
            "relationships":{"device":{"data":{"type":"device","id":"dev_1"}},"inquiry":{"data":null},"new":[]}}"#;
        let mut names = Names::default();
        let in_one_go = format!("{:?}", straight(text, &mut names).unwrap());
        let mut pieces = Resource::empty(text);
        pieces.read_piecewise(&mut names);
        assert_eq!(in_one_go, format!("{pieces:?}"));
        for data in ["[]", "[1,{\"id\":\"\\ud800\"},[2]]", "null", "[1],\"data\":null"] {
            let text = text.replacen('{', &format!("{{\"data\":{data},"), 1);
            let in_one_go = straight(&text, &mut names).unwrap();
            assert_eq!(in_one_go.list.is_some(), data != "null", "{data}");
            let mut pieces = Resource::empty(&text);
            pieces.read_piecewise(&mut names);
            assert_eq!(format!("{in_one_go:?}"), format!("{pieces:?}"));
        }
        for (sound, not_so) in [
            ("true", "\"yes\""),
            ("145Z", "145"),
            ("-122", "\"-122\""),
            ("\\u00e9", "\\ud800"),
            ("\"dev_1\"", "7"),
            ("[1]", "[1"),
            ("[]}}", "[]}} 1"),
        ] {
            let text = text.replace(sound, not_so);
            assert!(straight(&text, &mut names).is_none(), "{not_so}");
        }
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
