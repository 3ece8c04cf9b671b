//! What one user agent says of itself: which browser or app, of which version, on which system.
//!
//! Owns the rules by which that is read (uap-core's, in `rules/`) and how much of a text is looked at: it may be of any
//! length, and of any content. Must not know how many sessions have it, nor what is thought of it.

use std::sync::{LazyLock, OnceLock};

use regex::{Captures, Regex};
use serde::Deserialize;

/// How much of a user agent is read. Real ones have some 100 to 300 bytes.
const MOST_BYTES: usize = 512;

/// The rules that are built in, read when the first user agent is.
static RULES: LazyLock<Result<Rules, serde_json::Error>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../../rules/user_agents.json")));

/// What a user agent says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agent {
    /// The browser or the app; none where no rule knows it.
    pub(super) family: Option<String>,
    /// Its major version, where that is a number.
    pub(super) major: Option<i64>,
    /// The family of the operating system.
    pub(super) system: Option<String>,
}

/// The rules, of which the first that matches counts.
#[derive(Debug, Deserialize)]
pub(super) struct Rules {
    browsers: Vec<Rule>,
    systems: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    regex: String,
    /// One of them is in every text that the expression matches; with none of them it has to be tried.
    words: Vec<String>,
    /// What it finds, where `$1` stands for what its first group has. Without it, that is the name.
    name: Option<String>,
    /// Without it, the second group has the version.
    major: Option<String>,
    /// Most are never needed.
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
}

impl Rules {
    /// The rules that are built in. The error is a defect of the program, and as good as never seen.
    pub(super) fn built_in() -> Result<&'static Self, &'static serde_json::Error> {
        RULES.as_ref()
    }

    /// What a user agent says, as far as it is looked at.
    pub(super) fn agent(&self, text: &str) -> Agent {
        let text = head(text);
        let browser = self.browsers.iter().find_map(|rule| Some((rule, rule.captures(text)?)));
        let major = browser.as_ref().and_then(|(rule, captures)| rule.major(captures));
        Agent {
            family: browser.and_then(|(rule, captures)| rule.name(&captures)),
            major,
            system: self.systems.iter().find_map(|rule| Some(rule.name(&rule.captures(text)?))).flatten(),
        }
    }
}

impl Rule {
    fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        let may_match = self.words.is_empty() || self.words.iter().any(|word| text.contains(word.as_str()));
        may_match.then(|| self.regex()?.captures(text)).flatten()
    }

    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&self.regex).ok()).as_ref()
    }

    /// What it found, if that is a name and not just that it is none of the others'.
    fn name(&self, captures: &Captures<'_>) -> Option<String> {
        let group = |nth: usize| captures.get(nth).map_or("", |group| group.as_str());
        let name = match &self.name {
            Some(template) => (1..captures.len())
                .fold(template.clone(), |name, nth| name.replace(&format!("${nth}"), group(nth))),
            None => group(1).to_owned(),
        };
        Some(name.trim().to_owned()).filter(|name| !name.is_empty() && name != "Other")
    }

    fn major(&self, captures: &Captures<'_>) -> Option<i64> {
        let digits = self.major.as_deref().or_else(|| Some(captures.get(2)?.as_str()))?;
        // Nobody has come to a million yet.
        let is_number = digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_number)
    }
}

/// As much of a text as is looked at.
pub(super) fn head(text: &str) -> &str {
    let mut end = text.len().min(MOST_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn told(text: &str) -> (Option<String>, Option<i64>, Option<String>) {
        let Agent { family, major, system } = Rules::built_in().unwrap().agent(text);
        (family, major, system)
    }

    #[test]
    fn browsers_apps_and_tools_are_told_by_name_version_and_system() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        let apple = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X)";
        for (text, family, major, system) in [
            (
                format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/143.0.0.0 Safari/537.36"),
                "Chrome",
                143,
                "Windows",
            ),
            (
                format!(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/143.0.0.0 Safari/537.36 Edg/142.0.0.0"
                ),
                "Edge",
                142,
                "Windows",
            ),
            (
                format!("Mozilla/5.0 (Linux; Android 10; K) {webkit} Chrome/143.0.0.0 Mobile Safari/537.36"),
                "Chrome Mobile",
                143,
                "Android",
            ),
            (format!("{iphone} {apple} Version/26.0 Mobile/15E148 Safari/604.1"), "Mobile Safari", 26, "iOS"),
            (
                format!("{iphone} {apple} CriOS/143.0.7499.34 Mobile/15E148 Safari/604.1"),
                "Chrome Mobile iOS",
                143,
                "iOS",
            ),
            (
                format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} HeadlessChrome/140.0.0.0 Safari/537.36"),
                "HeadlessChrome",
                140,
                "Linux",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0".into(),
                "Firefox",
                145,
                "Mac OS X",
            ),
            ("Inquiry/2.20.1 (Linux; Android 14; Pixel 8) okhttp/4.12.0".into(), "okhttp", 4, "Android"),
        ] {
            let expected = (Some(family.to_owned()), Some(major), Some(system.to_owned()));
            assert_eq!(told(&text), expected, "{text}");
        }
        assert_eq!(told("python-requests/2.31.0"), (Some("Python Requests".into()), Some(2), None));
        for nobody in ["", " ", "–", "\u{202e}evil", "Mozilla"] {
            assert_eq!(told(nobody), (None, None, None), "{nobody}");
        }
    }

    #[test]
    fn no_more_is_read_than_a_user_agent_has_and_no_letter_is_cut_in_two() {
        let behind = |letters: usize| "x".repeat(letters) + " CriOS/143";
        assert_eq!(told(&behind(502)).1, Some(143));
        // The last digit is beyond it.
        assert_eq!(told(&behind(503)).1, Some(14));
        assert_eq!(told(&behind(100_000)), (None, None, None));
        assert_eq!(head(&"ß".repeat(300)).len(), 512);
        assert_eq!(head(&("x".to_owned() + &"ß".repeat(300))).len(), 511);
        assert_eq!(head(&"\u{1f600}".repeat(200)).len(), 512);
    }

    #[test]
    fn a_version_is_a_number_of_a_few_digits() {
        let major = |digits: &str| told(&format!("x CriOS/{digits} y")).1;
        assert_eq!(["143", "0", "007", "999999"].map(major), [Some(143), Some(0), Some(7), Some(999_999)]);
        assert_eq!(["", "1000000", "-1", "٣", "x"].map(major), [None; 5]);
        let rule = |major: &str| {
            let rule = format!(r#"{{"regex": "x", "words": [], "name": "x", "major": "{major}"}}"#);
            Rules { browsers: vec![serde_json::from_str(&rule).unwrap()], systems: Vec::new() }
                .agent("x")
                .major
        };
        assert_eq!(["7", "1.2", "x"].map(rule), [Some(7), None, None]);
    }

    #[test]
    fn every_rule_is_an_expression_and_nearly_all_begin_with_words() {
        let Rules { browsers, systems } = Rules::built_in().unwrap();
        assert!(browsers.len() > 400 && systems.len() > 200);
        for rule in browsers.iter().chain(systems) {
            assert!(rule.regex().is_some(), "{}", rule.regex);
        }
        assert!(browsers.iter().chain(systems).filter(|rule| rule.words.is_empty()).count() < 5);
    }

    #[test]
    fn the_first_rule_that_matches_counts_and_fills_its_name() {
        let json = r#"{
            "browsers": [
                {"regex": "(a)b", "words": ["never there"]},
                {"regex": "(a)(b)(c)", "words": ["x", "bc"], "name": "$3 and $1"},
                {"regex": "(a)", "words": []}
            ],
            "systems": [
                {"regex": "abc", "words": ["abc"], "name": "Other"},
                {"regex": "abc", "words": ["abc"], "name": "abc"}
            ]
        }"#;
        let rules: Rules = serde_json::from_str(json).unwrap();
        let family = |text: &str| rules.agent(text).family;
        assert_eq!([family("abc"), family("ab")], ["c and a", "a"].map(|name| Some(name.to_owned())));
        assert_eq!((family("c"), rules.agent("abc").system), (None, None));
    }
}
