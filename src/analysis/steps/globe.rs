//! Distances on the globe.

/// The earth's mean radius R1 = (2a + b) / 3 of the WGS 84 ellipsoid, in kilometres (H. Moritz, "Geodetic Reference
/// System 1980", Journal of Geodesy 74, 2000).
pub(super) const EARTH_RADIUS_KM: f64 = 6371.0088;

/// A place in degrees: latitude, longitude.
pub(super) type Place = (f64, f64);

/// The place, if it is one.
pub(super) fn place(latitude: f64, longitude: f64) -> Option<Place> {
    (latitude.abs() <= 90.0 && longitude.abs() <= 180.0).then_some((latitude, longitude))
}

/// The great-circle distance in kilometres on a sphere of [`EARTH_RADIUS_KM`], by the haversine formula (R. W.
/// Sinnott, "Virtues of the Haversine", Sky and Telescope 68, 1984). The ellipsoid's own differs by at most 0.6 %.
pub(super) fn kilometres(from: Place, to: Place) -> f64 {
    let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let along = from.0.to_radians().cos() * to.0.to_radians().cos();
    let chord = half(from.0, to.0) + along * half(from.1, to.1);
    // Rounding can lead above 1 between opposite places.
    2.0 * EARTH_RADIUS_KM * chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(distance: f64, expected: f64) {
        assert!((distance - expected).abs() <= 1e-9 * expected.max(1.0), "{distance}, not {expected}");
    }

    /// Rosetta Code, "Haversine formula": Nashville to Los Angeles airport, 2887.2599506071 km on a sphere of
    /// 6372.8 km.
    #[test]
    fn the_published_worked_example_comes_out() {
        let distance = kilometres((36.12, -86.67), (33.94, -118.40)) / EARTH_RADIUS_KM * 6372.8;
        assert!((distance - 2_887.259_950_607_1).abs() < 1e-9, "{distance}");
    }

    #[test]
    fn poles_opposite_places_and_the_date_line_are_no_trouble() {
        let round = 2.0 * std::f64::consts::PI * EARTH_RADIUS_KM;
        near(kilometres((12.0, 34.0), (12.0, 34.0)), 0.0);
        near(kilometres((90.0, 0.0), (-90.0, 77.0)), round / 2.0);
        near(kilometres((90.0, 0.0), (90.0, 123.0)), 0.0);
        near(kilometres((30.0, 20.0), (-30.0, -160.0)), round / 2.0);
        near(kilometres((0.0, 0.0), (0.0, 90.0)), round / 4.0);
        near(kilometres((0.0, 179.5), (0.0, -179.5)), round / 360.0);
        near(kilometres((0.0, 180.0), (0.0, -180.0)), 0.0);
    }

    /// What the query that narrows to candidates rests on.
    #[test]
    fn a_degree_is_never_more_than_112_kilometres() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut any = || (random.f64() * 180.0 - 90.0, random.f64() * 360.0 - 180.0);
        for _ in 0..20_000 {
            let (from, to) = (any(), any());
            let degrees = (from.0 - to.0).abs() + (from.1 - to.1).abs();
            assert!(kilometres(from, to) <= 112.0 * degrees, "{from:?} {to:?}");
            assert!((kilometres(from, to) - kilometres(to, from)).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_no_place_is_none() {
        assert_eq!(place(90.0, -180.0), Some((90.0, -180.0)));
        for (latitude, longitude) in [(90.1, 0.0), (0.0, 180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(place(latitude, longitude), None);
        }
    }
}
