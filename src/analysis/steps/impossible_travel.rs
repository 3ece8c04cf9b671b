//! Hops between places that nobody makes in the time between: of sessions of one device or inquiry that follow each
//! other, those whose distance, less what the places may be wrong by, is too far for the time.

use std::cmp::Reverse;
use std::collections::HashSet;

use jiff::Timestamp;

use super::globe::{Place, kilometres, place};
use super::{Call, Outcome, Setting, Step, StepError, owned, table_of};
use crate::analysis::table::{Type, Value};

pub(super) const STEP: Step = Step {
    name: "impossible_travel",
    does: "The hops between successive sessions of one entity that are too far apart for the time between them.",
    columns: &[
        ("device_id", Type::Text),
        ("inquiry_id", Type::Text),
        ("session_id", Type::Text),
        ("created_at", Type::Timestamp),
        ("country_code", Type::Text),
        ("latitude", Type::Number),
        ("longitude", Type::Number),
    ],
    parameters: &[
        Setting {
            name: "allowance_km",
            default: 100,
            range: (0, 5000),
            text: "kilometres that the places of two addresses may be wrong by",
        },
        Setting {
            name: "max_kmh",
            default: 1000,
            range: (1, 100_000),
            text: "kilometres an hour that can be travelled; what is faster is shown",
        },
    ],
    run,
};

const DEVICE_ID: usize = 0;
const INQUIRY_ID: usize = 1;
const SESSION_ID: usize = 2;
const CREATED_AT: usize = 3;
const COUNTRY_CODE: usize = 4;
const LATITUDE: usize = 5;
const LONGITUDE: usize = 6;
const ALLOWANCE_KM: usize = 0;
const MAX_KMH: usize = 1;

const GIVEN: [(&str, Type); 11] = [
    ("kind", Type::Text),
    ("id", Type::Text),
    ("from_session", Type::Text),
    ("to_session", Type::Text),
    ("from_at", Type::Timestamp),
    ("to_at", Type::Timestamp),
    ("from_country", Type::Text),
    ("to_country", Type::Text),
    ("km", Type::Number),
    ("minutes", Type::Number),
    ("kmh", Type::Number),
];

/// A session of an entity, at a place. Ordered as an entity's sessions follow each other: by moment, then id.
struct Stop<'a> {
    kind: &'a str,
    id: &'a str,
    at: Timestamp,
    session: &'a str,
    country: Option<&'a str>,
    place: Place,
}

impl Stop<'_> {
    fn order(&self) -> (&str, &str, Timestamp, &str) {
        (self.kind, self.id, self.at, self.session)
    }
}

struct Hop<'a> {
    from: &'a Stop<'a>,
    to: &'a Stop<'a>,
    km: f64,
    /// Between the sessions.
    milliseconds: i64,
    /// None without time between.
    kmh: Option<f64>,
}

fn run(call: &Call<'_>) -> Result<Outcome, StepError> {
    let stops = call.rows().filter_map(|row| stop(call, row).transpose()).collect::<Result<Vec<_>, _>>();
    let mut stops = stops?;
    stops.sort_by(|a, b| a.order().cmp(&b.order()));
    let (allowance, fastest) = (call.setting(ALLOWANCE_KM) as f64, call.setting(MAX_KMH) as f64);
    let hops = stops.windows(2).filter_map(|pair| match pair {
        [from, to] if (from.kind, from.id) == (to.kind, to.id) => hop(from, to, allowance, fastest),
        _ => None,
    });
    // What several entities have is the first one's.
    let mut told = HashSet::new();
    let mut hops: Vec<Hop<'_>> = hops.filter(|hop| told.insert((hop.from.session, hop.to.session))).collect();
    // To the metre: what is as far by its definition may differ in the last bits.
    hops.sort_by_key(|hop| (Reverse((hop.km * 1000.0).round() as i64), hop.from.order(), hop.to.order()));
    let mut table = table_of(&GIVEN);
    for Hop { from, to, km, milliseconds, kmh } in hops {
        table.rows.push(vec![
            Value::Text(from.kind.to_owned()),
            Value::Text(from.id.to_owned()),
            Value::Text(from.session.to_owned()),
            Value::Text(to.session.to_owned()),
            Value::Timestamp(from.at),
            Value::Timestamp(to.at),
            owned(from.country),
            owned(to.country),
            Value::Number(km),
            Value::Number(milliseconds as f64 / 60_000.0),
            kmh.into(),
        ]);
    }
    Ok(table.into())
}

/// A row as a stop; none where the entity, the session or the place is not known.
fn stop<'a>(call: &'a Call<'_>, row: usize) -> Result<Option<Stop<'a>>, StepError> {
    let at = call.moment(row, CREATED_AT)?;
    let text = |column: usize| call.text(row, column);
    let degrees = |column: usize| call.number(row, column);
    let place = degrees(LATITUDE).zip(degrees(LONGITUDE)).and_then(|(north, east)| place(north, east));
    let device = text(DEVICE_ID).map(|id| ("device", id));
    let entity = device.or_else(|| text(INQUIRY_ID).map(|id| ("inquiry", id)));
    let (Some((kind, id)), Some(session), Some(place)) = (entity, text(SESSION_ID), place) else {
        return Ok(None);
    };
    Ok(Some(Stop { kind, id, at, session, country: text(COUNTRY_CODE), place }))
}

/// The hop, if it is impossible.
fn hop<'a>(from: &'a Stop<'a>, to: &'a Stop<'a>, allowance: f64, fastest: f64) -> Option<Hop<'a>> {
    let km = kilometres(from.place, to.place);
    let milliseconds = to.at.as_millisecond() - from.at.as_millisecond();
    let beyond = km - allowance;
    let kmh = (milliseconds > 0).then(|| beyond / (milliseconds as f64 / 3_600_000.0));
    let impossible = beyond > 0.0 && kmh.is_none_or(|kmh| kmh > fastest);
    impossible.then_some(Hop { from, to, km, milliseconds, kmh })
}

#[cfg(test)]
mod tests {
    use super::super::globe::EARTH_RADIUS_KM;
    use super::super::tests::{moment, ran, text};
    use super::*;

    const DEGREE_KM: f64 = EARTH_RADIUS_KM * std::f64::consts::PI / 180.0;

    /// A session on the equator.
    fn session(kind: &str, id: &str, session: &str, at: &str, longitude: f64) -> Vec<Value> {
        let at = moment(&format!("2026-11-20T{at}Z"));
        let [device, inquiry] =
            ["device", "inquiry"].map(|of| if of == kind { text(id) } else { Value::Null });
        vec![device, inquiry, text(session), at, text("DE"), Value::Number(0.0), Value::Number(longitude)]
    }

    /// The sessions of each hop.
    fn hops(rows: Vec<Vec<Value>>, values: &[(&str, i64)]) -> Vec<[String; 2]> {
        let name =
            |value: &Value| if let Value::Text(text) = value { text.clone() } else { format!("{value:?}") };
        ran("impossible_travel", rows, values).iter().map(|row| [name(&row[2]), name(&row[3])]).collect()
    }

    #[test]
    fn a_hop_counts_from_the_allowance_on_and_over_the_time_between() {
        let rows = vec![
            session("device", "dev_a", "1", "10:00:00", 0.0),
            session("device", "dev_a", "2", "11:00:00", 10.0),
            // Back as far, in a minute more: 1,012 km less the allowance in 61 minutes are under 1,000 km/h.
            session("device", "dev_a", "3", "12:01:00", 0.0),
            session("device", "dev_b", "4", "12:01:00", 90.0),
        ];
        let given = ran("impossible_travel", rows.clone(), &[]);
        assert_eq!(given.len(), 1);
        assert_eq!(given[0][..4], [text("device"), text("dev_a"), text("1"), text("2")]);
        let figures: Vec<f64> = given[0][8..].iter().filter_map(Value::as_number).collect();
        let km = 10.0 * DEGREE_KM;
        for (figure, expected) in figures.iter().zip([km, 60.0, km - 100.0]) {
            assert!((figure - expected).abs() < 1e-9 * expected, "{figure}, not {expected}");
        }
        assert_eq!(hops(rows.clone(), &[("max_kmh", 1012)]).len(), 0);
        assert_eq!(hops(rows.clone(), &[("allowance_km", 112)]).len(), 0);
        assert_eq!(hops(rows, &[("allowance_km", 0)]).len(), 2);
    }

    #[test]
    fn without_time_between_any_distance_over_the_allowance_is_too_far_and_has_no_speed() {
        let rows = |degrees: f64| {
            vec![
                session("device", "dev_a", "2", "10:00:00", degrees),
                session("device", "dev_a", "1", "10:00:00", 0.0),
                session("device", "dev_a", "3", "10:00:00", degrees),
            ]
        };
        let given = ran("impossible_travel", rows(1.0), &[]);
        // In the order of their ids: 1, 2, 3.
        assert_eq!((given.len(), &given[0][2..4]), (1, &[text("1"), text("2")][..]));
        assert_eq!(given[0][9..], [Value::Number(0.0), Value::Null]);
        assert!(ran("impossible_travel", rows(0.89), &[]).is_empty());
        assert!(ran("impossible_travel", rows(0.0), &[("allowance_km", 0)]).is_empty());
    }

    #[test]
    fn the_date_line_is_no_distance_and_what_is_not_known_is_no_stop() {
        let mut rows = vec![
            session("device", "dev_a", "1", "10:00:00", 179.9),
            session("device", "dev_a", "2", "10:00:01", 90.0),
            session("device", "dev_a", "3", "10:00:02", -179.9),
        ];
        rows[1][6] = Value::Null;
        assert_eq!(hops(rows.clone(), &[]).len(), 0);
        rows[1][6] = Value::Number(181.0);
        assert_eq!(hops(rows.clone(), &[]).len(), 0);
        rows[1][6] = Value::Number(90.0);
        assert_eq!(hops(rows.clone(), &[]).len(), 2);
        for column in [DEVICE_ID, SESSION_ID] {
            let mut without = rows.clone();
            without[1][column] = Value::Null;
            assert_eq!(hops(without, &[]).len(), 0, "{column}");
        }
    }

    #[test]
    fn a_hop_of_two_entities_is_told_once_as_the_devices_and_the_farthest_first() {
        let rows = vec![
            session("inquiry", "inq_a", "1", "10:00:00", 0.0),
            session("inquiry", "inq_a", "2", "10:00:01", 20.0),
            session("inquiry", "inq_a", "3", "10:00:02", 50.0),
            session("device", "dev_a", "1", "10:00:00", 0.0),
            session("device", "dev_a", "2", "10:00:01", 20.0),
            // Of another inquiry, between the second and the third.
            session("device", "dev_a", "9", "10:00:01", 20.0),
            session("device", "dev_a", "3", "10:00:02", 50.0),
        ];
        let given = ran("impossible_travel", rows, &[]);
        let told: Vec<[&Value; 3]> = given.iter().map(|row| [&row[0], &row[2], &row[3]]).collect();
        let (device, inquiry) = (text("device"), text("inquiry"));
        let ids = ["1", "2", "3", "9"].map(text);
        assert_eq!(
            told,
            [[&device, &ids[3], &ids[2]], [&inquiry, &ids[1], &ids[2]], [&device, &ids[0], &ids[1]]]
        );
    }

    #[test]
    fn the_order_of_the_rows_does_not_matter() {
        let mut random = fastrand::Rng::with_seed(11);
        let mut any = |nth: usize| {
            let (entity, second) = (random.u8(..6), random.u8(..60));
            let at = format!("10:{:02}:{second:02}", random.u8(..3));
            let kind = ["device", "inquiry"][random.usize(..2)];
            session(kind, &entity.to_string(), &nth.to_string(), &at, random.f64() * 360.0 - 180.0)
        };
        let mut rows: Vec<Vec<Value>> = (0..150).map(&mut any).collect();
        let first = ran("impossible_travel", rows.clone(), &[]);
        assert!(first.len() > 100);
        fastrand::Rng::with_seed(12).shuffle(&mut rows);
        assert_eq!(ran("impossible_travel", rows, &[]), first);
    }
}
