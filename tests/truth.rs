//! What a lake should hold, made from what the sandbox lists, without the program's own decoder.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use session_risk::sandbox::Sandbox;
use session_risk::session::schema::{ATTRIBUTES, Attribute, Kind, RELATIONSHIPS};

use crate::lake_files::{LakeFiles, Row};

/// Every session that the API would list at this moment, as a row without `fetched_at`.
pub(crate) fn truth(api: &Sandbox) -> BTreeMap<String, Row> {
    let listed = api.listed();
    let sessions = listed.len();
    let rows: BTreeMap<String, Row> =
        listed.iter().map(|session| of_session(session, api.environment())).collect();
    assert_eq!(rows.len(), sessions, "the API lists a session twice");
    rows
}

/// What a lake holds, to be compared with the truth: without `fetched_at`, and `extra` as what it says.
pub(crate) fn held(lake: &LakeFiles) -> BTreeMap<String, Row> {
    let mut rows = lake.without_fetched_at();
    rows.values_mut().for_each(say_extra);
    rows
}

/// Puts what `extra` says in the place of its text: how JSON is written makes no difference.
pub(crate) fn say_extra(row: &mut Row) {
    let extra = &mut row["extra"];
    if let Some(text) = extra.as_str() {
        *extra = serde_json::from_str(text).unwrap();
    }
}

/// A session as the API lists it, as its id and its row.
pub(crate) fn of_session(listed: &str, environment: &str) -> (String, Row) {
    let row = row(&serde_json::from_str(listed).unwrap(), environment);
    (row["session_id"].as_str().unwrap().to_owned(), row)
}

/// The row of a session: known attributes of the right type in their columns, everything else in `extra`.
fn row(session: &Value, environment: &str) -> Row {
    let mut row = Row::new();
    let (mut odd_attributes, mut odd_relationships) = (Map::new(), Map::new());
    row.insert("environment_id".to_owned(), json!(environment));
    row.insert("session_id".to_owned(), session["id"].clone());
    let attributes = snake(&session["attributes"]);
    for Attribute { column, kind } in ATTRIBUTES {
        let said = attributes.get(column).cloned().unwrap_or_default();
        let value = understood(&said, kind);
        if value.is_null() && !said.is_null() {
            odd_attributes.insert(column.to_owned(), said);
        }
        row.insert(column.to_owned(), value);
    }
    let is_known = |name: &str| ATTRIBUTES.iter().any(|attribute| attribute.column == name);
    odd_attributes.extend(attributes.into_iter().filter(|(name, _)| !is_known(name)));
    let relationships = snake(&session["relationships"]);
    for (name, column) in RELATIONSHIPS {
        let id = relationships.get(name).map_or(Value::Null, |related| related["data"]["id"].clone());
        row.insert(column.to_owned(), id);
    }
    let is_known = |name: &str| RELATIONSHIPS.iter().any(|(known, _)| *known == name);
    odd_relationships.extend(relationships.into_iter().filter(|(name, _)| !is_known(name)));
    let odd = [("attributes", odd_attributes), ("relationships", odd_relationships)];
    let extra: Map<String, Value> = odd
        .into_iter()
        .filter(|(_, odd)| !odd.is_empty())
        .map(|(name, odd)| (name.to_owned(), Value::Object(odd)))
        .collect();
    row.insert("extra".to_owned(), if extra.is_empty() { Value::Null } else { Value::Object(extra) });
    row
}

fn snake(members: &Value) -> Map<String, Value> {
    let members = members.as_object().unwrap();
    members.iter().map(|(name, value)| (name.replace('-', "_"), value.clone())).collect()
}

/// A value of the documented type, as a lake's column shows it; null for any other.
fn understood(said: &Value, kind: Kind) -> Value {
    match (kind, said) {
        (Kind::Text, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => said.clone(),
        (Kind::Number, Value::Number(number)) => json!(number.as_f64()),
        (Kind::Moment, Value::String(text)) => text
            .parse::<Timestamp>()
            .map_or(Value::Null, |moment| json!(moment.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())),
        _ => Value::Null,
    }
}
