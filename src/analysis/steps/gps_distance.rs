//! How far devices are from where their addresses say, and whether in another country, by the address's country.
//!
//! The device's place comes as a cell of a tenth of a degree, by its southern and western edge: its middle stands for
//! it, which is at most 7.9 km off, and distances with it.

use std::collections::BTreeMap;

use super::globe::{kilometres, place};
use super::quantile::nearest_rank;
use super::{Call, Outcome, Setting, Step, StepError, null_last, owned, table_of};
use crate::analysis::table::{Type, Value};

pub(super) const STEP: Step = Step {
    name: "gps_distance",
    does: "The distance between the device's place and its address's, and whether the countries are others, by country.",
    columns: &[
        ("country_code", Type::Text),
        ("gps_country_code", Type::Text),
        ("gps_latitude_tenths", Type::Integer),
        ("gps_longitude_tenths", Type::Integer),
        ("latitude", Type::Number),
        ("longitude", Type::Number),
        ("sessions", Type::Integer),
    ],
    parameters: &[
        Setting {
            name: "far_km",
            default: 200,
            range: (1, 20_000),
            text: "kilometres from the address's place from where on a device counts as far",
        },
        Setting {
            name: "min_known",
            default: 30,
            range: (1, 1_000_000),
            text: "countries with fewer devices whose place is known are ranked last",
        },
    ],
    run,
};

const COUNTRY_CODE: usize = 0;
const GPS_COUNTRY_CODE: usize = 1;
const GPS_LATITUDE_TENTHS: usize = 2;
const GPS_LONGITUDE_TENTHS: usize = 3;
const LATITUDE: usize = 4;
const LONGITUDE: usize = 5;
const SESSIONS: usize = 6;
const FAR_KM: usize = 0;
const MIN_KNOWN: usize = 1;

const GIVEN: [(&str, Type); 7] = [
    ("country_code", Type::Text),
    ("sessions", Type::Integer),
    ("gps_known", Type::Integer),
    ("median_km", Type::Number),
    ("far", Type::Integer),
    ("compared", Type::Integer),
    ("mismatched", Type::Integer),
];

/// The sessions of one country's addresses.
#[derive(Default)]
struct Country {
    sessions: i64,
    gps_known: i64,
    far: i64,
    compared: i64,
    mismatched: i64,
    /// Kilometres, and how many sessions are so far.
    distances: Vec<(f64, i64)>,
}

fn run(call: &Call<'_>) -> Result<Outcome, StepError> {
    let far = call.setting(FAR_KM) as f64;
    let mut countries: BTreeMap<Option<&str>, Country> = BTreeMap::new();
    for row in call.rows() {
        let code = call.text(row, COUNTRY_CODE);
        let country = countries.entry(code).or_default();
        let sessions = call.count(row, SESSIONS)?;
        country.sessions += sessions;
        // The empty text is nobody's country.
        let codes = [code, call.text(row, GPS_COUNTRY_CODE)].map(|code| code.filter(|code| !code.is_empty()));
        if let [Some(code), Some(gps)] = codes {
            country.compared += sessions;
            country.mismatched += if code.eq_ignore_ascii_case(gps) { 0 } else { sessions };
        }
        if let Some(km) = distance(call, row) {
            country.gps_known += sessions;
            country.far += if km >= far { sessions } else { 0 };
            country.distances.push((km, sessions));
        }
    }
    let least = call.setting(MIN_KNOWN);
    let mut countries: Vec<(Option<&str>, Country)> = countries.into_iter().collect();
    countries.sort_by(|(a, left), (b, right)| {
        let rank = |country: &Country| {
            (country.gps_known >= least, country.far, country.gps_known, country.sessions)
        };
        rank(right).cmp(&rank(left)).then_with(|| null_last(*a).cmp(&null_last(*b)))
    });
    let mut table = table_of(&GIVEN);
    for (code, mut country) in countries {
        country.distances.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        table.rows.push(vec![
            owned(code),
            Value::Integer(country.sessions),
            Value::Integer(country.gps_known),
            nearest_rank(&country.distances, 50).into(),
            Value::Integer(country.far),
            Value::Integer(country.compared),
            Value::Integer(country.mismatched),
        ]);
    }
    Ok(table.into())
}

/// Kilometres between the middle of the device's cell and the address's place, where both are known.
fn distance(call: &Call<'_>, row: usize) -> Option<f64> {
    let middle = |column: usize, most: f64| {
        let edge = call.integer(row, column)? as f64 / 10.0;
        // A cell that begins at the pole or the date line has no middle on the globe.
        Some(if edge == most { most } else { edge + 0.05 })
    };
    let degrees = |column: usize| call.number(row, column);
    let device = place(middle(GPS_LATITUDE_TENTHS, 90.0)?, middle(GPS_LONGITUDE_TENTHS, 180.0)?)?;
    Some(kilometres(device, place(degrees(LATITUDE)?, degrees(LONGITUDE)?)?))
}

#[cfg(test)]
mod tests {
    use super::super::globe::EARTH_RADIUS_KM;
    use super::super::tests::{ran, refused, text};
    use super::*;

    const DEGREE_KM: f64 = EARTH_RADIUS_KM * std::f64::consts::PI / 180.0;

    /// Sessions whose address and device lie on one meridian, the device in the cell of so many tenths.
    fn cell(country: &str, gps: Value, tenths: i64, latitude: f64, sessions: i64) -> Vec<Value> {
        let place = [Value::Number(latitude), Value::Number(8.05)];
        let [latitude, longitude] = place;
        let cell = [Value::Integer(tenths), Value::Integer(80)];
        let [north, east] = cell;
        vec![text(country), gps, north, east, latitude, longitude, Value::Integer(sessions)]
    }

    fn figures(row: &[Value]) -> Vec<Option<f64>> {
        row[1..].iter().map(Value::as_number).collect()
    }

    #[test]
    fn distances_are_from_the_middle_of_the_cell_and_counted_by_sessions() {
        let mut nowhere = cell("DE", Value::Null, 0, 0.0, 7);
        nowhere[2] = Value::Null;
        let rows = vec![
            cell("DE", text("DE"), 500, 50.05, 4),
            cell("DE", text("de"), 510, 50.05, 3),
            cell("DE", text("FR"), 530, 50.05, 2),
            nowhere,
            cell("FR", text(""), -900, -90.0, 1),
        ];
        let given = ran("gps_distance", rows, &[("min_known", 1), ("far_km", 112)]);
        let known = figures(&given[0]);
        // Of 9 the 5th is a degree away.
        assert!((known[2].unwrap_or_default() - DEGREE_KM).abs() < 1e-9, "{known:?}");
        assert_eq!(known, [Some(16.0), Some(9.0), known[2], Some(2.0), Some(9.0), Some(2.0)]);
        let known = figures(&given[1]);
        assert!((known[2].unwrap_or_default() - DEGREE_KM / 20.0).abs() < 1e-9, "{known:?}");
        assert_eq!(known, [Some(1.0), Some(1.0), known[2], Some(0.0), Some(0.0), Some(0.0)]);
    }

    #[test]
    fn a_distance_of_just_far_km_is_far() {
        let exactly = kilometres((53.05, 8.05), (50.05, 8.05));
        let (below, above) = (exactly.floor() as i64, exactly.ceil() as i64);
        let far = |far_km: i64| {
            let rows = vec![cell("DE", Value::Null, 530, 50.05, 1)];
            ran("gps_distance", rows, &[("far_km", far_km)])[0][4].clone()
        };
        assert_eq!((far(below), far(above)), (Value::Integer(1), Value::Integer(0)));
    }

    #[test]
    fn small_countries_come_last_and_then_the_unknown_of_those_alike() {
        let mut unknown = cell("", Value::Null, 500, 50.05, 9);
        unknown[0] = Value::Null;
        let rows = vec![
            cell("AA", Value::Null, 600, 50.05, 9),
            cell("BB", Value::Null, 600, 50.05, 10),
            cell("CC", Value::Null, 500, 50.05, 10),
            unknown,
            cell("DD", Value::Null, 500, 50.05, 9),
        ];
        let given = ran("gps_distance", rows, &[("min_known", 10)]);
        let codes: Vec<Value> = given.iter().map(|row| row[0].clone()).collect();
        assert_eq!(codes, [text("BB"), text("CC"), text("AA"), text("DD"), Value::Null]);
    }

    #[test]
    fn cells_and_places_beyond_the_globe_are_not_known_and_at_its_edge_they_are() {
        let gps_known = |tenths: [i64; 2], place: [f64; 2]| {
            let mut row = cell("DE", Value::Null, tenths[0], place[0], 1);
            (row[3], row[5]) = (Value::Integer(tenths[1]), Value::Number(place[1]));
            ran("gps_distance", vec![row], &[])[0][2].clone()
        };
        assert_eq!(gps_known([900, 1800], [90.0, 180.0]), Value::Integer(1));
        assert_eq!(gps_known([-900, -1800], [-90.0, -180.0]), Value::Integer(1));
        for (tenths, place) in [
            ([-901, 0], [0.0, 0.0]),
            ([901, 0], [0.0, 0.0]),
            ([0, -1801], [0.0, 0.0]),
            ([0, 0], [90.5, 0.0]),
            ([0, 0], [0.0, f64::NAN]),
        ] {
            assert_eq!(gps_known(tenths, place), Value::Integer(0), "{tenths:?} {place:?}");
        }
        let error = refused("gps_distance", vec![cell("DE", Value::Null, 0, 0.0, -1)]);
        assert!(error.contains("a count in the column `sessions`"), "{error}");
    }
}
