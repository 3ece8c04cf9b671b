//! The page at its ends: what stands first, and a year of days.

use serde_json::json;
use session_risk::analysis::Scope;
use session_risk::cli::report::Format;
use session_risk::range::DayRange;

use crate::report::{lake, options, page};
use crate::small_lake::{SmallLake, odd_rows};

const YEAR: u32 = 365;

/// The tiles of a page, one piece each.
fn tiles(html: &str) -> Vec<&str> {
    let tiles = html.split("<ul class=\"tiles\">").nth(1).unwrap().split("</ul>").next().unwrap();
    tiles.split("<li").skip(1).collect()
}

#[test]
fn a_tile_shows_how_its_rate_went_where_a_report_by_day_has_the_same_rate() {
    let lake = lake();
    let shown = |names: &[&str]| page(&options(names, Format::Html, 80), &lake.scope());
    let html = shown(&["network_risk", "daily_trend"]);
    let tiles = tiles(&html);
    assert_eq!(tiles.len(), 5);
    for (tile, name, daily) in [(tiles[0], "VPN", true), (tiles[1], "Tor", true), (tiles[2], "Proxy", false)]
    {
        assert!(tile.contains(&format!("<span class=\"name\">{name}</span>")), "{tile}");
        let words = format!("aria-label=\"{name} rate by created date. 3 points: first 2026-11-18 ");
        assert_eq!(tile.contains(&words), daily, "{tile}");
        assert_eq!(tile.contains("by day: ") && tile.contains("<polyline"), daily, "{tile}");
    }
    // Neither alone has one.
    assert!(!shown(&["network_risk"]).contains("class=\"spark\""));
    assert!(!shown(&["daily_trend"]).contains("class=\"tiles\""));
}

/// Sessions on each day of the year that ends with the day.
fn year(seed: u64, last: &str) -> (SmallLake, Scope) {
    let range = DayRange::ending(last.parse().unwrap(), YEAR);
    let days: Vec<_> = range.days().collect();
    let rows = odd_rows(seed, 4 * days.len()).into_iter().enumerate().map(|(at, mut row)| {
        row["created_at"] = json!(format!("{}T{:02}:15:00Z", days[at % days.len()], at % 24));
        // As many as there are, and in the form that Persona gives them.
        row["country_code"] =
            json!(format!("{}{}", (b'A' + (at % 25) as u8) as char, (b'A' + (at % 7) as u8) as char));
        row["device_id"] = json!(format!("dev_{:Q<24}", at % 60));
        row["inquiry_id"] = json!(format!("inq_{:W<24}", at % 200));
        row
    });
    let lake = SmallLake::new(rows);
    let scope = Scope { range, files: lake.files.clone(), ..lake.scope() };
    (lake, scope)
}

#[test]
fn a_year_of_days_with_all_reports_is_a_page_of_less_than_a_megabyte_and_its_long_tables_are_folded_away() {
    let (_lake, scope) = year(8, "2026-11-20");
    let options = options(&[], Format::Html, 80);
    let html = page(&options, &scope);
    assert!(html.len() < 1_000_000, "{} bytes", html.len());
    assert_eq!(html.matches("<h2").count(), 1 + options.queries.len());
    let trend = html.split("Daily trend</h2>").nth(1).unwrap().split("</section>").next().unwrap();
    let folded = trend.split("<details><summary>All ").nth(1).unwrap();
    assert!(folded.split("</details>").next().unwrap().matches("<tr").count() > YEAR as usize);
    // Four weeks are not folded.
    assert!(!page(&options, &lake().scope()).contains("<summary>All "));
}
