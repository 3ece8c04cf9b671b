//! The formats of a report: the same figures in each, and no session's text with a will of its own in any.

use session_risk::cli::report::Format;

mod contrast;
pub(crate) mod cut;
mod figures;
mod hostile;
mod looks;
mod mail;
mod page;
mod parquet;

/// Every format that is text.
pub(crate) const OF_TEXT: [Format; 6] =
    [Format::Terminal, Format::Json, Format::Csv, Format::Markdown, Format::Html, Format::Mail];

/// A Markdown table row's cells, unescaped.
fn markdown_cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut chars = line.trim_matches('|').chars();
    while let Some(c) = chars.next() {
        match (c, cells.last_mut()) {
            ('\\', Some(cell)) => cell.extend(chars.next()),
            ('|', _) => cells.push(String::new()),
            (c, Some(cell)) => cell.push(c),
            _ => {}
        }
    }
    cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
}

/// An element of a page: its attributes as they stand, and the text within.
#[derive(Debug)]
struct Element {
    tag: String,
    attributes: String,
    text: String,
}

impl Element {
    fn attribute(&self, name: &str) -> Option<String> {
        let (_, rest) = self.attributes.split_once(&format!(" {name}=\""))?;
        Some(unescaped(rest.split('"').next()?))
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// The rows of every table of a page, heads included.
fn html_rows(html: &str) -> Vec<Vec<Element>> {
    let cells = |row: &str| {
        let row = row.split("</tr>").next().unwrap();
        let begins: Vec<usize> = row.match_indices("<t").map(|(at, _)| at).collect();
        let ends = begins.iter().skip(1).copied().chain([row.len()]);
        let cells = begins.iter().zip(ends).map(|(begin, end)| element(&row[begin + 1..end]));
        cells.collect::<Vec<_>>()
    };
    html.split("<tr").skip(1).map(cells).collect()
}

fn element(text: &str) -> Element {
    let (tag, within) = text.split_once('>').unwrap();
    let name = tag.split(' ').next().unwrap();
    let mut plain = String::new();
    for piece in within.split('<') {
        plain.push_str(piece.split_once('>').map_or(piece, |(_, after)| after));
    }
    Element { tag: name.to_owned(), attributes: tag[name.len()..].to_owned(), text: unescaped(plain.trim()) }
}
