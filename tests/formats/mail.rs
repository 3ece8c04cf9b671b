//! The digest for mail programs: how large it may be, what it leaves out for that, and what it looks like.

use session_risk::analysis::catalogue::Query;
use session_risk::cli::report::Format;

use super::html_rows;
use crate::report::{compared_page, lake, lake_before, options, page};
use crate::small_lake::{SmallLake, odd_rows};

/// What Gmail shows of a mail before it cuts it off, in bytes.
const SHOWN: usize = 102_000;

#[test]
fn a_digest_of_a_single_row_a_ranking_and_a_series() {
    let names = ["network_risk", "threat_by_country", "daily_trend", "inquiries_per_address"];
    let mail = page(&options(&names, Format::Mail, 80), &lake().scope());
    insta::assert_snapshot!("mail", mail.replace("><", ">\n<"));
}

#[test]
fn all_reports_fit_into_a_mail_and_each_is_there() {
    let lake = SmallLake::new(odd_rows(5, 3000));
    let options = options(&[], Format::Mail, 80);
    let mail = page(&options, &lake.scope());
    assert!(mail.len() < 100_000, "{} bytes", mail.len());
    assert_eq!(mail.matches("<h2").count(), options.queries.len());
    assert!(!mail.contains("reports are left out"), "{mail}");
    let earlier = lake_before();
    let mail = compared_page(&options, &lake.scope(), Some(&earlier.scope_before(None)));
    assert!(mail.len() < 100_000, "{} bytes", mail.len());
    assert_eq!(mail.matches("<h2").count(), 1 + options.queries.len());
    assert!(mail.find("What changed") < mail.find("VPN"), "{mail}");
}

#[test]
fn a_row_that_is_left_out_a_column_and_the_rest_of_a_series_are_told() {
    let rows = odd_rows(5, 3000).into_iter().enumerate().map(|(at, mut row)| {
        row["created_at"] = format!("2026-11-{:02}T10:00:00Z", at % 20 + 1).into();
        row
    });
    let lake = SmallLake::new(rows);
    let mail = page(&options(&["inquiries_per_address"], Format::Mail, 80), &lake.scope());
    let all = page(&options(&["inquiries_per_address"], Format::Csv, 80), &lake.scope()).lines().count() - 1;
    assert!(all > 10 && mail.contains(&format!("10 of {all} rows; --format json has them all.")), "{mail}");
    assert!(mail.contains("Not shown: First seen, Last seen."), "{mail}");
    let mail = page(&options(&["daily_trend"], Format::Mail, 80), &lake.scope());
    assert!(mail.contains("The last 10 of 20 rows"), "{mail}");
    let days: Vec<String> = html_rows(&mail).iter().flatten().map(|cell| cell.text.clone()).collect();
    assert!(days.iter().any(|cell| cell == "2026-11-20") && !days.iter().any(|cell| cell == "2026-11-10"));
}

#[test]
fn where_there_is_no_room_rows_are_left_out_first_and_then_reports_and_both_are_told() {
    let lake = lake();
    let mut options = options(&["device_mix"], Format::Mail, 80);
    let mix = options.queries[0].clone();
    let copies = |count: usize| -> Vec<Query> {
        (1..=count).map(|nth| Query { name: format!("mix_{nth}"), ..mix.clone() }).collect()
    };
    for (count, rows, shown) in [(20, 10..=10, 20..=20), (60, 1..=9, 60..=60), (300, 1..=1, 61..=299)] {
        options.queries = copies(count);
        let mail = page(&options, &lake.scope());
        assert!(mail.len() < SHOWN - 2_000, "{count} reports: {} bytes", mail.len());
        let reports = mail.matches("<h2").count();
        assert!(shown.contains(&reports), "{reports} of {count}");
        let most = mail.split("at most ").nth(1).unwrap().split(' ').next().unwrap();
        assert!(rows.contains(&most.parse::<usize>().unwrap()), "{count} reports: {most} rows");
        let ending = mail.split("<hr").nth(1).unwrap().replace('\n', " ");
        assert_eq!(ending.contains("these reports are left out: mix_"), reports < count, "{ending}");
        assert_eq!(ending.contains(" more."), reports + 40 < count, "{ending}");
    }
}

#[test]
fn nothing_that_a_query_or_a_session_says_makes_a_line_too_long_for_mail() {
    let long = "\"&\u{301}".repeat(4000);
    let sql = format!(
        "-- title: {long}\n-- question: {long}\n-- key: os_name\n-- note: {long}\n\n\
         SELECT os_name, COUNT(*) AS n FROM sessions GROUP BY os_name ORDER BY os_name"
    );
    let lake = SmallLake::new([serde_json::json!({"os_name": long})]);
    let mut options = options(&["device_mix"], Format::Mail, 80);
    options.queries = vec![Query::parse("x", "x.sql", &sql).unwrap()];
    let mut scope = lake.scope();
    scope.notes = vec![long];
    let mail = page(&options, &scope);
    let longest = mail.lines().map(str::len).max().unwrap();
    assert!(longest <= 998, "{longest}");
}
