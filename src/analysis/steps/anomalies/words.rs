//! What is said of a day: a sentence for each figure that is exceptional, and how many days were looked at.
//!
//! Must not know how a day is judged. What a session says stands in these sentences as it came.

use jiff::civil::Date;

use super::Name;
use super::judge::Judged;
use crate::analysis::figure::{count, percent};

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Parts of figures' names that are no words.
const NAMES: [(&str, &str); 4] =
    [("vpn", "VPN"), ("tor", "Tor"), ("datacenter", "data centre"), ("high", "high-threat")];

/// Letters of a subject; its own column has all of them.
const LONGEST: usize = 40;

/// Why the day is exceptional.
pub(super) fn reason(day: Date, (figure, subject, is_share): Name<'_>, judged: &Judged) -> String {
    let Judged { value, usual, low, high, weeks, .. } = *judged;
    let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).ok();
    let weekday = weekday.and_then(|at| WEEKDAYS.get(at)).copied().unwrap_or("day");
    let shown = if is_share { percent } else { number };
    // A count is whole: the usual ones begin and end within the bounds.
    let [low, high] = if is_share { [low, high] } else { [low.ceil(), high.floor()] };
    format!(
        "On {weekday} {day} {}, where {weekday}s have a median of {} ({weeks} earlier {weekday}s; {} to {} is usual).",
        told(figure, subject, is_share, value),
        shown(usual),
        shown(low),
        shown(high)
    )
}

/// The figure and its value.
fn told(figure: &str, subject: Option<&str>, is_share: bool, value: f64) -> String {
    let of = |word: &str| subject.map(|subject| format!(" {word} {}", short(subject))).unwrap_or_default();
    match figure {
        "sessions" | "country_sessions" if !is_share => {
            let [were, sessions] = if value > 1.0 { ["were", "sessions"] } else { ["was", "session"] };
            let many = if value == 0.0 { "no".to_owned() } else { number(value) };
            format!("there {were} {many} {sessions}{}", of("from"))
        }
        _ if is_share => {
            let share = figure.strip_suffix("_rate").unwrap_or(figure);
            format!("the {} share{} was {}", in_words(share), of("of"), percent(value))
        }
        _ => format!("the number of {}{} was {}", in_words(figure), of("of"), number(value)),
    }
}

/// A session's word, which may be as long as whoever wrote it liked.
fn short(subject: &str) -> String {
    match subject.char_indices().nth(LONGEST) {
        None if subject.is_empty() => "(empty)".to_owned(),
        None => subject.to_owned(),
        Some((end, _)) => format!("{}…", &subject[..end]),
    }
}

fn in_words(name: &str) -> String {
    let word = |word: &str| {
        let known = NAMES.iter().find(|(name, _)| *name == word);
        known.map_or(word, |(_, words)| words).to_owned()
    };
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}

/// A count, or the mean of two.
fn number(value: f64) -> String {
    let whole = count(value.trunc() as i64);
    if value.fract() == 0.0 { whole } else { format!("{whole}.5") }
}

/// How many days could be judged and how many stood out.
pub(super) fn summary(all: usize, judged: usize, exceptional: usize, min_weeks: i64) -> Vec<String> {
    let days = if all == 1 { "1 day".to_owned() } else { format!("{all} days") };
    let why = format!(
        "are not complete, have no session, or have fewer than {min_weeks} earlier days of their weekday to go by"
    );
    if judged == 0 {
        return vec![format!("None of {days} could be judged: they {why}.")];
    }
    let out = match exceptional {
        0 => "nothing stood out".to_owned(),
        some => format!("something stood out on {some} of them"),
    };
    let mut said = vec![format!("{judged} of {days} could be judged, and {out}.")];
    if judged < all {
        said.push(format!("The others {why}."));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUDGED: Judged = Judged { value: 1.0, usual: 0.5, low: 0.25, high: 0.75, score: 9.0, weeks: 4 };

    #[test]
    fn a_figure_is_told_in_words_whatever_it_is_called() {
        let long = "x".repeat(90);
        for (figure, subject, is_share, value, words) in [
            ("sessions", None, false, 0.0, "there was no session"),
            ("sessions", None, false, 1.0, "there was 1 session"),
            ("country_sessions", Some("BR"), false, 1_234.0, "there were 1,234 sessions from BR"),
            ("country_sessions", Some(""), false, 2.0, "there were 2 sessions from (empty)"),
            ("inquiries", None, false, 1_234.0, "the number of inquiries was 1,234"),
            ("new_devices", Some("DE"), false, 3.0, "the number of new devices of DE was 3"),
            ("tor_rate", None, true, 0.000_4, "the Tor share was <0.1 %"),
            ("high_rate", Some("US"), true, 0.25, "the high-threat share of US was 25.0 %"),
            ("sessions", None, true, 0.5, "the sessions share was 50.0 %"),
        ] {
            assert_eq!(told(figure, subject, is_share, value), words);
        }
        let told = told("sessions", Some(&long), false, 2.0);
        assert_eq!(told, format!("there were 2 sessions from {}…", &long[..LONGEST]));
    }

    #[test]
    fn what_is_usual_is_whole_where_a_count_is_and_a_median_may_lie_between_two() {
        let day = jiff::civil::date(2026, 11, 22);
        let judged = Judged { value: 9_000.0, usual: 1_000.5, low: 800.1, high: 1_200.9, ..JUDGED };
        assert_eq!(
            reason(day, ("sessions", None, false), &judged),
            "On Sunday 2026-11-22 there were 9,000 sessions, where Sundays have a median of 1,000.5 (4 earlier Sundays; \
             801 to 1,200 is usual)."
        );
        assert_eq!(
            reason(day.tomorrow().unwrap_or(day), ("vpn_rate", None, true), &JUDGED),
            "On Monday 2026-11-23 the VPN share was 100.0 %, where Mondays have a median of 50.0 % (4 earlier Mondays; \
             25.0 % to 75.0 % is usual)."
        );
    }

    #[test]
    fn the_days_that_could_not_be_judged_are_said_with_why() {
        assert_eq!(summary(28, 28, 0, 4), ["28 of 28 days could be judged, and nothing stood out."]);
        let [some, others] = &summary(28, 20, 3, 5)[..] else { panic!("not two sentences") };
        assert_eq!(some, "20 of 28 days could be judged, and something stood out on 3 of them.");
        assert!(others.ends_with("fewer than 5 earlier days of their weekday to go by."), "{others}");
        assert_eq!(summary(1, 0, 0, 4).len(), 1);
    }
}
