//! Bursts of sessions from one address: the most of them within 5 minutes, 1 hour and 24 hours.
//!
//! A window of a length begins with a session and holds those created less than the length after it: no window that
//! begins elsewhere holds more.

use std::cmp::Reverse;
use std::collections::HashMap;

use jiff::Timestamp;

use super::{Call, Outcome, Setting, Step, StepError, table_of};
use crate::analysis::table::{Type, Value};

pub(super) const STEP: Step = Step {
    name: "address_velocity",
    does: "The most sessions and the most different inquiries of each address within 5 minutes, 1 hour and 24 hours.",
    columns: &[("ip_address", Type::Text), ("created_at", Type::Timestamp), ("inquiry_id", Type::Text)],
    parameters: &[Setting {
        name: "min_burst",
        default: 10,
        range: (2, 1_000_000),
        text: "addresses with fewer sessions within any 24 hours are left out",
    }],
    run,
};

const IP_ADDRESS: usize = 0;
const CREATED_AT: usize = 1;
const INQUIRY_ID: usize = 2;
const MIN_BURST: usize = 0;

const GIVEN: [(&str, Type); 10] = [
    ("ip_address", Type::Text),
    ("sessions", Type::Integer),
    ("most_5m", Type::Integer),
    ("most_1h", Type::Integer),
    ("most_24h", Type::Integer),
    ("busiest_hour", Type::Timestamp),
    ("inquiries", Type::Integer),
    ("inquiries_5m", Type::Integer),
    ("inquiries_1h", Type::Integer),
    ("inquiries_24h", Type::Integer),
];

const MINUTE: i64 = 60_000;
const WINDOWS: [i64; 3] = [5 * MINUTE, 60 * MINUTE, 24 * 60 * MINUTE];

/// When a session was created, in milliseconds, and which inquiry it belongs to.
type Seen = (i64, Option<u32>);

/// The most that any window of one length holds.
#[derive(Debug, PartialEq)]
struct Most {
    sessions: i64,
    /// Where the first window with so many sessions begins.
    from: i64,
    inquiries: i64,
}

/// One address with its windows, in the order of [`WINDOWS`].
struct Burst<'a> {
    address: &'a str,
    sessions: i64,
    inquiries: i64,
    most: [Most; 3],
}

fn run(call: &Call<'_>) -> Result<Outcome, StepError> {
    let (addresses, inquiries) = (call.names(IP_ADDRESS), call.names(INQUIRY_ID));
    let mut by_address = vec![Vec::new(); addresses.texts.len()];
    for row in call.rows() {
        // Without an address there is nobody whose burst it could be.
        let Some(address) = addresses.of_rows[row] else { continue };
        let seen = (call.moment(row, CREATED_AT)?.as_millisecond(), inquiries.of_rows[row]);
        by_address[address as usize].push(seen);
    }
    let least = call.setting(MIN_BURST);
    let bursts = addresses.texts.iter().zip(by_address).map(|(address, seen)| burst(address, seen));
    let mut bursts: Vec<Burst<'_>> = bursts.filter(|burst| burst.most[2].sessions >= least).collect();
    bursts.sort_by_cached_key(|burst| {
        let [within_5m, within_1h, within_24h] = burst.most.each_ref().map(|most| Reverse(most.sessions));
        (within_1h, within_24h, within_5m, Reverse(burst.sessions), burst.address)
    });
    let mut table = table_of(&GIVEN);
    for Burst { address, sessions, inquiries, most: [within_5m, within_1h, within_24h] } in bursts {
        table.rows.push(vec![
            Value::Text(address.to_owned()),
            Value::Integer(sessions),
            Value::Integer(within_5m.sessions),
            Value::Integer(within_1h.sessions),
            Value::Integer(within_24h.sessions),
            Timestamp::from_millisecond(within_1h.from).map_or(Value::Null, Value::Timestamp),
            Value::Integer(inquiries),
            Value::Integer(within_5m.inquiries),
            Value::Integer(within_1h.inquiries),
            Value::Integer(within_24h.inquiries),
        ]);
    }
    Ok(table.into())
}

fn burst(address: &str, mut seen: Vec<Seen>) -> Burst<'_> {
    seen.sort_unstable();
    let most = WINDOWS.map(|length| most_within(&seen, length));
    let mut inquiries: Vec<u32> = seen.iter().filter_map(|(_, inquiry)| *inquiry).collect();
    inquiries.sort_unstable();
    inquiries.dedup();
    Burst { address, sessions: seen.len() as i64, inquiries: inquiries.len() as i64, most }
}

/// Slides a window over sessions in the order of their time.
fn most_within(seen: &[Seen], length: i64) -> Most {
    let mut most = Most { sessions: 0, from: 0, inquiries: 0 };
    let mut inside: HashMap<u32, usize> = HashMap::new();
    let mut next = 0;
    for (first, (from, inquiry)) in seen.iter().enumerate() {
        while let Some((_, inquiry)) = seen.get(next).filter(|(at, _)| at - from < length) {
            if let Some(inquiry) = inquiry {
                *inside.entry(*inquiry).or_default() += 1;
            }
            next += 1;
        }
        let sessions = (next - first) as i64;
        if sessions > most.sessions {
            (most.sessions, most.from) = (sessions, *from);
        }
        most.inquiries = most.inquiries.max(inside.len() as i64);
        // The window moves on: its first session leaves.
        if let Some((inquiry, left)) = inquiry.and_then(|inquiry| Some((inquiry, inside.get_mut(&inquiry)?)))
        {
            *left -= 1;
            if *left == 0 {
                inside.remove(&inquiry);
            }
        }
    }
    most
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::super::tests::{moment, ran, refused, text};
    use super::*;

    fn session(address: &str, at: &str, inquiry: &str) -> Vec<Value> {
        vec![text(address), moment(at), text(inquiry)]
    }

    /// The figures of a row, without its address and moment.
    fn figures(row: &[Value]) -> Vec<i64> {
        row.iter().filter_map(Value::as_integer).collect()
    }

    #[test]
    fn a_window_ends_before_its_length_is_over_and_inquiries_count_once_in_it() {
        let rows = vec![
            session("192.0.2.1", "2026-11-20T10:00:00Z", "inq_a"),
            session("192.0.2.1", "2026-11-20T10:04:59.999Z", "inq_a"),
            // 5 minutes after the first: in a window with the second only.
            session("192.0.2.1", "2026-11-20T10:05:00Z", "inq_b"),
            session("192.0.2.1", "2026-11-20T11:04:59.998Z", "inq_c"),
            session("192.0.2.1", "2026-11-21T10:00:00Z", "inq_d"),
            vec![text("192.0.2.1"), moment("2026-11-21T10:00:00Z"), Value::Null],
        ];
        let given = ran("address_velocity", rows, &[("min_burst", 1)]);
        // 5 sessions without the first lie within 24 hours.
        assert_eq!(figures(&given[0]), [6, 2, 3, 5, 4, 2, 3, 4]);
        // The first hour with 3 sessions, though another one begins at 10:04:59.999.
        assert_eq!(given[0][5], moment("2026-11-20T10:00:00Z"));
    }

    #[test]
    fn addresses_are_ranked_by_their_hour_and_those_without_a_burst_are_left_out() {
        let mut rows = Vec::new();
        for (address, minutes) in [("a", 50), ("b", 1), ("c", 70), ("d", 600)] {
            for nth in 0..4 {
                let at: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
                let at = at.as_millisecond() + nth * minutes * MINUTE;
                let at = Value::Timestamp(Timestamp::from_millisecond(at).unwrap());
                rows.push(vec![text(address), at, text(&format!("inq_{nth}"))]);
            }
        }
        rows.push(vec![Value::Null, moment("2026-11-20T00:00:00Z"), text("inq_0")]);
        let given = ran("address_velocity", rows.clone(), &[("min_burst", 4)]);
        let addresses: Vec<&Value> = given.iter().map(|row| &row[0]).collect();
        assert_eq!(addresses, [&text("b"), &text("a"), &text("c")]);
        assert_eq!(figures(&given[2]), [4, 1, 1, 4, 4, 1, 1, 4]);
        assert_eq!(ran("address_velocity", rows.clone(), &[("min_burst", 3)]).len(), 4);
        assert!(ran("address_velocity", rows, &[("min_burst", 5)]).is_empty());
        assert!(ran("address_velocity", Vec::new(), &[]).is_empty());
    }

    #[test]
    fn a_session_without_a_moment_is_refused() {
        let error = refused("address_velocity", vec![vec![text("a"), Value::Null, Value::Null]]);
        assert!(error.ends_with("needs a moment in the column `created_at`, and row 1 has none"), "{error}");
    }

    #[test]
    fn the_sliding_window_finds_what_counting_each_window_finds() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..400 {
            let span = random.i64(1..2000);
            let mut any = |_| (random.i64(-span..span), random.bool().then(|| random.u32(..9)));
            let mut seen: Vec<Seen> = (0..60).map(&mut any).collect();
            seen.truncate(random.usize(1..=60));
            seen.sort_unstable();
            let length = random.i64(1..1500);
            let mut expected = Most { sessions: 0, from: 0, inquiries: 0 };
            for (from, _) in &seen {
                let inside: Vec<&Seen> =
                    seen.iter().filter(|(at, _)| from <= at && *at < from + length).collect();
                let inquiries: std::collections::BTreeSet<u32> =
                    inside.iter().filter_map(|(_, inquiry)| *inquiry).collect();
                expected.inquiries = expected.inquiries.max(inquiries.len() as i64);
                if inside.len() as i64 > expected.sessions {
                    (expected.sessions, expected.from) = (inside.len() as i64, *from);
                }
            }
            assert_eq!(most_within(&seen, length), expected, "{length}: {seen:?}");
        }
    }
}
