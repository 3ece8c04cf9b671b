//! The page as a browser shows it: no errors, nothing fetched, readable without script, wide and narrow, by keyboard
//! and for who hears it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value as Json, json};
use session_risk::cli::report::Format;
use tempfile::TempDir;

use crate::report::{compared_page, lake_before, options, page};
use crate::small_lake::{SmallLake, odd_rows};

/// What Chromium shows of a page in each of its four views; screenshots go into `folder`.
pub(crate) fn seen(html: &str, folder: &Path, words: &[&str]) -> Vec<Json> {
    fs::create_dir_all(folder).unwrap();
    let file = folder.join("page.html");
    fs::write(&file, html).unwrap();
    let python = std::env::var_os("SESSION_RISK_PYTHON").unwrap_or_else(|| "python3".into());
    let check = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser_check.py");
    let output = Command::new(&python).arg(check).arg(file).arg(folder).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{} cannot be started: {error}", python.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "needs chromium and python3 with playwright"]
fn the_page_is_whole_in_light_and_dark_by_hand_and_at_a_desk_without_script_or_network() {
    // Hostile names among them, and ids as long and as wide as Persona's.
    let mut rows = odd_rows(5, 3000);
    for row in &mut rows {
        if let Some(id) = row["device_id"].as_str().map(|id| format!("dev_{:W<24}", &id[4..])) {
            row["device_id"] = json!(id);
        }
    }
    let lake = SmallLake::new(rows);
    let earlier = lake_before();
    let html =
        compared_page(&options(&[], Format::Html, 80), &lake.scope(), Some(&earlier.scope_before(None)));
    // Kept for people to look at.
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    let words = [
        "Session risk",
        "What changed",
        "At a glance",
        "VPN",
        "Threat level by country",
        "'; DROP TABLE sessions; --",
        "Wilson",
    ];
    let views = seen(&html, &folder, &words);
    assert_eq!(views.len(), 4);
    for view in &views {
        for nothing in [
            "console",
            "requests",
            "missing",
            "clipped",
            "needless",
            "violations",
            "unreached",
            "unframed",
            "unscoped",
            "cut_in_print",
        ] {
            assert_eq!(view[nothing], json!([]), "{nothing}: {view}");
        }
        assert_eq!(view["wider"], json!(0), "the page scrolls sideways: {view}");
        assert!(view["tables"].as_u64() >= Some(3) && view["charts"].as_u64() >= Some(2), "{view}");
        assert!(view["letters"].as_f64() >= Some(10.0), "a chart's letters are too small: {view}");
        assert_eq!(view["unnamed"], json!(0), "a drawing has no words for who cannot see it: {view}");
        assert_eq!(view["skips"], json!(true), "the first stop does not lead past the contents: {view}");
        assert!(view["stops"].as_u64() >= Some(20), "{view}");
    }
    assert_ne!(views[0]["background"], views[2]["background"], "light and dark look the same");
    for shot in ["phone-light", "phone-dark", "desktop-light", "desktop-dark"] {
        assert!(fs::metadata(folder.join(format!("{shot}.png"))).unwrap().len() > 10_000);
    }
}

#[test]
#[ignore = "needs chromium and python3 with playwright"]
fn a_page_with_errors_requests_or_too_much_width_would_be_seen() {
    let sound = page(&options(&["device_mix"], Format::Html, 80), &SmallLake::new(odd_rows(1, 99)).scope());
    let folder = TempDir::new().unwrap();
    let breach = "<p style=\"width:3000px\">wide</p><img src=\"http://127.0.0.1:9/x.png\" alt=\"\">";
    // The page's own policy refuses both, and says so.
    let refused =
        seen(&sound.replace("</header>", &format!("</header>{breach}")), folder.path(), &["nowhere"]);
    for view in &refused {
        assert!(view["console"].as_array().unwrap().len() >= 2, "{view}");
        assert_eq!((&view["wider"], &view["missing"]), (&json!(0), &json!(["nowhere"])), "{view}");
    }
    // Of its own, a page nobody can hear and with a box that no key leads to.
    let unheard = "<style>#box { overflow: auto; width: 99px } p { color: #999 } a { outline: 0 }</style>\
                   <img src=\"data:,\"><svg role=\"img\"></svg><a href=\"#\">on</a>\
                   <div id=\"box\" class=\"scroll\" tabindex=\"-1\"><table><th>head</th></table>\
                   <p>wide<p style=\"width:999px\">wide</div>";
    let free = format!("<!DOCTYPE html><title>x</title><body>{breach}{unheard}");
    for view in seen(&free, folder.path(), &[]) {
        let violations = view["violations"].to_string();
        for rule in
            ["image-alt (critical)", "color-contrast (serious)", "svg-img-alt (serious)", "html-has-lang"]
        {
            assert!(violations.contains(rule), "{rule}: {view}");
        }
        assert_eq!((&view["unnamed"], &view["unscoped"]), (&json!(1), &json!(["head"])), "{view}");
        assert!(view["cut_in_print"].to_string().contains("wide"), "{view}");
        assert!(view["unreached"].to_string().contains("id=\\\"box"), "{view}");
        assert!(view["needless"].to_string().contains("head"), "{view}");
        assert!(view["unframed"].to_string().contains("on</a>"), "{view}");
        assert_eq!(view["skips"], json!(false), "{view}");
        assert_eq!(view["requests"], json!(["http://127.0.0.1:9/x.png"]), "{view}");
        assert!(view["wider"].as_i64() > Some(1000), "{view}");
    }
}

#[test]
#[ignore = "needs chromium and python3 with playwright"]
fn a_mail_is_whole_by_hand_and_at_a_desk_in_light_and_dark() {
    let lake = SmallLake::new(odd_rows(5, 3000));
    let mail = page(&options(&[], Format::Mail, 80), &lake.scope());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mail");
    for view in seen(&mail, &folder, &["Session risk", "VPN", "Threat level by country", "Wilson"]) {
        for nothing in ["console", "requests", "missing", "unreached", "unscoped"] {
            assert_eq!(view[nothing], json!([]), "{nothing}: {view}");
        }
        assert_eq!(view["wider"], json!(0), "the mail scrolls sideways: {view}");
        // It has no landmarks: the mail program's own page is around it.
        let violations = view["violations"].to_string();
        assert!(!violations.contains("(serious)") && !violations.contains("(critical)"), "{violations}");
    }
}
