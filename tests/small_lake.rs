//! Small lakes: rows given as JSON objects, written as day files in the lake's layout and schema.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::DataType;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use session_risk::analysis::trusted::Trusted;
use session_risk::analysis::{Before, DayFile, Scope};
use session_risk::range::{DayRange, utc_date};
use session_risk::session::schema::schema;
use tempfile::TempDir;

use crate::user_agents::odd_agent;

/// Day files in a folder that is gone when this is.
pub(crate) struct SmallLake {
    pub(crate) folder: TempDir,
    pub(crate) files: Vec<DayFile>,
}

impl SmallLake {
    /// Writes each row into the file of its `created_at`'s day; a missing id is made up.
    pub(crate) fn new(rows: impl IntoIterator<Item = Value>) -> Self {
        let folder = TempDir::new().unwrap();
        let mut days: BTreeMap<Date, Vec<Value>> = BTreeMap::new();
        for (number, mut row) in rows.into_iter().enumerate() {
            let fields = row.as_object_mut().unwrap();
            fields.entry("session_id").or_insert_with(|| json!(format!("iqse_{number}")));
            fields.entry("fetched_at").or_insert_with(|| json!("2026-11-23T00:00:00Z"));
            fields.entry("created_at").or_insert_with(|| json!("2026-11-20T12:00:00Z"));
            let created: Timestamp = fields["created_at"].as_str().unwrap().parse().unwrap();
            days.entry(utc_date(created)).or_default().push(row);
        }
        let files = days.into_iter().map(|(date, rows)| {
            let path = folder.path().join(format!("sessions/created_date={date}/sessions.parquet"));
            write(&path, &rows);
            DayFile { date, path }
        });
        let files = files.collect();
        Self { folder, files }
    }

    /// What a report over the range of the tests reads: nothing is missing.
    pub(crate) fn scope(&self) -> Scope {
        scope(range(), &self.files)
    }

    /// What the comparison with all of it reads: the four weeks before those, perhaps without a day of them.
    pub(crate) fn scope_before(&self, missing: Option<&str>) -> Scope {
        let range = DayRange::ending("2026-10-23".parse().unwrap(), 28);
        let missing: Vec<Date> = missing.iter().map(|day| day.parse().unwrap()).collect();
        let mut files = self.files.clone();
        files.retain(|file| !missing.contains(&file.date));
        Scope { files, complete: missing.is_empty(), missing, ..scope(range, &[]) }
    }
}

/// What a report over a range reads of these files: those of earlier days lie before it, and nothing is missing.
pub(crate) fn scope(range: DayRange, files: &[DayFile]) -> Scope {
    let (before, files) = files.iter().cloned().partition(|file| file.date < range.since());
    Scope {
        range,
        files,
        before: Before { files: before, missing: Vec::new() },
        missing: Vec::new(),
        newest: Some("2026-11-20T23:58:04Z".parse().unwrap()),
        complete: true,
        trusted: Trusted::default(),
        notes: Vec::new(),
    }
}

/// The range of the tests.
pub(crate) fn range() -> DayRange {
    DayRange::ending("2026-11-20".parse().unwrap(), 28)
}

/// Writes rows as one Parquet file of the lake's schema.
pub(crate) fn write(path: &Path, rows: &[Value]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let schema = schema();
    let columns = schema.fields().iter().map(|field| column(field.data_type(), field.name(), rows));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
    // As the lake writes them.
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn column(data_type: &DataType, name: &str, rows: &[Value]) -> ArrayRef {
    let cells = rows.iter().map(|row| &row[name]);
    match data_type {
        DataType::Utf8 => Arc::new(cells.map(Value::as_str).collect::<StringArray>()),
        DataType::Boolean => Arc::new(cells.map(Value::as_bool).collect::<BooleanArray>()),
        DataType::Float64 => Arc::new(cells.map(Value::as_f64).collect::<Float64Array>()),
        _ => {
            let moments =
                cells.map(|cell| Some(cell.as_str()?.parse::<Timestamp>().unwrap().as_millisecond()));
            Arc::new(moments.collect::<TimestampMillisecondArray>().with_timezone("UTC"))
        }
    }
}

/// Rows that look like a customer's: mostly ordinary, nulls everywhere, odd values here and there.
pub(crate) fn odd_rows(seed: u64, count: usize) -> Vec<Value> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut more = fastrand::Rng::with_seed(!seed);
    let row = |_| {
        let mut row = odd_row(&mut random);
        row.as_object_mut().unwrap().extend(odd_links(&mut more));
        row
    };
    (0..count).map(row).collect()
}

/// Odd rows that also say something in the columns that the rest of the queries read, and of which some are older: on
/// days of the range, before it, and before what any query looks back to.
pub(crate) fn full_rows(seed: u64, count: usize) -> Vec<Value> {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(3));
    let mut agents = fastrand::Rng::with_seed(seed.wrapping_mul(5));
    let mut rows = odd_rows(seed, count);
    for row in &mut rows {
        row["user_agent"] = odd_agent(&mut agents);
        row.as_object_mut().unwrap().extend(odd_network(&mut random));
        // One country is new.
        if random.u8(..4) == 0 && row["country_code"] != json!("CI") {
            let back = [24, 26, 28, 40, 54, 55, 60][random.usize(..7)];
            let moment: Timestamp = row["created_at"].as_str().unwrap().parse().unwrap();
            row["created_at"] = json!((moment - SignedDuration::from_hours(24 * back)).to_string());
        }
    }
    rows
}

/// Where a row comes from, and how its person changed devices.
fn odd_network(random: &mut fastrand::Rng) -> serde_json::Map<String, Value> {
    let anywhere = json!(random.f64() * 360.0 - 180.0);
    let mut pick = |values: &[Value]| values[random.usize(..values.len())].clone();
    let kinds = ["mobile", "residential", "datacenter", "", "Mobile"].map(Value::from);
    let providers = [json!("Net A"), json!("Net A"), json!("Net 'B'"), json!(""), Value::Null];
    let organisations = [json!("Net A"), json!("<b>Fleet</b>"), json!(""), Value::Null];
    let methods = [json!("qr"), json!("sms"), json!(""), Value::Null, Value::Null, Value::Null];
    // The ends of the world, the borders of its zones, and what is no place.
    let odd = [0.0, -0.0, 7.5, -7.5, 172.5, 180.0, -180.0, 180.1, -1e300].map(Value::from);
    let longitudes = [pick(&odd), anywhere.clone(), anywhere, Value::Null];
    let network = json!({
        "ip_connection_type": pick(&kinds),
        "ip_isp": pick(&providers),
        "network_organization": pick(&organisations),
        "device_handoff_method": pick(&methods),
        "longitude": pick(&longitudes),
    });
    network.as_object().unwrap().clone()
}

/// What ties a row to others, and what became of it.
fn odd_links(random: &mut fastrand::Rng) -> serde_json::Map<String, Value> {
    const STATUSES: [&str; 6] = ["new", "active", "expired", "expired", "expired", "EXPIRED"];
    let or_null = |null: bool, value: String| if null { Value::Null } else { json!(value) };
    let mut null = |rate: f64| random.f64() < rate;
    let nulls = [null(0.1), null(0.2), null(0.3), null(0.5)];
    let address = match random.u32(..120) {
        0 => String::new(),
        1 => "203.0.113.7\u{1b}[2J".to_owned(),
        nth if nth % 3 == 0 => format!("2001:db8::{nth:x}"),
        nth => format!("192.0.2.{nth}"),
    };
    let started = format!("2026-11-20T{:02}:30:00.5Z", random.u32(..24));
    let links = json!({
        "ip_address": or_null(nulls[0], address),
        "device_id": or_null(nulls[1], format!("dev_{}", random.u32(..150))),
        "started_at": or_null(nulls[2], started),
        "status": STATUSES[random.usize(..STATUSES.len())],
        "region_code": or_null(nulls[3], "BY".to_owned()),
        "gps_latitude": random.f64() * 180.0 - 90.0,
    });
    links.as_object().unwrap().clone()
}

fn odd_row(random: &mut fastrand::Rng) -> Value {
    const COUNTRIES: [(&str, &str); 12] = [
        ("US", "United States"),
        ("US", "United States of America"),
        ("DE", "Germany"),
        ("BR", "Brazil"),
        ("NG", "Nigeria"),
        ("JP", "日本"),
        ("EG", "مصر"),
        ("us", "lower case"),
        ("", ""),
        ("'; DROP TABLE sessions; --", "it's"),
        ("\u{1b}[2J", "\u{202e}evil"),
        ("CI", "Côte d'Ivoire"),
    ];
    const LEVELS: [&str; 8] = ["low", "low", "low", "medium", "high", "high", "unknown", "HIGH"];
    const DEVICES: [&str; 6] = ["desktop", "smartphone", "tablet", "", "smart display", "DESKTOP"];
    const SYSTEMS: [&str; 6] = ["iOS", "Android", "Mac", "Windows", "GNU/Linux", "<b>Mac</b>"];
    // Popular values come first; the square makes the rest rare.
    let pick = |random: &mut fastrand::Rng, of: usize| (random.f64() * random.f64() * of as f64) as usize;
    let flag = |random: &mut fastrand::Rng, rate: f64| match random.f64() {
        null if null < 0.15 => Value::Null,
        _ => json!(random.f64() < rate),
    };
    let text = |random: &mut fastrand::Rng, value: &str| match random.f64() {
        null if null < 0.08 => Value::Null,
        _ => json!(value),
    };
    let (code, name) = COUNTRIES[pick(random, COUNTRIES.len())];
    let level = LEVELS[random.usize(..LEVELS.len())];
    let device = DEVICES[pick(random, DEVICES.len())];
    let system = SYSTEMS[pick(random, SYSTEMS.len())];
    let moment =
        Timestamp::from_millisecond(1_763_424_000_000 + 31_536_000_000 + random.i64(0..3 * 86_400_000));
    json!({
        "created_at": moment.unwrap().to_string(),
        "inquiry_id": format!("inq_{}", random.u32(..400)),
        "is_vpn": flag(random, 0.08),
        "is_tor": flag(random, 0.03),
        "is_proxy": flag(random, 0.06),
        "is_datacenter": flag(random, 0.04),
        "threat_level": text(random, level),
        "country_code": text(random, code),
        "country_name": text(random, name),
        "device_type": text(random, device),
        "os_name": text(random, system),
        "latitude": random.f64() * 180.0 - 90.0,
    })
}
