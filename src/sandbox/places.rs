//! The countries that made-up people live in.
//!
//! Owns a table; it knows nothing of sessions. Weights are shares of the traffic, coordinates a rough centre.

use fastrand::Rng;

/// A region of a country: code, name, latitude, longitude.
pub(crate) type Region = (&'static str, &'static str, f64, f64);

/// A country with the regions that its people live in.
#[derive(Debug)]
pub(crate) struct Country {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    weight: u32,
    regions: &'static [Region],
}

/// Somewhere in a region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) country: &'static Country,
    pub(crate) region: &'static Region,
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

impl Place {
    /// A place, countries drawn by their weight.
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let mut draw = rng.u32(0..TOTAL_WEIGHT);
        let mut chosen = &COUNTRIES[0];
        for country in COUNTRIES {
            chosen = country;
            if draw < country.weight {
                break;
            }
            draw -= country.weight;
        }
        Self::within(chosen, rng)
    }

    /// A place in a country.
    pub(crate) fn within(country: &'static Country, rng: &mut Rng) -> Self {
        let region = &country.regions[rng.usize(0..country.regions.len())];
        Self { country, region, latitude: region.2, longitude: region.3 }.nearby(rng, 0.8)
    }

    /// The way to another place over a round earth.
    pub(crate) fn kilometres_to(self, other: Self) -> f64 {
        let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
        let cosines = self.latitude.to_radians().cos() * other.latitude.to_radians().cos();
        let chord = half(self.latitude, other.latitude) + cosines * half(self.longitude, other.longitude);
        2.0 * 6_371.0 * chord.sqrt().min(1.0).asin()
    }

    /// A place at most `spread` degrees away in the same region. A few are only known to the degree, as is so
    /// with real address databases.
    pub(crate) fn nearby(self, rng: &mut Rng, spread: f64) -> Self {
        let mut shift = |from: f64| from + (rng.f64() - 0.5) * 2.0 * spread;
        let (latitude, longitude) = (shift(self.latitude), shift(self.longitude));
        let digits = if rng.u8(0..50) == 0 { 1.0 } else { 1e4 };
        let rounded = |degrees: f64| (degrees * digits).round() / digits;
        Self { latitude: rounded(latitude), longitude: rounded(longitude), ..self }
    }
}

const fn country(weight: u32, code: &'static str, name: &'static str, regions: &'static [Region]) -> Country {
    Country { code, name, weight, regions }
}

const TOTAL_WEIGHT: u32 = {
    let (mut sum, mut at) = (0, 0);
    while at < COUNTRIES.len() {
        sum += COUNTRIES[at].weight;
        at += 1;
    }
    sum
};

/// Where nobody lives but those who are planted there, for a while.
pub(crate) const FLEETING: &[Country] = &[
    country(0, "IS", "Iceland", &[("1", "Höfuðborgarsvæðið", 64.1, -21.9)]),
    country(0, "FJ", "Fiji", &[("C", "Central", -18.1, 178.4)]),
];

const COUNTRIES: &[Country] = &[
    country(
        340,
        "US",
        "United States",
        &[
            ("CA", "California", 36.8, -119.4),
            ("TX", "Texas", 31.5, -99.3),
            ("NY", "New York", 42.9, -75.5),
            ("FL", "Florida", 28.6, -82.4),
            ("IL", "Illinois", 40.0, -89.2),
            ("WA", "Washington", 47.4, -120.5),
            ("GA", "Georgia", 32.6, -83.4),
        ],
    ),
    country(
        80,
        "GB",
        "United Kingdom",
        &[("ENG", "England", 52.5, -1.5), ("SCT", "Scotland", 56.8, -4.2), ("WLS", "Wales", 52.3, -3.7)],
    ),
    country(
        60,
        "IN",
        "India",
        &[
            ("MH", "Maharashtra", 19.4, 76.1),
            ("KA", "Karnataka", 14.7, 76.1),
            ("DL", "National Capital Territory of Delhi", 28.6, 77.2),
        ],
    ),
    country(
        55,
        "BR",
        "Brazil",
        &[
            ("SP", "São Paulo", -22.2, -48.7),
            ("RJ", "Rio de Janeiro", -22.2, -42.6),
            ("MG", "Minas Gerais", -18.5, -44.5),
        ],
    ),
    country(
        45,
        "CA",
        "Canada",
        &[
            ("ON", "Ontario", 44.5, -79.5),
            ("QC", "Québec", 46.8, -71.9),
            ("BC", "British Columbia", 49.5, -122.8),
        ],
    ),
    country(
        45,
        "DE",
        "Germany",
        &[("BE", "Berlin", 52.5, 13.4), ("BY", "Bayern", 48.9, 11.4), ("HE", "Hessen", 50.6, 9.0)],
    ),
    country(
        40,
        "FR",
        "France",
        &[("IDF", "Île-de-France", 48.7, 2.5), ("ARA", "Auvergne-Rhône-Alpes", 45.5, 4.5)],
    ),
    country(
        38,
        "MX",
        "Mexico",
        &[("CMX", "Ciudad de México", 19.3, -99.1), ("JAL", "Jalisco", 20.6, -103.6)],
    ),
    country(32, "NG", "Nigeria", &[("LA", "Lagos", 6.5, 3.5), ("FC", "Federal Capital Territory", 8.9, 7.2)]),
    country(
        28,
        "AU",
        "Australia",
        &[("NSW", "New South Wales", -32.9, 150.7), ("VIC", "Victoria", -37.2, 144.6)],
    ),
    country(
        26,
        "PH",
        "Philippines",
        &[("00", "National Capital Region", 14.6, 121.0), ("40", "Calabarzon", 14.2, 121.3)],
    ),
    country(24, "ES", "Spain", &[("MD", "Madrid", 40.5, -3.7), ("CT", "Catalunya", 41.7, 1.6)]),
    country(22, "IT", "Italy", &[("25", "Lombardia", 45.6, 9.8), ("62", "Lazio", 41.9, 12.6)]),
    country(
        20,
        "NL",
        "Netherlands",
        &[("NH", "Noord-Holland", 52.6, 4.9), ("ZH", "Zuid-Holland", 52.0, 4.5)],
    ),
    country(20, "ID", "Indonesia", &[("JK", "Jakarta Raya", -6.2, 106.8), ("JB", "Jawa Barat", -6.9, 107.6)]),
    country(18, "PL", "Poland", &[("14", "Mazowieckie", 52.3, 21.0), ("12", "Małopolskie", 49.9, 20.2)]),
    country(16, "CO", "Colombia", &[("DC", "Bogotá", 4.6, -74.1), ("ANT", "Antioquia", 6.9, -75.5)]),
    country(16, "TR", "Türkiye", &[("34", "İstanbul", 41.1, 28.9), ("06", "Ankara", 39.9, 32.8)]),
    country(15, "VN", "Vietnam", &[("SG", "Ho Chi Minh", 10.8, 106.7), ("HN", "Ha Noi", 21.0, 105.8)]),
    country(14, "AR", "Argentina", &[("B", "Buenos Aires", -35.5, -60.0), ("X", "Córdoba", -31.9, -63.9)]),
    country(14, "PK", "Pakistan", &[("PB", "Punjab", 30.9, 72.7), ("SD", "Sindh", 25.9, 68.5)]),
    country(13, "JP", "Japan", &[("13", "Tokyo", 35.7, 139.6), ("27", "Osaka", 34.7, 135.5)]),
    country(13, "UA", "Ukraine", &[("30", "Kyiv", 50.4, 30.5), ("46", "Lviv", 49.8, 24.0)]),
    country(12, "KE", "Kenya", &[("30", "Nairobi", -1.3, 36.8), ("28", "Mombasa", -4.0, 39.6)]),
    country(12, "ZA", "South Africa", &[("GP", "Gauteng", -26.1, 28.1), ("WC", "Western Cape", -33.6, 19.2)]),
    country(11, "SG", "Singapore", &[("01", "Central Singapore", 1.3, 103.8)]),
    country(
        11,
        "AE",
        "United Arab Emirates",
        &[("DU", "Dubai", 25.1, 55.3), ("AZ", "Abu Dhabi", 24.3, 54.5)],
    ),
    country(
        10,
        "SE",
        "Sweden",
        &[("AB", "Stockholms län", 59.4, 18.1), ("O", "Västra Götaland", 58.3, 12.4)],
    ),
    country(10, "PT", "Portugal", &[("11", "Lisboa", 38.9, -9.1), ("13", "Porto", 41.2, -8.4)]),
    country(9, "RO", "Romania", &[("B", "București", 44.4, 26.1), ("CJ", "Cluj", 46.8, 23.6)]),
    country(9, "GH", "Ghana", &[("AA", "Greater Accra", 5.8, 0.0), ("AH", "Ashanti", 6.8, -1.5)]),
    country(8, "IE", "Ireland", &[("L", "Leinster", 53.2, -6.9), ("M", "Munster", 52.3, -8.6)]),
    country(8, "CH", "Switzerland", &[("ZH", "Zürich", 47.4, 8.6), ("GE", "Genève", 46.2, 6.1)]),
    country(8, "KR", "South Korea", &[("11", "Seoul", 37.6, 127.0), ("26", "Busan", 35.2, 129.1)]),
    country(7, "CL", "Chile", &[("RM", "Región Metropolitana", -33.5, -70.7)]),
    country(7, "PE", "Peru", &[("LMA", "Lima", -12.0, -77.0)]),
    country(7, "BD", "Bangladesh", &[("C", "Dhaka", 23.8, 90.3)]),
    country(6, "EG", "Egypt", &[("C", "Al Qāhirah", 30.0, 31.3)]),
    country(6, "NZ", "New Zealand", &[("AUK", "Auckland", -36.9, 174.8)]),
    country(5, "DK", "Denmark", &[("84", "Hovedstaden", 55.8, 12.4)]),
    country(5, "IL", "Israel", &[("TA", "Tel Aviv", 32.1, 34.8)]),
    country(4, "HK", "Hong Kong", &[("HKI", "Hong Kong Island", 22.3, 114.2)]),
];
