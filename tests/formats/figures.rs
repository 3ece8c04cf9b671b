//! The same answers in all formats, read back out of each.

use std::ops::Range;

use serde_json::{Value as Json, json};
use session_risk::analysis::Scope;
use session_risk::analysis::catalogue::{Catalogue, Query};
use session_risk::analysis::header::ChartKind;
use session_risk::cli::report::Format;
use session_risk::report::text;

use super::{html_rows, markdown_cells, parquet};
use crate::report::{compared_page, lake, lake_before, options, page};
use crate::small_lake::SmallLake;

/// serde_json may miss the last bit of what it reads.
const EXACT: f64 = 1e-15;

/// A rate as one format tells it.
#[derive(Debug, Clone, PartialEq, Default)]
struct Reading {
    share: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    hits: Option<i64>,
    of: Option<i64>,
    /// Not told where it is 0 throughout.
    unknown: Option<i64>,
    /// What it was, and how it changed; only where it was compared.
    previous: Option<f64>,
    change: Option<f64>,
    /// `more`, `few`, or the row's state where there is no change to tell.
    mark: &'static str,
}

impl Reading {
    /// Whether another tells the same, as far as its decimals go.
    fn is(&self, other: &Self, within: f64) -> bool {
        let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= within,
            (a, b) => a.is_none() && b.is_none(),
        };
        near(self.share, other.share)
            && near(self.low, other.low)
            && near(self.high, other.high)
            && near(self.previous, other.previous)
            && near(self.change, other.change)
            && (self.hits, self.of, self.mark) == (other.hits, other.of, other.mark)
            && self.unknown.unwrap_or(0) == other.unknown.unwrap_or(0)
    }
}

/// What the JSON says: of each row its rate, or of the only row each of its rates.
fn told(query: &Query, json: &Json) -> Vec<Reading> {
    let rows = json["reports"][0]["rows"].as_array().unwrap();
    let rates = &query.header.rates;
    let all = rows.iter().flat_map(|row| rates.iter().map(move |rate| (row, rate)));
    all.map(|(row, rate)| {
        let number = |end: &str| row[format!("{}{end}", rate.name)].as_f64();
        let mark = match (row["state"].as_str(), number("_change"), number("_p")) {
            (Some("new"), ..) => "new",
            (Some("gone"), ..) => "gone",
            (Some("n/a"), ..) => "n/a",
            (Some("same"), Some(_), None) => "few",
            (Some("same"), Some(change), Some(p)) if change != 0.0 && p < 0.05 => "more",
            _ => "",
        };
        Reading {
            share: number(""),
            low: number("_low"),
            high: number("_high"),
            hits: row[&rate.numerator].as_i64(),
            of: row[&rate.denominator].as_i64(),
            unknown: row[format!("{}_unknown", rate.name)].as_i64(),
            previous: number("_previous"),
            change: number("_change"),
            mark,
        }
    })
    .collect()
}

/// How the rates stand in a line for people: for each of a line's rates whether what is unknown is told, which it is
/// where a row that is shown has any; and whether they were compared.
struct Shape {
    unknown: Vec<bool>,
    compared: bool,
}

fn shape(query: &Query, json: &Json, shown: Range<usize>) -> Shape {
    let report = &json["reports"][0];
    let rows = report["rows"].as_array().unwrap();
    let unknown =
        |name: &str| rows[shown.clone()].iter().any(|row| row[format!("{name}_unknown")].as_i64() > Some(0));
    let unknown: Vec<bool> = query.header.rates.iter().map(|rate| unknown(&rate.name)).collect();
    let sideways = query.header.key.is_empty() && rows.len() == 1;
    Shape {
        unknown: if sideways { vec![unknown.contains(&true)] } else { unknown },
        compared: report["columns"].as_array().unwrap().iter().any(|column| column["name"] == "state"),
    }
}

/// A cell that stands for nothing known, or reads as something.
fn or_nothing<T>(cell: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if cell == "–" { Some(None) } else { read(cell).map(Some) }
}

/// The rates out of a line's cells, from its end: `5.8 %`, `[5.4–6.3]`, `702 of 12,041`, how many are unknown, what it
/// was, and how it changed. None for a line that is no row.
fn from_cells(cells: &[String], shape: &Shape) -> Option<Vec<Reading>> {
    let whole = |text: &str| text.replace(',', "").parse::<i64>().ok();
    let share = |text: &str| {
        let text = text.trim_start_matches(['<', '>']);
        text.parse::<f64>().ok().map(|percent| percent / 100.0)
    };
    let percent = |cell: &str| or_nothing(cell, |cell| share(cell.strip_suffix(" %")?));
    let mut rest = cells.iter().rev().map(String::as_str);
    let mut readings = Vec::new();
    for told in shape.unknown.iter().rev() {
        let (change, mark) = if shape.compared { from_change(rest.next()?)? } else { (None, "") };
        let previous = if shape.compared { percent(rest.next()?)? } else { None };
        let unknown = if *told { or_nothing(rest.next()?, whole)? } else { None };
        let counts = or_nothing(rest.next()?, |cell| {
            let (hits, of) = cell.split_once(" of ")?;
            whole(hits).zip(whole(of))
        })?;
        let ends = or_nothing(rest.next()?, |cell| {
            let (low, high) = cell.strip_prefix('[')?.strip_suffix(']')?.split_once('–')?;
            share(low).zip(share(high))
        })?;
        let ((hits, of), (low, high)) = (counts.unzip(), ends.unzip());
        let share = percent(rest.next()?)?;
        readings.push(Reading { share, low, high, hits, of, unknown, previous, change, mark });
    }
    readings.reverse();
    Some(readings)
}

/// How a share changed: `▲ +1.2`, `−0.8`, `+3.4 ?`, or why that is not told.
fn from_change(cell: &str) -> Option<(Option<f64>, &'static str)> {
    if let Some(state) = ["new", "gone", "n/a"].into_iter().find(|state| *state == cell) {
        return Some((None, state));
    }
    let marked = cell.strip_prefix("▲ ").or_else(|| cell.strip_prefix("▼ "));
    let few = cell.strip_suffix(" ?");
    let number = marked.or(few).unwrap_or(cell);
    let points = number.replace('−', "-").replace(['+', '<'], "").parse::<f64>();
    let change = or_nothing(number, |_| points.ok().map(|points| points / 100.0))?;
    if let (Some(change), Some(_)) = (change, marked) {
        assert_eq!(cell.starts_with('▲'), change > 0.0, "{cell}");
    }
    Some((
        change,
        if marked.is_some() {
            "more"
        } else if few.is_some() {
            "few"
        } else {
            ""
        },
    ))
}

fn from_terminal(shown: &str, shape: &Shape) -> Vec<Reading> {
    let is_bar = |c: char| ('\u{2588}'..='\u{258f}').contains(&c);
    let cells = |line: &str| {
        let cells = line.split("  ").map(|cell| cell.trim().trim_matches(is_bar).trim().to_owned());
        cells.filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    shown.lines().filter_map(|line| from_cells(&cells(line), shape)).flatten().collect()
}

fn from_markdown(shown: &str, shape: &Shape) -> Vec<Reading> {
    let lines = shown.lines().filter(|line| line.starts_with('|'));
    lines.filter_map(|line| from_cells(&markdown_cells(line), shape)).flatten().collect()
}

fn from_html(shown: &str, query: &Query, shape: &Shape) -> Vec<Reading> {
    let mut rows = html_rows(shown).into_iter();
    // Where there is no row there is no table.
    let Some(heads) = rows.next() else { return Vec::new() };
    let heads: Vec<String> = heads.into_iter().map(|head| head.text).collect();
    let names = query.header.rates.iter().map(|rate| text::label(&rate.name));
    let names: Vec<String> =
        if query.header.key.is_empty() { vec!["Share".to_owned()] } else { names.collect() };
    let mut readings = Vec::new();
    for row in rows {
        let number = |at: usize, name: &str| row[at].attribute(name).map(|text| text.parse::<f64>().unwrap());
        let whole = |at: usize, name: &str| row[at].attribute(name).map(|text| text.parse::<i64>().unwrap());
        for (name, unknown) in names.iter().zip(&shape.unknown) {
            let at = heads.iter().position(|head| head == name).unwrap();
            let change = at + 4 + usize::from(*unknown);
            let mark = match shape.compared.then(|| row[change].text.split(',').next().unwrap()) {
                Some(words) => from_change(words).unwrap().1,
                None => "",
            };
            let p = shape.compared.then(|| number(change, "data-p")).flatten();
            assert_eq!(
                p.is_some_and(|p| p < 0.05 && number(change, "data-value") != Some(0.0)),
                mark == "more"
            );
            readings.push(Reading {
                share: number(at, "data-value"),
                low: number(at + 1, "data-low"),
                high: number(at + 1, "data-high"),
                hits: whole(at + 2, "data-count"),
                of: whole(at + 2, "data-of"),
                unknown: if *unknown { whole(at + 3, "data-value") } else { None },
                previous: if shape.compared { number(change - 1, "data-value") } else { None },
                change: if shape.compared { number(change, "data-value") } else { None },
                mark,
            });
        }
    }
    readings
}

/// A mail's rates, each with all that it rests on in one cell: `5.8 % [5.4–6.3]`, below it `702 of 12,041, 6,546 unknown`
/// and `▲ +1.2 from 4.6 %`. Only a headline's share has a cell of its own, before that.
fn from_mail(shown: &str, shape: &Shape) -> Vec<Reading> {
    const BREAK: char = '¦';
    let words = shown.replace("<br>", "¦").replace('\u{a0}', " ");
    let mut readings = Vec::new();
    for row in html_rows(&words) {
        let cells: Vec<&str> = row.iter().map(|cell| cell.text.as_str()).collect();
        let rates = (0..cells.len()).filter(|at| cells[*at].contains(BREAK));
        for (at, unknown) in rates.zip(&shape.unknown) {
            let parts: Vec<&str> = cells[at].split(BREAK).collect();
            assert_eq!(parts.len(), if shape.compared { 3 } else { 2 }, "{}", cells[at]);
            let (share, interval) = parts[0].rsplit_once(' ').unwrap_or_else(|| (cells[at - 1], parts[0]));
            let mut told = vec![share, interval];
            match parts[1].strip_suffix(" unknown").and_then(|counts| counts.rsplit_once(", ")) {
                Some((counts, unknown)) => told.extend([counts, unknown]),
                None => told.push(parts[1]),
            }
            if shape.compared {
                let (change, before) = parts[2].split_once(" from ").unwrap_or((parts[2], "–"));
                told.extend([before, change]);
            }
            let told: Vec<String> = told.into_iter().map(str::to_owned).collect();
            let shape = Shape { unknown: vec![*unknown], compared: shape.compared };
            readings.extend(from_cells(&told, &shape).unwrap_or_else(|| panic!("{told:?}")));
        }
    }
    readings
}

/// The CSV as the JSON has it: column names, and each cell as text.
fn assert_csv_is_the_json(csv: &str, json: &Json) {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let report = &json["reports"][0];
    let columns: Vec<&str> =
        report["columns"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect();
    assert_eq!(reader.headers().unwrap(), columns);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let expected = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(expected) {
        for (cell, column) in row.iter().zip(&columns) {
            let same = match &expected[*column] {
                Json::Null => cell.is_empty(),
                Json::Number(number) if number.is_f64() => {
                    (cell.parse::<f64>().unwrap() - number.as_f64().unwrap()).abs() <= EXACT
                }
                // CSV writes out what steers a screen.
                Json::String(value) => cell == text::visible(value),
                Json::Number(number) => cell.parse().ok() == number.as_i64(),
                Json::Bool(flag) => cell.parse().ok() == Some(*flag),
                other => panic!("a row holds {other}"),
            };
            assert!(same, "{column}: {cell} in CSV, {} in JSON", expected[*column]);
        }
    }
}

/// Renders a query in all formats and compares what each tells; gives how many rates it compared.
fn assert_same_everywhere(query: &Query, scope: &Scope, earlier: Option<&Scope>) -> usize {
    let in_format = |format| {
        let mut options = options(&["network_risk"], format, 400);
        options.queries = vec![query.clone()];
        compared_page(&options, scope, earlier)
    };
    let json: Json = serde_json::from_str(&in_format(Format::Json)).unwrap();
    assert_csv_is_the_json(&in_format(Format::Csv), &json);
    parquet::assert_is_the_json(query, scope, earlier, &json);
    if query.header.rates.is_empty() {
        return 0;
    }
    let told = told(query, &json);
    // The last decimal of a percentage: what is under 0.1 % or over 99.9 % is told as that.
    const DECIMAL: f64 = 0.001;
    let is_series = query.header.chart.as_ref().is_some_and(|chart| chart.kind == ChartKind::Line);
    // People are shown twenty rows of a ranking, ten in a mail and there of a series the newest.
    let rates = query.header.rates.len();
    let all = told.len() / rates;
    let own = told.iter().rposition(|reading| reading.mark != "gone").map_or(0, |at| at / rates + 1);
    let first = 0..if is_series { all } else { all.min(20) };
    let in_mail = if is_series { own.saturating_sub(10)..own } else { 0..all.min(10) };
    let readings = |rows: &Range<usize>| &told[rows.start * rates..rows.end * rates];
    let (of_first, of_mail) = (shape(query, &json, first.clone()), shape(query, &json, in_mail.clone()));
    for (format, read, rows, within) in [
        ("HTML", from_html(&in_format(Format::Html), query, &of_first), &first, EXACT),
        ("Markdown", from_markdown(&in_format(Format::Markdown), &of_first), &first, DECIMAL),
        ("the terminal", from_terminal(&in_format(Format::Terminal), &of_first), &first, DECIMAL),
        ("a mail", from_mail(&in_format(Format::Mail), &of_mail), &in_mail, DECIMAL),
    ] {
        let expected = readings(rows);
        assert_eq!(read.len(), expected.len(), "{} in {format}: {read:#?}", query.name);
        for (read, told) in read.iter().zip(expected) {
            assert!(read.is(told, within), "{} in {format}: {read:?}, {told:?} in JSON", query.name);
        }
    }
    told.len()
}

#[test]
fn the_figures_are_the_same_in_all_formats() {
    let lake = lake();
    let catalogue = Catalogue::built_in().unwrap();
    let compare = |query: &Query| assert_same_everywhere(query, &lake.scope(), None);
    let compared: usize = catalogue.queries().iter().map(compare).sum();
    assert!(compared > 60, "{compared}");
}

#[test]
fn what_was_compared_is_the_same_in_all_formats() {
    let (lake, before) = (lake(), lake_before());
    let mut states = String::new();
    for missing in [None, Some("2026-10-05"), Some("2026-10-23")] {
        let earlier = before.scope_before(missing);
        for query in Catalogue::built_in().unwrap().queries() {
            assert_same_everywhere(query, &lake.scope(), Some(&earlier));
            let options = options(&[&query.name], Format::Csv, 80);
            states += &compared_page(&options, &lake.scope(), Some(&earlier));
        }
    }
    for state in ["same", "new", "gone", "n/a"] {
        assert!(states.contains(&format!(",{state}\r\n")), "{state} is not tried");
    }
}

#[test]
fn what_is_not_known_is_not_zero_in_any_format() {
    // Nobody assessed DE; of FR all are known and none is high.
    let lake = SmallLake::new([
        json!({"country_code": "DE"}),
        json!({"country_code": "FR", "threat_level": "low", "is_vpn": false}),
        json!({}),
    ]);
    for query in Catalogue::built_in().unwrap().queries() {
        assert_same_everywhere(query, &lake.scope(), None);
    }
    let shown = |format| page(&options(&["threat_by_country"], format, 240), &lake.scope());
    let csv = shown(Format::Csv);
    assert!(csv.contains("DE,,1,0,0,0,0,0,,,,1\r\n"), "{csv}");
    assert!(csv.contains("FR,,1,1,1,0,0,0,0,0,0.793"), "{csv}");
    let html = html_rows(&shown(Format::Html));
    let row = |key: &str| html.iter().find(|row| row[0].text.starts_with(key)).unwrap();
    let share = |key: &str| {
        row(key)
            .iter()
            .find(|cell| cell.tag == "td" && !cell.text.is_empty() && !cell.attributes.contains("text"))
            .unwrap()
    };
    assert_eq!((share("DE").text.as_str(), share("DE").attribute("data-value")), ("–", None));
    assert_eq!((share("FR").text.as_str(), share("FR").attribute("data-value")), ("0.0 %", Some("0".into())));
    let markdown = shown(Format::Markdown);
    assert!(markdown.contains("| DE \\* | – | 0 | 0 | 0 | – | – | 0 of 0 | 1 |"), "{markdown}");
}

#[test]
fn rows_without_a_rate_or_with_many_and_values_of_every_type_are_whole_in_every_format() {
    let rows = [
        json!({"created_at": "2026-11-20T23:30:00.120Z", "is_vpn": true, "latitude": 0.1, "os_name": "é"}),
        json!({"created_at": "2026-11-19T00:00:00Z", "is_vpn": false}),
    ];
    let lake = SmallLake::new(rows);
    let all = "SELECT created_at, created_date, is_vpn, latitude, os_name, longitude, 9007199254740993 AS big, \
               COUNT(*) OVER () AS n, COUNT(is_tor) OVER () AS m FROM sessions ORDER BY created_at";
    for header in [
        "-- title: T\n-- question: Q?\n\n",
        "-- title: T\n-- question: Q?\n-- key: created_date, os_name\n-- chart: line latitude by created_date\n\n",
        "-- title: T\n-- question: Q?\n-- key: created_date\n-- rate: a_rate = m / n of n\n\
         -- rate: b_rate = n / n of n\n-- chart: bar latitude by is_vpn\n\n",
    ] {
        let query = Query::parse("query", "x.sql", &format!("{header}{all}")).unwrap();
        assert_eq!(query.header.rates.len(), header.matches("rate:").count());
        let mut options = options(&["network_risk"], Format::Json, 240);
        options.queries = vec![query];
        let json: Json = serde_json::from_str(&page(&options, &lake.scope())).unwrap();
        options.format = Format::Csv;
        assert_csv_is_the_json(&page(&options, &lake.scope()), &json);
        for format in [Format::Terminal, Format::Markdown, Format::Html] {
            options.format = format;
            let shown = page(&options, &lake.scope());
            // A mail has no room for all columns, and says which it leaves out.
            for words in ["2026-11-20 23:30:00", "yes", "0.10", "é", "–", "9,007,199,254,740,993"] {
                let escaped = words.replace(':', "\\:");
                assert!(shown.contains(words) || shown.contains(&escaped), "{words} in {format:?}: {shown}");
            }
        }
        assert!(page(&options, &lake.scope()).contains("data-value=\"9007199254740993\""));
    }
}

#[test]
fn a_report_without_rows_says_so_in_every_format() {
    let lake = SmallLake::new([]);
    for format in super::OF_TEXT {
        let shown = page(&options(&["device_mix"], format, 80), &lake.scope());
        let said = match format {
            Format::Json => shown.contains("\"rows\": []"),
            Format::Csv => shown.lines().count() == 1 && shown.starts_with("device_type,os_name,sessions,"),
            _ => shown.contains("No rows."),
        };
        assert!(said, "{format:?}: {shown}");
    }
}
