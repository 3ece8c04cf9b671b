//! The rules of the pace, one at a time.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn limits(limit: u32, remaining: u32, reset: u64) -> Limits {
    Limits { limit: Some(limit), remaining: Some(remaining), reset: Some(Duration::from_secs(reset)) }
}

/// A pacer that has heard this answer to its first request.
fn told(limits: Limits, now: Instant) -> Pacer {
    let mut pacer = Pacer::new(Budget::default());
    let ticket = pacer.take(now).unwrap();
    pacer.learn(now, ticket, limits);
    pacer
}

/// Takes the next request however long it waits, nothing else being under way. Gives that wait.
fn next(pacer: &mut Pacer, now: Instant) -> (Ticket, Duration) {
    let mut waited = Duration::ZERO;
    loop {
        match pacer.take(now + waited) {
            Ok(ticket) => return (ticket, waited),
            Err(wait) => waited += wait,
        }
    }
}

/// Requests answered at once, by an API that says nothing of limits.
fn requests_in(pacer: &mut Pacer, start: Instant, span: Duration) -> u32 {
    let (mut now, mut sent) = (start, 0);
    loop {
        let (ticket, wait) = next(pacer, now);
        now += wait;
        if now >= start + span {
            return sent;
        }
        sent += 1;
        pacer.learn(now, ticket, Limits::default());
    }
}

#[test]
fn without_headers_the_documented_limit_less_the_reserve_is_kept() {
    let sent = requests_in(&mut Pacer::new(Budget::default()), Instant::now(), MINUTE);
    assert!((209..=211).contains(&sent), "{sent}");
}

#[test]
fn a_max_rate_is_the_pace_where_no_header_says_otherwise_and_a_cap_where_one_does() {
    let mut pacer = Pacer::new(Budget { max_rate: Some(1200), ..Budget::default() });
    let start = Instant::now();
    assert!((1199..=1201).contains(&requests_in(&mut pacer, start, MINUTE)));
    let (ticket, _) = next(&mut pacer, start + MINUTE);
    pacer.learn(start + MINUTE, ticket, limits(100, 100, 60));
    assert!((pacer.rate(start + MINUTE) - 70.0).abs() < 1e-9);
}

#[test]
fn before_anything_is_known_one_request_goes_ahead() {
    let mut pacer = Pacer::new(Budget::default());
    let now = Instant::now();
    let ticket = pacer.take(now).unwrap();
    assert!(pacer.take(now + MINUTE).is_err());
    // One that got no answer tells nothing, and the next one goes.
    pacer.landed(ticket);
    let ticket = pacer.take(now + MINUTE).unwrap();
    pacer.learn(now + MINUTE, ticket, limits(300, 298, 60));
    assert!(pacer.take(now + MINUTE + SECOND).is_ok());
    assert!(pacer.take(now + MINUTE + SECOND * 2).is_ok(), "several are under way");
}

#[test]
fn the_first_answer_sets_the_pace_of_the_very_next_request() {
    let now = Instant::now();
    let mut pacer = told(limits(60_000, 59_999, 60), now);
    assert!(next(&mut pacer, now).1 < Duration::from_millis(2));
}

#[test]
fn at_the_reserve_it_waits_for_the_windows_end_and_then_one_request_goes_ahead() {
    let now = Instant::now();
    let mut pacer = told(limits(300, 90, 30), now);
    let (_, wait) = next(&mut pacer, now);
    assert!((SECOND * 30..=SECOND * 31).contains(&wait), "{wait:?}");
    assert!(pacer.take(now + wait + SECOND * 5).is_err(), "what is left is not known yet");
}

#[test]
fn requests_under_way_count_as_spent() {
    let now = Instant::now();
    let mut pacer = told(limits(300, 94, 60), now);
    let tickets: Vec<Ticket> = (1..4).map(|nth| pacer.take(now + SECOND * 18 * nth).unwrap()).collect();
    assert_eq!(pacer.remaining(), Some(91));
    // The answer to the second of them cannot have counted the third, nor may it have counted the first.
    pacer.learn(now + SECOND * 56, tickets[1], limits(300, 93, 4));
    assert_eq!(pacer.remaining(), Some(91));
    pacer.learn(now + SECOND * 56, tickets[0], limits(300, 99, 4));
    assert_eq!(pacer.remaining(), Some(91), "an older answer raises nothing");
    pacer.learn(now + SECOND * 57, tickets[2], limits(300, 50, 3));
    assert_eq!(pacer.remaining(), Some(50), "others spent");
    let (ticket, _) = next(&mut pacer, now + SECOND * 57);
    pacer.learn(now + SECOND * 62, ticket, limits(300, 299, 60));
    assert_eq!(pacer.remaining(), Some(299), "a new window");
}

#[test]
fn what_is_left_above_the_reserve_is_spread_over_the_rest_of_the_window() {
    let now = Instant::now();
    let mut pacer = told(limits(300, 100, 49), now);
    assert_eq!(next(&mut pacer, now).1, SECOND * 5 - TIMER);
}

#[test]
fn of_several_ends_of_one_window_the_earliest_holds() {
    let now = Instant::now();
    let mut pacer = told(limits(300, 95, 30), now);
    let (ticket, wait) = next(&mut pacer, now);
    pacer.learn(now + wait, ticket, limits(300, 90, 30));
    let (_, rest) = next(&mut pacer, now + wait);
    assert!(wait + rest <= SECOND * 31, "{:?}", wait + rest);
}

#[test]
fn a_429_without_a_moment_to_come_back_says_nothing_of_what_is_left() {
    let now = Instant::now();
    let mut pacer = told(limits(300, 250, 30), now);
    let (ticket, wait) = next(&mut pacer, now);
    pacer.refused(now + wait, ticket, limits(300, 0, 0), None);
    assert_eq!(pacer.remaining(), Some(249));
}

#[test]
fn the_lowest_limit_in_force_holds() {
    let now = Instant::now();
    let mut pacer = Pacer::new(Budget::default());
    let ticket = pacer.take(now).unwrap();
    pacer.learn(now, ticket, limits(300, 299, 60));
    pacer.learn_stated(now, ticket, limits(200, 120, 60));
    assert_eq!((pacer.limit(), pacer.remaining()), (Some(200), Some(120)));
    let mut hear = |after: Duration, limit: u32| {
        let (ticket, wait) = next(&mut pacer, now + after);
        pacer.learn(now + after + wait, ticket, limits(limit, limit - 1, 60));
        pacer.limit()
    };
    assert_eq!(hear(SECOND * 2, 100), Some(100));
    assert_eq!(hear(SECOND * 4, 300), Some(100), "the lower one was heard a moment ago");
    assert_eq!(hear(MINUTE * 2, 300), Some(200));
}

#[test]
fn an_unforetold_429_halves_the_pace_for_two_windows_and_its_hint_holds_for_all() {
    let now = Instant::now();
    let mut pacer = told(limits(300, 250, 30), now);
    let (first, _) = next(&mut pacer, now);
    let (second, wait) = next(&mut pacer, now);
    pacer.refused(now + wait, first, Limits::default(), Some(SECOND * 9));
    assert!((pacer.rate(now + wait) - 105.0).abs() < 1e-9);
    assert!((pacer.rate(now + wait + MINUTE * 2) - 210.0).abs() < 1e-9);
    pacer.learn(now + wait, second, limits(300, 250, 30));
    assert_eq!(pacer.take(now + wait), Err(SECOND * 9));
}

#[test]
fn a_429_at_the_reserve_was_foretold_and_halves_nothing() {
    let now = Instant::now();
    let mut pacer = told(limits(300, 91, 30), now);
    let (ticket, wait) = next(&mut pacer, now);
    let foretold = now + wait - SECOND;
    pacer.refused(foretold, ticket, limits(300, 0, 1), Some(SECOND));
    assert!((pacer.rate(foretold) - 210.0).abs() < 1e-9);
}

#[test]
fn a_pause_elsewhere_is_not_made_up_for_by_a_burst() {
    let start = Instant::now();
    let mut pacer = told(Limits::default(), start);
    assert!(next(&mut pacer, start + MINUTE).1.is_zero());
    assert!(next(&mut pacer, start + MINUTE).1 >= Duration::from_millis(200));
}
