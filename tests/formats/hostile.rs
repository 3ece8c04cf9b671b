//! Session values are chosen by clients: in no format do they do anything but show, and JSON has them whole.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use session_risk::analysis::catalogue::Query;
use session_risk::cli::report::{Format, ReportOptions};
use session_risk::report::text;

use super::parquet::File;
use super::{html_rows, markdown_cells};
use crate::report::{bytes, options, page};
use crate::small_lake::SmallLake;

const SQL: &str = "-- title: Agents <b>&\n-- question: Which | \"agents\"?\n-- key: user_agent\n\
                   -- rate: vpn_rate = vpn / vpn_known of sessions\n-- chart: bar vpn_rate by user_agent\n\
                   -- note: <i>@octocat</i> | a\n\n\
                   SELECT user_agent, MAX(os_name) AS os_name, COUNT(*) AS sessions, \
                   COUNT(*) FILTER (WHERE is_vpn) AS vpn, COUNT(is_vpn) AS vpn_known \
                   FROM sessions GROUP BY user_agent ORDER BY user_agent";

fn hostile() -> Vec<String> {
    let mut values: Vec<String> = [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
        "\r=1+1",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</table></svg></style><script src=//evil.example></script>",
        "&lt;b&gt; &amp; &#64;",
        "]]> --> <!-- a",
        "a | b \\| c \\",
        "`code` ``",
        "[link](http://evil.example) ![image](https://evil.example/x.png)",
        "www.evil.example me@evil.example",
        "@octocat see #12 **bold** _x_ ~y~ $z$",
        "\u{1b}]0;owned\u{7}\u{1b}[31mred\u{9b}2J",
        "line\r\nbreak\n\n# heading\n- item",
        "right\u{202e}to\u{2066}left\u{200f}\u{61c}",
        "nothing\u{0}\u{feff}\u{200b}seen\u{e0041}",
        "\u{301}\u{489} lone marks",
        "مرحبا שלום 日本語 👩‍👩‍👧",
    ]
    .map(str::to_owned)
    .into();
    values.push(format!("Mozilla/5.0 {}", "x".repeat(8000)));
    values.push("a b ".repeat(2000));
    values
}

fn lake() -> SmallLake {
    let row =
        |(at, value): (usize, String)| json!({"user_agent": value, "os_name": value, "is_vpn": at % 2 == 0});
    SmallLake::new(hostile().into_iter().enumerate().map(row))
}

fn in_format(format: Format) -> (SmallLake, ReportOptions) {
    let mut options = options(&["network_risk"], format, 120);
    options.queries = vec![Query::parse("agents", "x.sql", SQL).unwrap()];
    (lake(), options)
}

fn shown(format: Format) -> String {
    let (lake, options) = in_format(format);
    page(&options, &lake.scope())
}

#[test]
fn nothing_steers_a_screen_in_any_format() {
    for format in super::OF_TEXT {
        let shown = shown(format);
        // RFC 4180 ends its lines so.
        let shown = if format == Format::Csv { shown.replace("\r\n", "\n") } else { shown };
        let found = shown.chars().find(|c| *c != '\n' && text::steers(*c));
        assert_eq!(found, None, "{format:?}");
    }
}

#[test]
fn json_has_every_value_whole() {
    let json: Json = serde_json::from_str(&shown(Format::Json)).unwrap();
    let rows = json["reports"][0]["rows"].as_array().unwrap();
    let agents: BTreeSet<&str> = rows.iter().map(|row| row["user_agent"].as_str().unwrap()).collect();
    let hostile = hostile();
    assert_eq!(agents, hostile.iter().map(String::as_str).collect());
}

#[test]
fn parquet_has_every_value_whole() {
    let (lake, options) = in_format(Format::Parquet);
    let rows = File::of(bytes(&options, &lake.scope(), None)).rows;
    let agents: BTreeSet<&str> = rows.iter().map(|row| row["user_agent"].as_str().unwrap()).collect();
    let hostile = hostile();
    assert_eq!(agents, hostile.iter().map(String::as_str).collect());
}

#[test]
fn no_csv_cell_is_a_formula_and_each_is_whole() {
    let csv = shown(Format::Csv);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), hostile().len());
    let mut apostrophes = 0;
    for row in &rows {
        for cell in row {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
        apostrophes += usize::from(row[0].starts_with('\'') && row[0] != *"' onmouseover='alert(1)");
    }
    assert_eq!(apostrophes, 7);
    assert!(rows.iter().any(|row| row[0].len() > 8000));
    // Numbers below zero are no formulas.
    let (lake, mut options) = in_format(Format::Csv);
    let sql = "-- title: T\n-- question: Q?\n\nSELECT -5 AS n, -0.5 AS x";
    options.queries = vec![Query::parse("n", "x.sql", sql).unwrap()];
    assert_eq!(page(&options, &lake.scope()), "n,x\r\n-5,-0.5\r\n");
}

#[test]
fn markdown_shows_every_value_in_its_own_cell_and_links_nothing() {
    let markdown = shown(Format::Markdown);
    let rows: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 2 + 20);
    for row in &rows {
        assert_eq!(markdown_cells(row).len(), 5, "{row}");
        assert!(text::width(row) < 700, "{row}");
    }
    // What is left when every escaped character is taken away begins no markup, no link and no mention.
    let mut bare = String::new();
    let mut chars = markdown.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            c => bare.push(c),
        }
    }
    for line in bare.lines() {
        let line = line.trim_start_matches("- ").trim_start_matches(['#', '|']);
        let line = line.replace("&#8203;", "").replace("[low–high]", "");
        // Intervals are ours.
        let line: String = line.split('|').filter(|cell| !cell.contains('–')).collect();
        assert!(!line.contains(['<', '>', '`', '*', '_', '[', ']', '~', '&', '@', '#', '$']), "{line}");
    }
    assert!(markdown.contains("\\@&#8203;octocat"), "a mention is a mention: {markdown}");
    assert!(!markdown.contains("@octocat") && !markdown.contains("www.evil") && !markdown.contains("http:"));
    let script = rows.iter().any(|row| markdown_cells(row)[0].contains("<script>alert(1)</script>"));
    assert!(script, "it is shown as it was: {markdown}");
}

/// The names of the elements of a page, each of which is one of these and has no attribute that does something.
fn elements<'a>(html: &'a str, known: &str) -> BTreeSet<&'a str> {
    let known: BTreeSet<&str> = known.split(' ').collect();
    let mut seen = BTreeSet::new();
    for piece in html.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').unwrap();
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap().trim_end_matches('/');
        if name.starts_with("!--") {
            continue;
        }
        assert!(known.contains(name), "<{tag}>");
        // Every attribute is one of ours: what stands between quotes ends with them.
        for (at, part) in tag.split('"').enumerate() {
            let attribute = at % 2 == 0;
            assert!(!(attribute && part.trim_start().starts_with("on")), "<{tag}>");
            assert!(!(attribute && part.contains(['\'', '<'])), "<{tag}>");
            assert!(!part.contains("javascript:"), "<{tag}>");
        }
        assert!(name == "style" || !after.contains('>'), "{after}");
        seen.insert(name);
    }
    seen
}

#[test]
fn html_holds_no_element_or_attribute_but_its_own() {
    const TAGS: &str = "!DOCTYPE html head meta title style body header h1 ul li strong p div nav a main section h2 \
                        span dl dt dd figure figcaption svg desc polyline circle rect defs clipPath line text g table caption thead \
                        tr th tbody td details summary code pre footer";
    let html = shown(Format::Html);
    let seen = elements(&html, TAGS);
    assert!(seen.contains("svg") && seen.contains("td"), "{seen:?}");
    assert_eq!(html.matches("</html>").count(), 1);
    assert_eq!(html.matches("<table>").count(), html.matches("</table>").count());
    let rows = html_rows(&html);
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{rows:#?}");
    assert!(rows.iter().any(|row| row[0].text == "<script>alert(1)</script>"), "it is shown as it was");
    assert!(rows.iter().flatten().all(|cell| text::width(&cell.text) <= 160));
    // No attribute of style, no address of anything.
    assert!(!html.contains(" style=") && !html.contains(" src=\"") && !html.contains("href=\"h"));
}

#[test]
fn a_mail_holds_nothing_that_mail_programs_drop_and_no_value_becomes_a_link() {
    const TAGS: &str = "!DOCTYPE html head meta title body h1 h2 p table tr th td b br hr nobr";
    const DROPPED: [&str; 10] =
        [" class=", " id=", "href", "src=", "url(", "@import", "background", "position", "display", "float"];
    // A mail shows ten rows: those of three orders are most of them.
    let mut values = String::new();
    for (rows, order) in [("", "ASC"), ("", "DESC"), ("WHERE user_agent >= '='", "ASC")] {
        let sql = SQL.replace("FROM sessions", &format!("FROM sessions {rows}"));
        let sql = sql.replace("ORDER BY user_agent", &format!("ORDER BY user_agent {order}"));
        let (lake, mut options) = in_format(Format::Mail);
        options.queries = vec![Query::parse("agents", "x.sql", &sql).unwrap()];
        let mail = page(&options, &lake.scope());
        let seen = elements(&mail, TAGS);
        assert!(seen.contains("td") && seen.contains("p"), "{seen:?}");
        for dropped in DROPPED {
            let mut tags = mail.split('<').filter_map(|piece| piece.split('>').next());
            assert_eq!(tags.find(|tag| tag.contains(dropped)), None, "{dropped}");
        }
        assert_eq!(mail.matches("</html>").count(), 1);
        for tag in ["table", "tr", "td", "th", "p ", "b>"] {
            let [begun, ended] =
                [format!("<{tag}"), format!("</{}", tag.trim())].map(|tag| mail.matches(&tag).count());
            assert_eq!(begun, ended, "<{tag}");
        }
        // RFC 5322: a line has at most 998 characters.
        assert!(mail.lines().all(|line| line.len() <= 998));
        values.extend(html_rows(&mail).into_iter().skip(2).flatten().map(|cell| cell.text));
    }
    // What mail programs would make links of: addresses of the web, of mail, names of hosts.
    for link in ["http://", "www.evil", "me@evil", "evil.example"] {
        assert!(!values.contains(link), "{link}: {values}");
    }
    for shown in
        ["http:&#8203;//evil.&#8203;example", "me@&#8203;evil.&#8203;example", "<script>alert(1)</script>"]
    {
        assert!(values.contains(shown), "it is shown as it was: {shown}: {values}");
    }
}

#[test]
fn a_check_of_tags_sees_what_is_not_escaped() {
    let planted = shown(Format::Html).replacen("&lt;script&gt;", "<script>", 1);
    let names: Vec<&str> = planted.split('<').filter_map(|piece| piece.split(['>', ' ']).next()).collect();
    assert!(names.contains(&"script"));
    assert!(!shown(Format::Html).split('<').any(|piece| piece.starts_with("script")));
}
