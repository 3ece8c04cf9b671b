//! What gives automation away: words that programs write into their user agent and that no person's browser has.
//!
//! Owns the words. They are names of tools, which do not age as versions do; who hides them is not found here. Must not
//! know families, versions or systems.

/// By what a user agent looks like automation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// A program that steers a browser and says so.
    Driver,
    /// A browser without a screen.
    Headless,
    /// A program without a browser.
    Library,
    /// Something that reads the web, or makes a preview of a link.
    Crawler,
    /// No user agent where there could be one.
    Empty,
}

use Sign::{Crawler, Driver, Headless, Library};

/// Words in small letters, of which one is enough where it begins a word; after `^` only where it begins the text, since a
/// person's may have it further on. The first in this order counts.
const WORDS: [(&str, Sign); 48] = [
    ("selenium", Driver),
    ("webdriver", Driver),
    ("puppeteer", Driver),
    ("playwright", Driver),
    ("cypress/", Driver),
    ("testcafe", Driver),
    ("appium", Driver),
    ("nightmare/", Driver),
    ("headless", Headless),
    ("phantomjs", Headless),
    ("slimerjs", Headless),
    ("htmlunit", Headless),
    ("jsdom/", Headless),
    ("python-", Library),
    ("python/", Library),
    ("aiohttp", Library),
    ("curl/", Library),
    ("libcurl", Library),
    ("pycurl", Library),
    ("wget", Library),
    ("go-http-client", Library),
    ("apache-httpclient", Library),
    ("java-http-client", Library),
    ("libwww-perl", Library),
    ("node-fetch", Library),
    ("undici", Library),
    ("axios/", Library),
    ("guzzlehttp", Library),
    ("faraday v", Library),
    ("restsharp", Library),
    ("postmanruntime", Library),
    ("insomnia/", Library),
    ("httpie/", Library),
    ("windowspowershell", Library),
    ("winhttp", Library),
    ("k6/", Library),
    ("^java/", Library),
    ("^ruby", Library),
    ("^php/", Library),
    ("^node", Library),
    ("^got (", Library),
    ("scrapy/", Crawler),
    ("facebookexternalhit", Crawler),
    ("google-inspectiontool", Crawler),
    ("bingpreview", Crawler),
    ("slurp", Crawler),
    ("lighthouse", Crawler),
    // The app itself opens the system's browser; under its own name it makes previews.
    ("^whatsapp/", Crawler),
];

/// Parts of words by which crawlers call themselves, or say where one reads about them.
const PARTS: [&str; 3] = ["crawler", "spider", "+http"];

impl Sign {
    /// By what a user agent looks like automation, if it does.
    pub(super) fn of(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::Empty);
        }
        let text = text.to_ascii_lowercase();
        let is_there = |word: &str| match word.strip_prefix('^') {
            Some(word) => text.starts_with(word),
            None => begins_a_word(&text, word),
        };
        let crawls = || is_a_bot(&text) || PARTS.iter().any(|part| text.contains(part));
        let found = WORDS.iter().find(|(word, _)| is_there(word)).map(|(_, sign)| *sign);
        found.or_else(|| crawls().then_some(Self::Crawler))
    }

    /// The kind of agent that it makes.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Driver => "driver",
            Self::Headless => "headless",
            Self::Library => "library",
            Self::Crawler => "crawler",
            Self::Empty => "empty",
        }
    }
}

fn begins_a_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()))
}

/// Whether a word ends in `bot`. Cubot makes phones.
fn is_a_bot(text: &str) -> bool {
    text.match_indices("bot").any(|(at, bot)| {
        !text[..at].ends_with("cu")
            && !text[at + bot.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn browser(system: &str, token: &str) -> String {
        format!("Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) {token} Safari/537.36")
    }

    #[test]
    fn what_programs_say_gives_them_away_in_any_case() {
        let linux = |token: &str| browser("X11; Linux x86_64", token);
        for (text, sign) in [
            ("", Sign::Empty),
            (" \t\u{a0}", Sign::Empty),
            (&*linux("HeadlessChrome/143.0.0.0"), Headless),
            (&*linux("PhantomJS/2.1.1"), Headless),
            (&*linux("HeadlessChrome/143.0.0.0 Playwright/1.50"), Driver),
            (&*linux("Chrome/143.0.0.0 (Selenium)"), Driver),
            ("python-requests/2.31.0", Library),
            ("CURL/8.5.0", Library),
            ("Java/17.0.9", Library),
            ("Go-http-client/1.1", Library),
            ("node", Library),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Crawler),
            ("Mozilla/5.0 (compatible; AhrefsBot/7.0)", Crawler),
            ("MSR-ISRCCrawler", Crawler),
            ("WhatsApp/2.23.20.0 A", Crawler),
            ("Scrapy/2.11 (+https://scrapy.org)", Crawler),
        ] {
            assert_eq!(Sign::of(text), Some(sign), "{text}");
        }
    }

    #[test]
    fn what_people_have_is_no_sign() {
        for text in [
            &*browser("Linux; Android 10; CUBOT_X18", "Chrome/143.0.0.0 Mobile"),
            &*browser("Linux; Android 13; ruby", "Chrome/143.0.0.0 Mobile"),
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Inquiry/2.20.1 (Linux; Android 14; Pixel 8) okhttp/4.12.0",
            "Inquiry/2.20.1 (iPhone; iOS 18.6.0) CFNetwork/1494.0.7 Darwin/23.4.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Mobile/15E148 [FBAN/FBIOS;FBAV/450.0]",
            "Bottle/1.0 robotics",
            "\u{202e}evil",
        ] {
            assert_eq!(Sign::of(text), None, "{text}");
        }
    }

    #[test]
    fn words_are_in_small_letters_as_the_text_is_when_they_are_looked_for_and_the_signs_are_in_order() {
        assert!(
            WORDS.iter().map(|(word, _)| *word).chain(PARTS).all(|word| word == word.to_ascii_lowercase())
        );
        assert!(WORDS.is_sorted_by_key(|(_, sign)| *sign));
    }
}
