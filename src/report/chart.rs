//! What a report's chart shows: its points in order, their labels, and the same in words for who cannot see it.
//!
//! Owns what is drawn and what is left out, and says the latter. Must not know how it is drawn ([`draw`]) nor on
//! what page it stands.

use jiff::civil::Date;

use crate::analysis::Answer;
use crate::analysis::compare::Compared;
use crate::analysis::header::{ChartKind, Rate};
use crate::analysis::rate::{HIGH, LOW};
use crate::analysis::table::Value;

use super::{MOST_ROWS, layout, text};
use crate::range::DayRange;

pub mod draw;
mod letters;
pub mod spark;

/// A chart, ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Bars or a line.
    pub kind: ChartKind,
    /// What is drawn, in words: `High rate by country code`.
    pub title: String,
    /// Whether the values are shares.
    pub shares: bool,
    /// The points, in the rows' order.
    pub points: Vec<Point>,
    /// The same of the earlier window, for a line that was compared.
    pub earlier: Option<Earlier>,
    /// What is left out, a sentence each.
    pub left_out: Vec<String>,
}

/// The line of the earlier window, each of its points where its counterpart is or would be.
#[derive(Debug, Clone, PartialEq)]
pub struct Earlier {
    /// Its days.
    pub range: DayRange,
    /// Its points: first those beside the line's own, in their order, then the others, which have a day.
    pub points: Vec<Point>,
}

/// A bar, or a point of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Which row it is.
    pub label: String,
    /// The day, where the rows are days.
    pub day: Option<Date>,
    /// The value; none where nothing is known, which is not zero.
    pub value: Option<f64>,
    /// The ends of the value's interval.
    pub interval: Option<(f64, f64)>,
}

impl Chart {
    /// The chart that the query's header asks for, if there is anything to draw.
    pub fn new(answer: &Answer) -> Option<Self> {
        let header = &answer.query.header;
        let wanted = header.chart.as_ref()?;
        let bars = wanted.kind == ChartKind::Bar;
        let mut left_out = Vec::new();
        // Few sessions make wide intervals, beside which nothing else can be told apart.
        let large = |row: &usize| !(bars && answer.is_small(*row));
        // Rows that are gone have nothing to draw.
        let mut rows: Vec<usize> = (0..answer.own_rows()).filter(large).collect();
        let small = answer.own_rows() - rows.len();
        if bars && rows.len() > MOST_ROWS {
            let all = text::count(rows.len() as i64);
            left_out.push(format!("Drawn are the first {MOST_ROWS} of {all} rows."));
            rows.truncate(MOST_ROWS);
        }
        if small > 0 {
            let rows = if small == 1 { "row" } else { "rows" };
            left_out.push(format!("Not drawn: {small} {rows} with few sessions."));
        }
        let by = &naming(answer, &rows, &wanted.by);
        let points: Vec<Point> = rows.into_iter().map(|row| point(answer, row, &wanted.value, by)).collect();
        if bars && !tells(&points) {
            return None;
        }
        let compared = answer.compared.as_ref().filter(|_| !bars);
        points.iter().any(|point| point.value.is_some()).then(|| Self {
            kind: wanted.kind,
            title: title(&wanted.value, by),
            shares: header.rates.iter().any(|rate| rate.name == wanted.value),
            points,
            earlier: compared.map(|compared| Earlier::new(answer, compared, &wanted.value, by)),
            left_out,
        })
    }

    /// How a rate went from day to day, if the report has that very rate and its rows are days.
    pub fn daily(answer: &Answer, rate: &Rate) -> Option<Self> {
        let header = &answer.query.header;
        let by = &header.key;
        let rows = 0..answer.own_rows();
        let points: Vec<Point> = rows.map(|row| point(answer, row, &rate.name, by)).collect();
        let is_daily = header.rates.contains(rate) && points.iter().all(|point| point.day.is_some());
        is_daily.then(|| Self {
            kind: ChartKind::Line,
            title: title(&rate.name, by),
            shares: true,
            points,
            earlier: None,
            left_out: Vec::new(),
        })
    }

    /// The same in words: every bar, or a line's first, lowest, highest and last point.
    pub fn description(&self) -> String {
        let earlier = self
            .earlier
            .as_ref()
            .map(|earlier| format!(" Before, {}: {}", earlier.range, self.told(&earlier.points)));
        self.told(&self.points) + &earlier.unwrap_or_default()
    }

    fn told(&self, points: &[Point]) -> String {
        let known: Vec<&Point> = points.iter().filter(|point| point.value.is_some()).collect();
        let value = |point: &Point| point.value.unwrap_or_default();
        match (self.kind, &known[..]) {
            (ChartKind::Line, [first, .., last]) => {
                let by_value = |a: &&&Point, b: &&&Point| value(a).total_cmp(&value(b));
                let [lowest, highest] = [known.iter().min_by(by_value), known.iter().max_by(by_value)];
                let mut named = vec![("first", *first)];
                named.extend(lowest.map(|point| ("lowest", *point)));
                named.extend(highest.map(|point| ("highest", *point)));
                named.push(("last", *last));
                let named = named.iter().map(|(name, point)| format!("{name} {}", self.in_words(point)));
                format!("{} points: {}.", known.len(), named.collect::<Vec<_>>().join("; "))
            }
            _ => {
                let all: Vec<String> = points.iter().map(|point| self.in_words(point)).collect();
                format!("{}.", all.join("; "))
            }
        }
    }

    fn in_words(&self, point: &Point) -> String {
        let label = text::visible(&point.label);
        let value = match point.value {
            None => "not known".to_owned(),
            Some(value) if self.shares => text::percent(value),
            Some(value) => plain(value),
        };
        match point.interval.filter(|_| self.shares) {
            Some((low, high)) => format!("{label} {value} {}", text::interval(low, high)),
            None => format!("{label} {value}"),
        }
    }
}

impl Earlier {
    fn new(answer: &Answer, compared: &Compared, value: &str, by: &[String]) -> Self {
        let point = |row: usize| Point {
            value: compared.rows[row].earlier.and_then(|at| {
                compared.earlier.value(at, value).as_number().filter(|value| value.is_finite())
            }),
            interval: None,
            ..point(answer, row, value, by)
        };
        let mut points: Vec<Point> = (0..compared.own).map(point).collect();
        let others = (compared.own..compared.rows.len()).map(point).filter(|point| point.day.is_some());
        points.extend(others);
        // Days have places of their own; anything else stands where the line's own points do.
        if points.iter().all(|point| point.day.is_some()) {
            points.sort_by_key(|point| point.day);
        }
        Self { range: compared.range, points }
    }
}

/// The columns that name each bar or point: the one that was asked for, and the others that name a row where several
/// rows would have the same name.
fn naming(answer: &Answer, rows: &[usize], wanted: &str) -> Vec<String> {
    let key = layout::naming(answer, 0..rows.len());
    let mut names: Vec<String> =
        rows.iter().map(|row| layout::key(answer.table.value(*row, wanted))).collect();
    names.sort_unstable();
    let several = names.windows(2).any(|pair| pair[0] == pair[1]);
    let of_key = key.iter().any(|column| column == wanted);
    let rest = key.iter().filter(|column| several && of_key && *column != wanted);
    std::iter::once(wanted.to_owned()).chain(rest.cloned()).collect()
}

/// Whether the bars differ: of those that are all the same the table says as much in a line.
fn tells(points: &[Point]) -> bool {
    let size = |point: &Point| (point.value, point.interval);
    points.len() == 1 || points.iter().any(|point| size(point) != size(&points[0]))
}

fn title(value: &str, by: &[String]) -> String {
    let by: Vec<String> = by.iter().map(|name| text::words(name)).collect();
    format!("{} by {}", text::label(value), by.join(" and "))
}

fn point(answer: &Answer, row: usize, value: &str, by: &[String]) -> Point {
    let number = |name: &str| answer.table.value(row, name).as_number().filter(|value| value.is_finite());
    let [low, high] = [LOW, HIGH].map(|end| number(&format!("{value}{end}")));
    let names: Vec<&Value> = by.iter().map(|name| answer.table.value(row, name)).collect();
    let day = match names[..] {
        [Value::Date(day)] => Some(*day),
        _ => None,
    };
    Point { label: label(names), day, value: number(value), interval: low.zip(high) }
}

/// The names in a row, without what the one before says too.
fn label(names: Vec<&Value>) -> String {
    let mut names: Vec<String> = names.into_iter().map(layout::key).collect();
    names.dedup();
    names.join(" · ")
}

/// A figure that is no share, whole if it is.
fn plain(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return text::count(value as i64);
    }
    text::number(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[Option<f64>]) -> Chart {
        let point = |(at, value): (usize, &Option<f64>)| Point {
            label: format!("p{at}"),
            day: None,
            value: *value,
            interval: value.map(|value| (value / 2.0, value * 2.0)),
        };
        Chart {
            kind: ChartKind::Line,
            title: "T".into(),
            shares: true,
            points: values.iter().enumerate().map(point).collect(),
            earlier: None,
            left_out: Vec::new(),
        }
    }

    #[test]
    fn a_line_is_told_by_its_first_lowest_highest_and_last_point_and_null_is_none_of_them() {
        let told = line(&[None, Some(0.2), Some(0.1), Some(0.4), Some(0.3), None]).description();
        assert_eq!(
            told,
            "4 points: first p1 20.0 % [10.0–40.0]; lowest p2 10.0 % [5.0–20.0]; \
             highest p3 40.0 % [20.0–80.0]; last p4 30.0 % [15.0–60.0]."
        );
    }

    #[test]
    fn a_bar_of_nothing_known_is_not_told_as_zero() {
        let bars = Chart { kind: ChartKind::Bar, ..line(&[Some(0.0), None]) };
        assert_eq!(bars.description(), "p0 0.0 % [0.0–0.0]; p1 not known.");
    }
}
