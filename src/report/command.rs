//! The command that lists the sessions behind a row, as words and as a line for a shell.
//!
//! Owns the quoting: whatever a session says stays one word, and nothing in it steers the screen that the line is
//! shown on. Must not know the query engine.

use crate::analysis::Answer;
use crate::analysis::header::Detail;
use crate::analysis::table::Value;
use crate::range::DayRange;

use super::layout::exact;
use super::{Page, text};

/// What says which row it is, before each column that names one.
pub const FLAG: &str = "--detail";

/// The command's words but for those that say which row; none where the report has no sessions behind its rows.
pub fn words(page: &Page<'_>, answer: &Answer) -> Option<Vec<String>> {
    over(page.scope.range, page, answer)
}

fn over(range: DayRange, page: &Page<'_>, answer: &Answer) -> Option<Vec<String>> {
    let header = &answer.query.header;
    if header.details.is_empty() {
        return None;
    }
    let mut words: Vec<String> = ["session-risk", "query", &answer.query.name].map(str::to_owned).into();
    words.extend(page.sources.iter().cloned());
    if header.without_trusted {
        words.extend(page.trust.iter().cloned());
    }
    words.extend(["--since".to_owned(), range.since().to_string()]);
    words.extend(["--until".to_owned(), range.until().to_string()]);
    for parameter in &header.parameters {
        let placeholder = format!(":{}", parameter.name);
        let named = |detail: &Detail| detail.expressions.iter().any(|sql| sql.contains(&placeholder));
        let value = answer.parameters.get(&parameter.name).filter(|value| **value != parameter.default);
        if let Some(value) = value.filter(|_| header.details.iter().any(named)) {
            words.extend(["--param".to_owned(), format!("{}={value}", parameter.name)]);
        }
    }
    Some(words)
}

/// The words of the command for one row, each as a shell reads it back. None where there is no such command: a
/// character of code zero is in no argument of any program.
pub fn of_row(page: &Page<'_>, answer: &Answer, row: usize) -> Option<Vec<String>> {
    // What is gone has its sessions in the earlier window.
    let window = if row < answer.own_rows() { page.scope } else { page.earlier? };
    let mut words = over(window.range, page, answer)?;
    for detail in &answer.query.header.details {
        let name = &detail.column;
        words.push(FLAG.to_owned());
        words.push(match answer.table.value(row, name) {
            Value::Null => name.clone(),
            value => format!("{name}={}", exact(value)),
        });
    }
    let whole = row < answer.table.rows.len() && words.iter().all(|word| !word.contains('\0'));
    whole.then(|| words.iter().map(|word| quoted(word)).collect())
}

/// The words in lines of at most that width that a shell reads as one; none if a word is longer.
pub fn lines(words: &[String], width: usize) -> Option<Vec<String>> {
    const INDENT: usize = 2;
    const GOES_ON: &str = " \\";
    let room = width.checked_sub(INDENT + GOES_ON.len())?;
    if words.iter().any(|word| text::width(word) > room) {
        return None;
    }
    let mut parts: Vec<String> = Vec::new();
    for word in words {
        // A flag stays beside its value, where a line has room for both.
        match parts.last_mut().filter(|flag| flag.starts_with("--") && !flag.contains(' ')) {
            Some(flag) if text::width(flag) + 1 + text::width(word) <= room => *flag += &format!(" {word}"),
            _ => parts.push(word.clone()),
        }
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let mut lines = text::fill(&parts, " ", room);
    let last = lines.pop()?;
    let lines = lines.iter().map(|line| format!("{:INDENT$}{line}{GOES_ON}", ""));
    Some(lines.chain([format!("{:INDENT$}{last}", "")]).collect())
}

/// The word as a POSIX shell reads it. What steers a screen is written in octal, which is younger than the rest of
/// the quoting: bash, zsh and ksh know it, and POSIX since 2024.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if !word.contains(text::steers) {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    let mut shown = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' | '\\' => shown.extend(['\\', c]),
            c if text::steers(c) => {
                let mut buffer = [0; 4];
                let bytes = c.encode_utf8(&mut buffer).bytes();
                shown.extend(bytes.map(|byte| format!("\\{byte:03o}")));
            }
            c => shown.push(c),
        }
    }
    shown + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_as_little_as_it_needs() {
        for (word, shown) in [
            ("country_code=US", "country_code=US"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$HOME;`x`", "'$HOME;`x`'"),
            ("it's", "'it'\\''s'"),
            ("it's\n", "$'it\\'s\\012'"),
            ("\u{1b}[2J\\", "$'\\033[2J\\\\'"),
            ("\u{202e}1", "$'\\342\\200\\2561'"),
            ("日本", "'日本'"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }

    #[test]
    fn a_long_command_goes_on_in_the_next_line_and_no_word_is_broken() {
        let words: Vec<String> = ["query", "device_mix", "--lake", "'a lake'"].map(str::to_owned).into();
        assert_eq!(
            lines(&words, 22),
            Some(vec!["  query device_mix \\".to_owned(), "  --lake 'a lake'".into()])
        );
        assert_eq!(lines(&words, 15).map(|lines| lines.len()), Some(4));
        assert_eq!(lines(&words, 13), None);
        assert_eq!(lines(&words, 3), None);
    }
}
