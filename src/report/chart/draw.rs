//! A chart as SVG: horizontal bars with whiskers, or a line with a band.
//!
//! The only place that knows the charting library. Colours are the page's custom properties, so that the same drawing
//! serves light and dark; ids begin with the name it is given, so that several stand on one page.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::ToSpan;
use kuva::backend::svg::SvgBackend;
use kuva::plot::{BarPlot, LinePlot, ScatterPlot};
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;
use kuva::render::theme::Theme;
use maud::{Markup, PreEscaped, html};

use crate::analysis::header::ChartKind;
use crate::report::text;

use super::{Chart, Point, letters, plain};

const FILL: &str = "var(--chart-fill)";
const EARLIER: &str = "var(--chart-earlier)";
const WHISKER: &str = "var(--chart-whisker)";
const AXIS: &str = "var(--chart-axis)";
const GRID: &str = "var(--chart-grid)";
const TEXT: &str = "var(--chart-text)";
/// Pixels from one bar to the next.
const BAR: f64 = 24.0;
/// Pixels above the drawing, and below it for the axis.
const MARGINS: (f64, f64) = (8.0, 30.0);

/// The chart, so many pixels wide. `id` is unique on its page.
pub fn draw(chart: &Chart, id: &str, width: f64) -> Markup {
    let (height, drawing) = match chart.kind {
        ChartKind::Bar => bars(chart, width),
        ChartKind::Line => line(chart, width),
    };
    let drawing = rounded(&own_ids(&drawing, id));
    let [title, description] = ["title", "desc"].map(|part| format!("{id}-{part}"));
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height) viewBox=(format!("0 0 {width} {height}"))
            fill=(TEXT) role="img" aria-labelledby=(title) aria-describedby=(description) {
            title id=(title) { (chart.title) }
            desc id=(description) { (chart.description()) }
            (PreEscaped(drawing))
        }
    }
}

fn bars(chart: &Chart, width: f64) -> (f64, String) {
    let label = |point: &Point| letters::fitting(&text::visible(&point.label), width / 3.0).into_owned();
    let labels: Vec<String> = chart.points.iter().map(label).collect();
    let left = beside(labels.iter());
    let height = chart.points.len() as f64 * BAR + MARGINS.0 + MARGINS.1;
    let mut bars = BarPlot::new().with_horizontal(true).with_width(0.62);
    let mut whiskers = Vec::new();
    // The library counts from the bottom.
    for (label, point) in labels.into_iter().zip(&chart.points).rev() {
        let value = point.value.unwrap_or(0.0);
        bars = bars.with_colored_bar(unread(&label), value, FILL);
        whiskers.push(point.interval.map_or((0.0, 0.0), |(low, high)| (value - low, high - value)));
    }
    if chart.points.iter().any(|point| point.interval.is_some()) {
        bars = bars.with_asymmetric_error(whiskers).with_error_color(WHISKER).with_error_cap_width(0.5);
    }
    let axis = Axis::new(chart, (width - left) / 70.0);
    let plots = vec![Plot::Bar(bars)];
    let layout = base(&plots, width, height, left)
        .with_x_axis_min(axis.low)
        .with_x_axis_max(axis.high)
        .with_x_tick_step(axis.step)
        .with_x_tick_format(axis.format(chart.shares));
    (height, drawing(plots, layout))
}

fn line(chart: &Chart, width: f64) -> (f64, String) {
    let height = (width * 0.34).max(190.0);
    let axis = Axis::new(chart, 4.0);
    let left = beside([axis.low, axis.high].map(|end| tick(end, axis.step, chart.shares)).iter());
    let earlier = chart.earlier.as_ref().map_or(&[][..], |earlier| &earlier.points[..]);
    let first = chart.points.iter().chain(earlier).filter_map(|point| point.day).min();
    let place = |(at, point): (usize, &Point)| match (first, point.day) {
        (Some(first), Some(day)) => f64::from(first.until(day).map_or(0, |span| span.get_days())),
        _ => at as f64,
    };
    let placed = |at: (usize, _)| (place(at), at.1);
    let own: Vec<(f64, &Point)> = chart.points.iter().enumerate().map(placed).collect();
    let earlier: Vec<(f64, &Point)> = earlier.iter().enumerate().map(placed).collect();
    let last = own.iter().chain(&earlier).map(|(place, _)| *place).fold(1.0, f64::max);
    // What was before lies behind.
    let mut plots = runs(&earlier, EARLIER, true);
    plots.extend(runs(&own, FILL, false));
    let step = (last / ((width - left) / 75.0)).ceil().max(1.0);
    let label = |point: &Point| text::cut(&text::visible(&point.label), 10).into_owned();
    let labels: Vec<String> = chart.points.iter().map(label).collect();
    let name = move |place: f64| match first {
        // Ticks stand on whole days, and few.
        Some(first) => first
            .checked_add((place.round() as i64).days())
            .map_or_else(|_| String::new(), |day| day.strftime("%b %-d").to_string()),
        None => labels.get(place.round() as usize).cloned().unwrap_or_default(),
    };
    let layout = base(&plots, width, height, left)
        .with_x_axis_min(0.0)
        .with_x_axis_max(last)
        .with_x_tick_step(step)
        .with_x_tick_format(TickFormat::Custom(Arc::new(name)))
        .with_y_axis_min(axis.low)
        .with_y_axis_max(axis.high)
        .with_y_tick_step(axis.step)
        .with_y_tick_format(axis.format(chart.shares));
    (height, drawing(plots, layout))
}

/// A line through points in their places, broken where nothing is known; dashed, or with its band.
fn runs(points: &[(f64, &Point)], colour: &str, dashed: bool) -> Vec<Plot> {
    let mut plots = Vec::new();
    for run in points.split(|(_, point)| point.value.is_none()).filter(|run| !run.is_empty()) {
        let values = run.iter().map(|(place, point)| (*place, point.value.unwrap_or_default()));
        if run.len() == 1 {
            plots.push(Plot::Scatter(ScatterPlot::new().with_data(values).with_color(colour).with_size(3.0)));
            continue;
        }
        let mut line = LinePlot::new().with_data(values).with_color(colour).with_stroke_width(2.0);
        if dashed {
            line = line.with_dashed();
        } else if let Some(ends) = run.iter().map(|(_, point)| point.interval).collect::<Option<Vec<_>>>() {
            let (lows, highs): (Vec<f64>, Vec<f64>) = ends.into_iter().unzip();
            line = line.with_band(lows, highs);
        }
        plots.push(Plot::Line(line));
    }
    plots
}

fn base(plots: &[Plot], width: f64, height: f64, left: f64) -> Layout {
    let theme = Theme {
        background: "none".into(),
        axis_color: AXIS.into(),
        grid_color: GRID.into(),
        tick_color: AXIS.into(),
        text_color: TEXT.into(),
        ..Theme::light()
    };
    Layout::auto_from_plots(plots)
        .with_theme(theme)
        .with_width(width)
        .with_height(height)
        // Half of the last tick's label stands beyond the axis.
        .with_force_margins(left, 36.0)
        .with_force_margins_y(MARGINS.0, MARGINS.1)
        .with_tick_size(letters::SIZE)
        .with_clamp_axis()
        .with_clamp_y_axis()
}

/// The library's drawing without its outermost tag, which the page writes itself.
fn drawing(plots: Vec<Plot>, layout: Layout) -> String {
    let svg = SvgBackend::new().render_scene(&render_multiple(plots, layout));
    let inner = svg.split_once('>').map_or("", |(_, inner)| inner);
    inner.trim_end().trim_end_matches("</svg>").to_owned()
}

/// The drawing with ids of its own: the library counts through the whole process. Labels are escaped, so that what
/// holds a quotation mark is an attribute.
fn own_ids(drawing: &str, id: &str) -> String {
    const ID: &str = "kuva-clip-";
    let mut known: Vec<String> = Vec::new();
    let mut owned = drawing.to_owned();
    for before in ["id=\"", "clip-path=\"url(#"] {
        let found = format!("{before}{ID}");
        let mut pieces = owned.split(&found);
        let mut replaced = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let digits = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
            let (number, rest) = piece.split_at(digits);
            let at = known.iter().position(|known| known == number).unwrap_or(known.len());
            if at == known.len() {
                known.push(number.to_owned());
            }
            // Writing to a string does not fail.
            let _ = write!(replaced, "{before}{id}-clip-{at}{rest}");
        }
        owned = replaced;
    }
    owned
}

/// The drawing with its attributes' numbers to the hundredth of a pixel: more cannot be seen and takes room.
fn rounded(drawing: &str) -> String {
    const DECIMALS: usize = 2;
    let mut rounded = String::with_capacity(drawing.len());
    for (at, piece) in drawing.split('"').enumerate() {
        if at > 0 {
            rounded.push('"');
        }
        // As above, what stands between quotation marks is an attribute's value.
        let mut decimals = None;
        for c in piece.chars() {
            decimals = match (c, decimals) {
                ('.', _) => Some(0),
                (c, Some(so_far)) if c.is_ascii_digit() => Some(so_far + 1),
                _ => None,
            };
            if at % 2 == 0 || decimals.is_none_or(|decimals| decimals <= DECIMALS) {
                rounded.push(c);
            }
        }
    }
    rounded
}

/// Pixels beside the drawing for labels and the ticks between.
fn beside<'a>(labels: impl Iterator<Item = &'a String>) -> f64 {
    labels.map(|label| letters::extent(label)).fold(0.0, f64::max) + 14.0
}

/// The label so that the library does not read what is between two dollar signs as a formula.
fn unread(label: &str) -> String {
    label.replace('$', "\\$")
}

/// An axis of values from a round number to a round number.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// An axis with at most about so many steps.
    fn new(chart: &Chart, steps: f64) -> Self {
        let ends = |point: &Point| {
            let (low, high) = point.interval.unzip();
            [point.value, low, high].into_iter().flatten()
        };
        let earlier = chart.earlier.iter().flat_map(|earlier| &earlier.points);
        let (low, high) = chart
            .points
            .iter()
            .chain(earlier)
            .flat_map(ends)
            .fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let span = if high > low { high - low } else { 1.0 };
        // There is no half of what is counted.
        let whole = !chart.shares && [low, high].iter().all(|end| end.fract() == 0.0);
        let rough = (span / steps.clamp(2.0, 8.0)).max(if whole { 1.0 } else { 0.0 });
        let power = 10.0_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|part| part * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        // What is a whole number of steps but for rounding is one.
        let high = ((high / step - 1e-9).ceil() * step).max(low + step);
        Self {
            low: (low / step + 1e-9).floor() * step,
            high: if chart.shares { high.min(1.0) } else { high },
            step,
        }
    }

    fn format(self, shares: bool) -> TickFormat {
        TickFormat::Custom(Arc::new(move |value| tick(value, self.step, shares)))
    }
}

fn tick(value: f64, step: f64, shares: bool) -> String {
    let (value, step) = if shares { (value * 100.0, step * 100.0) } else { (value, step) };
    // As many decimals as the step has; a little more than 0, so that 0.1 has one.
    let decimals = (-(step * 1.000_001).log10().floor()).clamp(0.0, 6.0) as usize;
    let number = if decimals == 0 { plain(value.round()) } else { format!("{value:.decimals$}") };
    if shares { format!("{number} %") } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: &[(&str, f64)]) -> Chart {
        let point = |(label, value): &(&str, f64)| Point {
            label: (*label).to_owned(),
            day: None,
            value: Some(*value),
            interval: None,
        };
        Chart {
            kind: ChartKind::Bar,
            title: "T".into(),
            shares: true,
            points: values.iter().map(point).collect(),
            earlier: None,
            left_out: Vec::new(),
        }
    }

    #[test]
    fn the_same_chart_is_drawn_the_same_and_its_ids_are_its_own() {
        let chart = bars(&[("a", 0.1), ("b", 0.2)]);
        let first = draw(&chart, "one", 700.0).into_string();
        assert_eq!(first, draw(&chart, "one", 700.0).into_string());
        assert!(first.contains("id=\"one-clip-0\"") && first.contains("url(#one-clip-0)"), "{first}");
        assert!(!first.contains("kuva-clip"));
    }

    #[test]
    fn a_label_is_shown_as_it_is() {
        let chart = bars(&[("</svg><script>$x$", 0.1), ("url(#kuva-clip-1)", 0.2), ("v\"1.2345", 0.3)]);
        let drawn = draw(&chart, "one", 700.0).into_string();
        assert!(drawn.contains(">&lt;/svg&gt;&lt;script&gt;$x$</text>"), "{drawn}");
        assert!(drawn.contains(">url(#kuva-clip-1)</text>"), "{drawn}");
        assert!(drawn.contains("1.2345</text>"), "{drawn}");
        assert_eq!(drawn.matches("</svg>").count(), 1);
    }

    #[test]
    fn axes_end_and_step_on_round_numbers() {
        for (value, axis) in
            [(0.123, (0.14, 0.02)), (0.0, (0.2, 0.2)), (1.0, (1.0, 0.2)), (0.0007, (0.0007, 0.0001))]
        {
            let made = Axis::new(&bars(&[("a", value)]), 8.0);
            let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(near(made.high, axis.0) && near(made.step, axis.1), "{value}: {made:?}");
        }
        let counts = Axis::new(&Chart { shares: false, ..bars(&[("a", 2.0)]) }, 8.0);
        assert_eq!((counts.high, counts.step), (2.0, 1.0));
        assert_eq!(tick(0.02, 0.02, true), "2 %");
        assert_eq!(tick(0.0005, 0.0005, true), "0.05 %");
        assert_eq!(tick(12000.0, 2000.0, false), "12,000");
    }
}
