//! Names and types of every column of a day file.
//!
//! The attributes are those of Persona's OpenAPI description (`components/schemas/inquiry-session.yaml`), with
//! `gps-country-code` of the changelog of 2026-09-29 and the deprecated `browser-fingerprint` of API versions
//! before 2021-08-18. Their order is the order of the columns.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The version of the columns below; it stands in every Parquet footer. Raised when a column is added.
pub const SCHEMA_VERSION: u32 = 1;

/// What a documented attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A JSON string, kept as it is.
    Text,
    /// A JSON boolean.
    Boolean,
    /// A JSON number, kept as a double.
    Number,
    /// An RFC 3339 date-time with a zone, kept as UTC milliseconds.
    Moment,
}

/// A documented attribute of a session.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    /// Its column, in snake_case.
    pub column: &'static str,
    /// What it holds.
    pub kind: Kind,
}

const fn attribute(column: &'static str, kind: Kind) -> Attribute {
    Attribute { column, kind }
}

/// Every documented attribute, in column order.
pub const ATTRIBUTES: [Attribute; 34] = [
    attribute("status", Kind::Text),
    attribute("created_at", Kind::Moment),
    attribute("started_at", Kind::Moment),
    attribute("expired_at", Kind::Moment),
    attribute("ip_address", Kind::Text),
    attribute("user_agent", Kind::Text),
    attribute("os_name", Kind::Text),
    attribute("os_full_version", Kind::Text),
    attribute("device_type", Kind::Text),
    attribute("device_name", Kind::Text),
    attribute("browser_name", Kind::Text),
    attribute("browser_full_version", Kind::Text),
    attribute("browser_fingerprint", Kind::Text),
    attribute("mobile_sdk_name", Kind::Text),
    attribute("mobile_sdk_full_version", Kind::Text),
    attribute("device_handoff_method", Kind::Text),
    attribute("is_proxy", Kind::Boolean),
    attribute("is_tor", Kind::Boolean),
    attribute("is_datacenter", Kind::Boolean),
    attribute("is_vpn", Kind::Boolean),
    attribute("threat_level", Kind::Text),
    attribute("country_code", Kind::Text),
    attribute("country_name", Kind::Text),
    attribute("region_code", Kind::Text),
    attribute("region_name", Kind::Text),
    attribute("latitude", Kind::Number),
    attribute("longitude", Kind::Number),
    attribute("gps_latitude", Kind::Number),
    attribute("gps_longitude", Kind::Number),
    attribute("gps_precision", Kind::Text),
    attribute("gps_country_code", Kind::Text),
    attribute("ip_connection_type", Kind::Text),
    attribute("ip_isp", Kind::Text),
    attribute("network_organization", Kind::Text),
];

/// Where `created_at` stands in [`ATTRIBUTES`].
pub const CREATED_AT: usize = 1;
/// Where `ip_address` stands in [`ATTRIBUTES`].
pub const IP_ADDRESS: usize = 4;
/// Where `status` stands in [`ATTRIBUTES`].
pub const STATUS: usize = 0;

/// The relationships kept as columns, in column order: relationship name, column.
pub const RELATIONSHIPS: [(&str, &str); 3] =
    [("inquiry", "inquiry_id"), ("device", "device_id"), ("network", "network_id")];

/// Where an attribute's column stands: after the environment's and the session's id and the related ids.
pub const fn place_of(attribute: usize) -> usize {
    2 + RELATIONSHIPS.len() + attribute
}

/// UTC, to the millisecond.
pub fn moment_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// The columns of every day file: `environment_id`, `session_id`, the three related ids, the attributes,
/// `fetched_at`, `extra`. Only `session_id`, `created_at` and `fetched_at` are never null.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let mut fields = vec![text("environment_id"), Field::new("session_id", DataType::Utf8, false)];
        fields.extend(RELATIONSHIPS.iter().map(|(_, column)| text(column)));
        fields.extend(ATTRIBUTES.iter().map(|attribute| {
            let data_type = match attribute.kind {
                Kind::Text => DataType::Utf8,
                Kind::Boolean => DataType::Boolean,
                Kind::Number => DataType::Float64,
                Kind::Moment => moment_type(),
            };
            Field::new(attribute.column, data_type, attribute.column != "created_at")
        }));
        fields.push(Field::new("fetched_at", moment_type(), false));
        fields.push(text("extra"));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}
