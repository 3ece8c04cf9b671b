//! User agents by what is thought of them: automation, outdated, or like anyone's; a row a family and system.
//!
//! Owns what these kinds are. What an agent says is read by [`agent`], what gives automation away is told by [`signs`].
//! Newest is what the sessions themselves have: no list of versions is kept, which would age.

use std::collections::BTreeMap;

use super::{Call, Outcome, Setting, Step, StepError, null_last, owned, table_of};
use crate::analysis::table::{Table, Type, Value};
use agent::{Agent, Rules, head};
use signs::Sign;

mod agent;
mod signs;

pub(super) const STEP: Step = Step {
    name: "user_agents",
    does: "Each user agent's browser, version and system, and whether it looks like automation or is outdated, by family.",
    columns: &[
        ("user_agent", Type::Text),
        ("sessions", Type::Integer),
        ("inquiries", Type::Integer),
        ("assessed", Type::Integer),
        ("high", Type::Integer),
    ],
    parameters: &[
        Setting {
            name: "versions_behind",
            default: 10,
            range: (1, 1000),
            text: "a browser so many major versions behind the newest of its family counts as outdated",
        },
        Setting {
            name: "min_newest",
            default: 30,
            range: (1, 1_000_000),
            text: "how many sessions a version must have to be the newest",
        },
    ],
    run,
};

const USER_AGENT: usize = 0;
/// The columns of counts, from the second on.
const COUNTS: [usize; 4] = [1, 2, 3, 4];
const SESSIONS: usize = 0;
const VERSIONS_BEHIND: usize = 0;
const MIN_NEWEST: usize = 1;

const GIVEN: [(&str, Type); 11] = [
    ("kind", Type::Text),
    ("family", Type::Text),
    ("system", Type::Text),
    ("sessions", Type::Integer),
    ("inquiries", Type::Integer),
    ("assessed", Type::Integer),
    ("high", Type::Integer),
    ("agents", Type::Integer),
    ("oldest_major", Type::Integer),
    ("newest_major", Type::Integer),
    ("example", Type::Text),
];

/// The browsers that update themselves within weeks, or with their system, in the words of the rules. An app's version
/// says nothing: some count days, some never count.
const SELF_UPDATING: [&str; 16] = [
    "Amazon Silk",
    "Chrome",
    "Chrome Mobile",
    "Chrome Mobile WebView",
    "Chrome Mobile iOS",
    "Edge",
    "Edge Mobile",
    "Firefox",
    "Firefox Mobile",
    "Firefox iOS",
    "Opera",
    "Opera Mobile",
    "Samsung Internet",
    "Vivaldi",
    APPLES[0],
    APPLES[1],
];

/// Those that leapt from 18 to 26 when all of Apple's systems took the number of the year.
const APPLES: [&str; 2] = ["Safari", "Mobile Safari"];
const BEFORE_LEAP: i64 = 18;
const AFTER_LEAP: i64 = 26;
/// From here on it is the number of a build, which some helpers of browsers tell.
const LEAST_BUILD: i64 = 1000;

/// What is thought of an agent, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// By what it looks like automation.
    Automation(Sign),
    Outdated,
    /// No rule knows it.
    Unrecognised,
    Ordinary,
    /// There is none.
    Unknown,
}

/// One agent, what it says, and how many sessions have it.
struct Reading<'a> {
    text: &'a str,
    agent: Agent,
    sign: Option<Sign>,
    counts: [i64; 4],
}

/// What names a row.
type Key<'a> = (Kind, Option<&'a str>, Option<&'a str>);

/// The agents of one row.
#[derive(Default)]
struct Group<'a> {
    counts: [i64; 4],
    agents: i64,
    majors: Option<(i64, i64)>,
    /// The agent with the most sessions, and how many these are.
    example: Option<(i64, &'a str)>,
}

fn run(call: &Call<'_>) -> Result<Outcome, StepError> {
    let rules = Rules::built_in()
        .map_err(|error| StepError::Rules { step: call.step.name, reason: error.to_string() })?;
    let mut readings = Vec::new();
    let mut groups: BTreeMap<Key<'_>, Group<'_>> = BTreeMap::new();
    for row in call.rows() {
        let counts = counts(call, row)?;
        match call.text(row, USER_AGENT) {
            Some(text) => {
                let (agent, sign) = (rules.agent(text), Sign::of(head(text)));
                readings.push(Reading { text, agent, sign, counts });
            }
            None => groups.entry((Kind::Unknown, None, None)).or_default().count(counts),
        }
    }
    let newest = newest(&readings, call.setting(MIN_NEWEST));
    for reading in &readings {
        let Agent { family, system, .. } = &reading.agent;
        let kind = kind(reading, &newest, call.setting(VERSIONS_BEHIND));
        groups.entry((kind, family.as_deref(), system.as_deref())).or_default().add(reading);
    }
    Ok(told(groups).into())
}

fn counts(call: &Call<'_>, row: usize) -> Result<[i64; 4], StepError> {
    let mut counts = [0; 4];
    for (count, column) in counts.iter_mut().zip(COUNTS) {
        *count = call.count(row, column)?;
    }
    Ok(counts)
}

/// The newest version of each browser that updates itself, among those that enough sessions have. What looks like
/// automation says nothing about it.
fn newest<'a>(readings: &'a [Reading<'_>], least: i64) -> BTreeMap<&'a str, i64> {
    let mut sessions: BTreeMap<(&str, i64), i64> = BTreeMap::new();
    for Reading { agent, counts, .. } in readings.iter().filter(|reading| reading.sign.is_none()) {
        if let Some(version) = version(agent) {
            *sessions.entry(version).or_default() += counts[SESSIONS];
        }
    }
    // In order, so that the highest of a family stays.
    sessions.into_iter().filter(|(_, sessions)| *sessions >= least).map(|(version, _)| version).collect()
}

/// A browser that updates itself, and which of its major versions it is, counted without gaps.
fn version(agent: &Agent) -> Option<(&str, i64)> {
    let (family, major) = agent.family.as_deref().zip(agent.major.filter(|major| *major < LEAST_BUILD))?;
    let place = match major {
        AFTER_LEAP.. if APPLES.contains(&family) => major - AFTER_LEAP + BEFORE_LEAP + 1,
        BEFORE_LEAP.. if APPLES.contains(&family) => BEFORE_LEAP,
        _ => major,
    };
    SELF_UPDATING.contains(&family).then_some((family, place))
}

fn kind(reading: &Reading<'_>, newest: &BTreeMap<&str, i64>, behind: i64) -> Kind {
    let is_old =
        |(family, place): (&str, i64)| newest.get(family).is_some_and(|newest| newest - place >= behind);
    match reading {
        Reading { sign: Some(sign), .. } => Kind::Automation(*sign),
        Reading { agent: Agent { family: None, .. }, .. } => Kind::Unrecognised,
        Reading { agent, .. } if version(agent).is_some_and(is_old) => Kind::Outdated,
        Reading { .. } => Kind::Ordinary,
    }
}

impl<'a> Group<'a> {
    fn count(&mut self, counts: [i64; 4]) {
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    fn add(&mut self, reading: &Reading<'a>) {
        let Reading { text, agent, counts, .. } = reading;
        self.count(*counts);
        self.agents += 1;
        if let Some(major) = agent.major {
            let (oldest, newest) = self.majors.unwrap_or((major, major));
            self.majors = Some((oldest.min(major), newest.max(major)));
        }
        // Of two with as many sessions the first in the order of letters.
        let sessions = counts[SESSIONS];
        if self.example.is_none_or(|(most, example)| (sessions, example) > (most, *text)) {
            self.example = Some((sessions, *text));
        }
    }
}

/// The rows: by kind, and within it those with the most sessions first.
fn told(groups: BTreeMap<Key<'_>, Group<'_>>) -> Table {
    let mut groups: Vec<(Key<'_>, Group<'_>)> = groups.into_iter().collect();
    groups.sort_by_key(|((kind, family, system), group)| {
        (kind.place(), -group.counts[SESSIONS], *kind, null_last(*family), null_last(*system))
    });
    let mut table = table_of(&GIVEN);
    for ((kind, family, system), Group { counts, agents, majors, example }) in groups {
        let mut row = vec![Value::Text(kind.name().to_owned()), owned(family), owned(system)];
        row.extend(counts.map(Value::Integer));
        row.push(Value::Integer(agents));
        row.push(majors.map(|(oldest, _)| oldest).into());
        row.push(majors.map(|(_, newest)| newest).into());
        row.push(owned(example.map(|(_, text)| text)));
        table.rows.push(row);
    }
    table
}

impl Kind {
    /// All automation belongs together, whatever gives it away.
    fn place(self) -> u8 {
        match self {
            Self::Automation(_) => 0,
            Self::Outdated => 1,
            Self::Unrecognised => 2,
            Self::Ordinary => 3,
            Self::Unknown => 4,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Automation(sign) => sign.name(),
            Self::Outdated => "outdated",
            Self::Unrecognised => "unrecognised",
            Self::Ordinary => "ordinary",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ran, refused, text};
    use super::*;

    const SCRIPT: &str = "python-requests/2.31.0";
    const CUBOT: &str = "Mozilla/5.0 (Linux; Android 10; CUBOT_X18) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36";

    fn chrome(major: i64) -> String {
        format!(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 Safari/537.36"
        )
    }

    fn safari(major: i64) -> String {
        format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{major}.1 Mobile/15E148 Safari/604.1"
        )
    }

    fn row(agent: Value, sessions: i64) -> Vec<Value> {
        vec![
            agent,
            Value::Integer(sessions),
            Value::Integer(sessions / 2),
            Value::Integer(sessions),
            Value::Integer(1),
        ]
    }

    fn of(agent: &str, sessions: i64) -> Vec<Value> {
        row(text(agent), sessions)
    }

    /// Each row's kind, family and system, and its oldest and newest major version.
    fn told(rows: Vec<Vec<Value>>, values: &[(&str, i64)]) -> Vec<String> {
        let word = |value: &Value| match value {
            Value::Text(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            _ => "-".to_owned(),
        };
        let told = |row: &Vec<Value>| [0, 1, 2, 8, 9].map(|column| word(&row[column])).join(" ");
        ran("user_agents", rows, values).iter().map(told).collect()
    }

    #[test]
    fn automation_comes_first_then_the_outdated_the_unrecognised_the_ordinary_and_the_unknown() {
        let rows = vec![
            row(Value::Null, 900),
            of(&chrome(143), 400),
            of(&chrome(142), 100),
            of(CUBOT, 20),
            of("something made up", 15),
            of(&chrome(109), 9),
            of(SCRIPT, 7),
            of("python-requests/2.28.0", 7),
            of("", 8),
        ];
        let int = Value::Integer;
        let given = ran("user_agents", rows.clone(), &[]);
        assert_eq!(given[0][..3], [text("library"), text("Python Requests"), Value::Null]);
        // The first in the order of letters of two with as many sessions.
        let figures =
            [int(14), int(6), int(14), int(2), int(2), int(2), int(2), text("python-requests/2.28.0")];
        assert_eq!(given[0][3..], figures);
        assert_eq!(
            told(rows, &[]),
            [
                "library Python Requests - 2 2",
                "empty - - - -",
                "outdated Chrome Windows 109 109",
                "unrecognised - - - -",
                "ordinary Chrome Windows 142 143",
                "ordinary Chrome Mobile Android 143 143",
                "unknown - - - -",
            ]
        );
        let unknown = given.last().map(|row| (&row[3], &row[7], &row[10]));
        assert_eq!(unknown, Some((&int(900), &int(0), &Value::Null)));
    }

    #[test]
    fn the_newest_is_what_enough_sessions_have_and_not_what_a_single_one_claims() {
        let rows =
            |of_newest: i64| vec![of(&chrome(143), of_newest), of(&chrome(133), 30), of(&chrome(134), 30)];
        let outdated = |rows: Vec<Vec<Value>>, values: &[(&str, i64)]| {
            told(rows, values).into_iter().filter(|row| row.starts_with("outdated")).collect::<Vec<_>>()
        };
        assert_eq!(outdated(rows(30), &[]), ["outdated Chrome Windows 133 133"]);
        assert!(outdated(rows(29), &[]).is_empty());
        assert_eq!(outdated(rows(29), &[("min_newest", 29)]), ["outdated Chrome Windows 133 133"]);
        assert!(outdated(rows(30), &[("versions_behind", 11)]).is_empty());
        assert_eq!(outdated(rows(30), &[("versions_behind", 9)]), ["outdated Chrome Windows 133 134"]);
        // Several systems' sessions make one version.
        let linux = chrome(143).replace("Windows NT 10.0; Win64; x64", "X11; Linux x86_64");
        let rows = vec![of(&chrome(143), 15), of(&linux, 15), of(&chrome(120), 1)];
        assert_eq!(outdated(rows, &[]), ["outdated Chrome Windows 120 120"]);
        // What looks like automation makes nobody old.
        let script = chrome(160) + " Selenium";
        assert!(outdated(vec![of(&script, 500), of(&chrome(143), 40)], &[]).is_empty());
    }

    #[test]
    fn apples_leap_from_18_to_26_is_one_version_and_an_apps_version_is_none() {
        let given = |old: i64, behind: i64| {
            let rows = vec![of(&safari(26), 30), of(&safari(old), 1)];
            told(rows, &[("versions_behind", behind)])[0].clone()
        };
        assert_eq!(given(18, 1), "outdated Mobile Safari iOS 18 18");
        assert_eq!(given(18, 2), "ordinary Mobile Safari iOS 18 26");
        assert_eq!(given(16, 3), "outdated Mobile Safari iOS 16 16");
        assert_eq!(given(9, 10), "outdated Mobile Safari iOS 9 9");
        assert_eq!(given(10, 10), "ordinary Mobile Safari iOS 10 26");
        // The number of a build is no version.
        let built = "Safari/7536.30.1 CFNetwork/520.5.1 Darwin/11.4.2 (i386) (MacBook3,1)";
        let desktop = safari(9)
            .replace("iPhone; CPU iPhone OS 18_6 like Mac OS X", "Macintosh; Intel Mac OS X 10_15_7");
        let desktop = desktop.replace(" Mobile/15E148", "");
        assert_eq!(told(vec![of(built, 90), of(&desktop, 1)], &[]), ["ordinary Safari Mac OS X 9 7536"]);
        // What never was is not ahead of what was.
        assert_eq!(given(22, 1), "outdated Mobile Safari iOS 22 22");
        let app = |version: i64| format!("Inquiry/2.1 (Linux; Android 14; Pixel 8) okhttp/{version}.1.0");
        assert_eq!(told(vec![of(&app(50), 90), of(&app(3), 90)], &[]), ["ordinary okhttp Android 3 50"]);
    }

    #[test]
    fn no_row_gives_no_row_and_the_order_of_the_rows_does_not_matter() {
        assert!(ran("user_agents", Vec::new(), &[]).is_empty());
        let mut rows: Vec<Vec<Value>> = (100..144).map(|major| of(&chrome(major), major % 50)).collect();
        rows.extend((9..19).map(|major| of(&safari(major), 40)));
        rows.extend([of("", 3), of(SCRIPT, 3), row(Value::Null, 1), of("x", 3)]);
        let first = ran("user_agents", rows.clone(), &[]);
        assert!(first.len() > 5);
        fastrand::Rng::with_seed(12).shuffle(&mut rows);
        assert_eq!(ran("user_agents", rows, &[]), first);
    }

    #[test]
    fn a_count_that_is_none_is_refused_by_its_row() {
        assert_eq!(
            refused("user_agents", vec![of("x", 1), of(&chrome(143), -1)]),
            "the step `user_agents` needs a count in the column `sessions`, and row 2 has none"
        );
    }
}
