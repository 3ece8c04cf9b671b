//! What answers is not what it should be: one clear sentence, the documented exit status, and nothing half written.

use crate::harness::{Home, Invocation, sandbox};
use crate::lake_files::LakeFiles;
use crate::scripted::{Answer, Scripted, link, session};

const HTML: &str = "<!doctype html><html><body>Please sign in</body></html>";

/// Nothing of a session, a day or an environment was written.
#[track_caller]
fn assert_nothing_fetched(lake: &LakeFiles) {
    assert_eq!(lake.holdings().keys().collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(!lake.path("sessions").exists());
}

/// The same command over a lake that holds something leaves it as it was, to the byte.
#[track_caller]
fn assert_refused_and_untouched(status: i32, words: &[&str], fetch: impl Fn(&Home) -> Invocation<'_>) {
    let home = Home::new();
    fetch(&home).is_refused(status, words);
    assert_nothing_fetched(&home.lake());

    let home = Home::new();
    home.fetch(&sandbox(120, 3)).succeeds();
    let before = home.lake().holdings();
    assert!(before.len() > 3);
    fetch(&home).is_refused(status, words);
    assert!(home.lake().holdings() == before, "the lake changed");
}

#[test]
fn a_wrong_key_is_refused_by_the_api() {
    let api = sandbox(100, 3);
    assert_refused_and_untouched(5, &["401", "Token is invalid", "PERSONA_API_KEY"], |home| {
        home.fetch(&api).key("persona_sandbox_wrong")
    });
}

#[test]
fn a_key_without_permission_is_refused_by_the_api() {
    let api = sandbox(100, 3);
    assert_refused_and_untouched(5, &["403", "permission"], |home| home.fetch(&api).key(api.forbidden_key()));
}

#[test]
fn a_host_that_cannot_be_reached_is_told_within_seconds() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/api/v1");
    assert_refused_and_untouched(1, &["no API could be reached at 127.0.0.1:PORT", "refused"], |home| {
        home.fetch_from(&url)
    });
}

#[test]
fn a_server_that_answers_html_is_no_api() {
    let web = Scripted::answering([Answer::new(200, "text/html", HTML)]);
    assert_refused_and_untouched(
        1,
        &["no API could be reached", "no page of sessions", "--base-url"],
        |home| home.fetch(&web),
    );
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Scripted::answering([Answer::page::<&str>(&[], None)]);
    let moved = Answer::new(302, "text/html", HTML).with("Location", elsewhere.base_url());
    let api = Scripted::answering([moved]);
    assert_refused_and_untouched(1, &["redirect (302)", "--base-url"], |home| home.fetch(&api));
    assert_eq!(elsewhere.asked().len(), 0);
}

#[test]
fn what_the_api_will_never_answer_is_asked_once() {
    for (status, title, exit, word) in [
        (400, "Bad Request", 1, "--persona-version"),
        (404, "Record not found", 1, "--base-url"),
        (429, "Quota exceeded", 3, "quota"),
    ] {
        let api = Scripted::answering([Answer::error(status, title, "in its own words")]);
        let home = Home::new();
        home.fetch(&api).is_refused(exit, &[title, "in its own words", word]);
        assert_eq!(api.asked().len(), 1);
        assert_nothing_fetched(&home.lake());
    }
}

#[test]
fn a_next_link_on_a_foreign_host_gives_its_cursor_and_nothing_else() {
    let foreign = Scripted::answering([Answer::page::<&str>(&[], None)]);
    let away = format!("{}/inquiry-sessions?page[after]=iqse_2&page[size]=10", foreign.base_url());
    let pages = [
        Answer::page(&[session("iqse_2", "2026-11-20T10:00:00.000Z")], Some(&away)),
        Answer::page(&[session("iqse_1", "2026-11-20T09:00:00.000Z")], None),
    ];
    let api = Scripted::answering(pages);
    let home = Home::new();
    home.fetch(&api).succeeds().says(&["WARN", "another host"]);
    assert_eq!(foreign.asked().len(), 0);
    let asked: Vec<_> =
        api.asked().iter().map(|asked| (asked.cursor(), asked.parameter("page[size]"))).collect();
    let hundred = Some("100".to_owned());
    assert_eq!(asked, [(None, hundred.clone()), (Some("iqse_2".to_owned()), hundred)]);
    assert_eq!(home.lake().sessions().len(), 2);
}

#[test]
fn an_absolute_next_link_on_the_same_host_is_nothing_to_warn_of() {
    let listing: Vec<String> =
        (0..150).map(|nth| session(&format!("iqse_{nth:03}"), "2026-11-20T10:00:00.000Z")).collect();
    let api = Scripted::serving(move |asked, _| match asked.cursor() {
        None => {
            let host = asked.header("host").unwrap();
            Answer::page(&listing[..100], Some(&format!("http://{host}{}", link("iqse_099"))))
        }
        Some(_) => Answer::page(&listing[100..], None),
    });
    let home = Home::new();
    let outcome = home.fetch(&api).succeeds();
    assert!(!outcome.stderr.contains("another host"), "{outcome:#?}");
    assert_eq!(home.lake().sessions().len(), 150);
}

#[test]
fn a_loop_of_cursors_ends_with_what_was_fetched() {
    let pages = [("iqse_3", "iqse_3"), ("iqse_2", "iqse_2"), ("iqse_1", "iqse_3")];
    let pages = pages.map(|(id, next)| {
        let hour = &id[5..];
        Answer::page(&[session(id, &format!("2026-11-20T0{hour}:00:00.000Z"))], Some(&link(next)))
    });
    let api = Scripted::answering(pages);
    let home = Home::new();
    home.fetch(&api).ends_with(3).says(&["session-risk: ", "circle", "iqse_3"]).assert_no_panic();
    assert_eq!(api.asked().len(), 3);
    assert_eq!(home.lake().sessions().keys().collect::<Vec<_>>(), ["iqse_1", "iqse_2", "iqse_3"]);
}
