//! A line as small as a word, without axes: how a share has run, beside the share.
//!
//! Must not know where it stands. What it shows is told in words, as of any chart.

use maud::{Markup, html};

use crate::report::text;

use super::Chart;

/// The drawing's size; the page gives it the width of its place.
const SIZE: (f64, f64) = (120.0, 28.0);
/// Room around the line, so that its ends are whole.
const MARGIN: f64 = 2.5;
const COLOUR: &str = "var(--chart-fill)";

/// The chart's days from zero up to the highest, the last of them marked; nothing if fewer than two are known.
pub fn spark(chart: &Chart) -> Option<Markup> {
    let first = chart.points.first()?.day?;
    let known: Vec<f64> = chart.points.iter().filter_map(|point| point.value).collect();
    let highest = known.iter().copied().fold(0.0, f64::max);
    let lowest = known.iter().copied().fold(highest, f64::min);
    if known.len() < 2 {
        return None;
    }
    let days: Vec<f64> = chart
        .points
        .iter()
        .map(|point| first.until(point.day?).ok().map(|span| f64::from(span.get_days())))
        .collect::<Option<_>>()?;
    let last = days.iter().copied().fold(1.0, f64::max);
    let across = |day: f64| MARGIN + day / last * (SIZE.0 - 2.0 * MARGIN);
    let up = |value: f64| {
        let share = if highest > 0.0 { value / highest } else { 0.0 };
        SIZE.1 - MARGIN - share * (SIZE.1 - 2.0 * MARGIN)
    };
    let places = days.iter().zip(&chart.points);
    let places: Vec<Option<(f64, f64)>> =
        places.map(|(day, point)| Some((across(*day), up(point.value?)))).collect();
    // Where nothing is known the line is broken.
    let runs = places.split(Option::is_none).filter(|run| run.len() > 1);
    let lines = runs.map(|run| {
        let points = run.iter().flatten().map(|(x, y)| format!("{x:.1},{y:.1}"));
        points.collect::<Vec<_>>().join(" ")
    });
    let end = places.iter().rev().flatten().next();
    let [lowest, highest] = [lowest, highest].map(text::percent);
    Some(html! {
        svg.spark viewBox=(format!("0 0 {} {}", SIZE.0, SIZE.1)) role="img"
            aria-label=(format!("{}. {}", chart.title, chart.description())) {
            @for points in lines {
                polyline points=(points) fill="none" stroke=(COLOUR) stroke-width="1.5" stroke-linejoin="round";
            }
            @if let Some((x, y)) = end {
                circle cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="2" fill=(COLOUR);
            }
        }
        span { "by day: " (lowest) " to " (highest) }
    })
}

#[cfg(test)]
mod tests {
    use super::super::Point;
    use super::*;
    use crate::analysis::header::ChartKind;

    fn days(values: &[(&str, Option<f64>)]) -> Chart {
        let point = |(day, value): &(&str, Option<f64>)| Point {
            label: (*day).to_owned(),
            day: day.parse().ok(),
            value: *value,
            interval: None,
        };
        Chart {
            kind: ChartKind::Line,
            title: "T".into(),
            shares: true,
            points: values.iter().map(point).collect(),
            earlier: None,
            left_out: Vec::new(),
        }
    }

    #[test]
    fn a_day_stands_in_its_place_and_what_is_not_known_breaks_the_line() {
        let chart = days(&[
            ("2026-11-01", Some(0.0)),
            ("2026-11-02", Some(0.4)),
            ("2026-11-03", None),
            ("2026-11-05", Some(0.2)),
            ("2026-11-06", Some(0.1)),
        ]);
        let drawn = spark(&chart).unwrap().into_string();
        // The room between the margins is 115 by 23, and five days are between the first and the last.
        assert!(drawn.contains("points=\"2.5,25.5 25.5,2.5\""), "{drawn}");
        assert!(drawn.contains("points=\"94.5,14.0 117.5,19.8\""), "{drawn}");
        assert!(drawn.contains("cx=\"117.5\" cy=\"19.8\""), "{drawn}");
        assert!(drawn.contains("by day: 0.0 % to 40.0 %"), "{drawn}");
        assert!(drawn.contains("aria-label=\"T. 4 points: first 2026-11-01 0.0 %; lowest"), "{drawn}");
    }

    #[test]
    fn there_is_nothing_to_draw_of_one_day_and_a_share_of_none_lies_at_the_bottom() {
        assert!(spark(&days(&[])).is_none());
        assert!(spark(&days(&[("2026-11-01", Some(0.1)), ("2026-11-02", None)])).is_none());
        let none =
            spark(&days(&[("2026-11-01", Some(0.0)), ("2026-11-02", Some(0.0))])).unwrap().into_string();
        assert!(none.contains("points=\"2.5,25.5 117.5,25.5\"") && none.contains("0.0 % to 0.0 %"), "{none}");
    }
}
