//! What people type wrong: one clear sentence, the documented exit status, and nothing half written.

use std::fs;

use crate::harness::{Home, PROGRAM, sandbox};
use crate::lake_files::LakeFiles;
use crate::scripted::KEY;

#[test]
fn a_missing_key_is_asked_for() {
    let home = Home::new();
    let fetch = || home.fetch_from("https://api.withpersona.com/api/v1").without_key();
    fetch().is_refused(2, &["PERSONA_API_KEY", "--api-key-file"]);
    fetch().key("  ").is_refused(2, &["empty"]);
    fetch().key("persona_sandbox_two\nlines").is_refused(2, &["characters that no key has"]);
    fetch().args("--api-key-file nowhere.key").is_refused(2, &["nowhere.key"]);
    home.write("empty.key", "\n");
    fetch().args("--api-key-file empty.key").is_refused(2, &["empty"]);
    assert!(!home.lake().exists());
}

#[test]
fn a_base_url_that_no_key_may_be_sent_to_is_refused_before_anything_is_sent() {
    let home = Home::new();
    for (url, words) in [
        ("https://api.withpersona.com", ["lacks its path", "https://api.withpersona.com/api/v1"]),
        ("https://api.withpersona.com/", ["lacks its path", "https://api.withpersona.com/api/v1"]),
        ("http://api.withpersona.com/api/v1", ["plain http to api.withpersona.com", "https://"]),
        ("http://192.0.2.7/api/v1", ["plain http to 192.0.2.7", "https://"]),
        ("http://localhost.example/api/v1", ["plain http to localhost.example", "https://"]),
        ("api.withpersona.com/api/v1", ["is not a URL", "https://"]),
        ("", ["is not a URL", "https://"]),
        ("ftp://127.0.0.1/api/v1", ["must begin with https://", "ftp"]),
        ("https://someone:secret@api.withpersona.com/api/v1", ["user name", "PERSONA_API_KEY"]),
    ] {
        let refused = home.fetch_from(url).is_refused(2, &words);
        assert!(!refused.stderr.contains("secret"));
    }
    assert!(!home.lake().exists());
}

#[test]
fn a_lake_must_be_named() {
    let home = Home::new();
    for line in ["fetch", "report", "run", "fetch --lake="] {
        home.command(line).key(KEY).is_refused(2, &["--lake", "SESSION_RISK_LAKE", "session-risk.toml"]);
    }
    assert_eq!(LakeFiles::new(home.path("")).files().len(), 0, "a folder was filled by accident");
}

#[test]
fn a_lake_that_is_a_file_is_left_alone() {
    let api = sandbox(100, 3);
    let home = Home::new();
    let path = home.write("lake", "somebody's notes");
    home.fetch(&api).is_refused(2, &["the lake lake is a file", "--lake"]);
    let below = home.command("fetch --lake lake/below --base-url").arg(api.base_url()).key(api.key());
    below.is_refused(2, &["lake/below", "is a file"]);
    home.command("report --lake lake").is_refused(2, &["the lake lake is a file"]);
    assert_eq!(fs::read_to_string(path).unwrap(), "somebody's notes");
    assert_eq!(api.stats().total(), 0, "nothing is asked for that cannot be kept");
}

#[test]
fn a_lake_on_a_store_of_another_kind_is_refused() {
    let home = Home::new();
    home.command("fetch --lake ftp://host/lake").key(KEY).is_refused(2, &["ftp://", "--lake"]);
    let refused =
        home.command("fetch --lake s3://bucket/lake?secret=1").key(KEY).is_refused(2, &["environment"]);
    home.command("fetch --lake s3://").key(KEY).is_refused(2, &["names no bucket", "s3://bucket/lake"]);
    assert!(!refused.stderr.contains("secret=1"));
    assert_eq!(LakeFiles::new(home.path("")).files().len(), 0);
}

#[cfg(unix)]
#[test]
fn a_lake_that_cannot_be_written_is_told_before_anything_is_asked() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::os::unix::process::CommandExt;

    let api = sandbox(100, 3);
    let words = ["lake", "cannot be written", "permissions"];
    let home = Home::new();
    symlink("nowhere/at/all", home.path("lake")).unwrap();
    home.fetch(&api).is_refused(1, &words);

    let home = Home::new();
    home.write("lake/_session_risk", "a file where the records should lie");
    home.fetch(&api).is_refused(1, &words);

    let home = Home::new();
    let allow =
        |name: &str, mode| fs::set_permissions(home.path(name), fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir(home.path("lake")).unwrap();
    allow("lake", 0o555);
    let fetch = if fs::metadata(home.path("lake")).unwrap().uid() == 0 {
        // Nothing is forbidden to root, so somebody else has to try.
        // A copy that is still open for writing elsewhere could not be run.
        fs::hard_link(PROGRAM, home.path("program"))
            .or_else(|_| fs::copy(PROGRAM, home.path("program")).map(drop))
            .unwrap();
        allow("", 0o755);
        let fetch = home.command_of(&home.path("program"), "fetch --lake lake").key(api.key());
        fetch.change(|command| _ = command.uid(65_534).gid(65_534))
    } else {
        home.command("fetch --lake lake").key(api.key())
    };
    fetch.arg("--base-url").arg(api.base_url()).is_refused(1, &words);
    assert_eq!(home.lake().files().len(), 0);
    assert_eq!(api.stats().total(), 0, "nothing is asked for that cannot be kept");
}

#[test]
fn a_settings_file_that_is_none_is_told_with_its_place() {
    let home = Home::new();
    let secret = "persona_sandbox_InASettingsFile";
    for (text, words) in [
        (format!("lake = \"lake\"\napi-key = {secret}\n"), ["session-risk.toml", "line 2"]),
        (format!("api-key = \"{secret}\"\n"), ["session-risk.toml", "\"api-key\""]),
        ("lakes = \"lake\"\n".to_owned(), ["session-risk.toml", "\"lakes\""]),
        ("lake = [\"lake\"]\n".to_owned(), ["session-risk.toml", "lake must be a text"]),
        ("\u{0}\u{1}".to_owned(), ["session-risk.toml", "line 1"]),
    ] {
        home.write("session-risk.toml", &text);
        for line in ["fetch --lake lake", "report --lake lake", "demo"] {
            let outcome = home.command(line).key(KEY).is_refused(2, &words);
            assert!(!outcome.stderr.contains(secret), "{outcome:#?}");
        }
    }
    fs::write(home.path("session-risk.toml"), b"lake = \"\xff\"").unwrap();
    home.command("fetch").key(KEY).is_refused(2, &["session-risk.toml", "cannot be read"]);
    fs::remove_file(home.path("session-risk.toml")).unwrap();
    home.command("fetch --config elsewhere.toml")
        .key(KEY)
        .is_refused(2, &["elsewhere.toml", "cannot be read"]);
    home.command("fetch --lake lake").env("SESSION_RISK_CONFIG", "else.toml").is_refused(2, &["else.toml"]);
    assert!(!home.lake().exists());
}

#[test]
fn a_setting_with_an_impossible_value_is_told_by_its_flag() {
    let home = Home::new();
    let fetch = || home.fetch_from("https://api.withpersona.com/api/v1");
    fetch().args("--reserve 99").is_refused(2, &["'99'", "--reserve", "95%"]);
    fetch().env("SESSION_RISK_RESERVE", "lots").is_refused(2, &["'lots'", "--reserve"]);
    fetch().env("SESSION_RISK_MAX_RATE", "0").is_refused(2, &["'0'", "--max-rate"]);
    fetch().args("--persona-version newest").is_refused(2, &["'newest'", "2025-12-08"]);
    fetch().args("--give-up-after 15").is_refused(2, &["'15'", "60s"]);
    fetch().args("--log-format xml").is_refused(2, &["'xml'", "--log-format"]);
    home.write("session-risk.toml", "reserve = \"lots\"\n");
    fetch().is_refused(2, &["'lots'", "--reserve"]);
    assert!(!home.lake().exists());
}

#[test]
fn an_unknown_command_flag_or_report_is_refused_by_name() {
    let home = Home::new();
    home.command("fecth").is_refused(2, &["'fecth'"]);
    home.command("fetch --lakes lake").is_refused(2, &["'--lakes'"]);
    home.command("report network_risks --lake lake").is_refused(2, &["network_risks", "network_risk"]);
    home.command("run --lake lake nosuch").key(KEY).is_refused(2, &["nosuch"]);
    home.command("demo nosuch").is_refused(2, &["nosuch"]);
    assert_eq!(LakeFiles::new(home.path("")).files().len(), 0);
}

#[test]
fn a_date_that_is_none_is_refused() {
    let home = Home::new();
    for date in ["yesterday", "2026-02-30", "2026-11-1", "20261101", "2026-11-01T00:00:00Z", "01.11.2026"] {
        for command in ["fetch", "report", "run"] {
            for flag in ["--since", "--until"] {
                let line = format!("{command} --lake lake {flag} {date}");
                home.command(&line).key(KEY).is_refused(2, &[&format!("'{date}'"), flag, "YYYY-MM-DD"]);
            }
        }
    }
    home.command("report --lake lake --last 0d").is_refused(2, &["'0d'", "28d"]);
    assert!(!home.lake().exists());
}

#[test]
fn a_range_that_ends_before_it_begins_is_refused() {
    let home = Home::new();
    for command in ["fetch", "report", "run"] {
        let line = format!("{command} --lake lake --since 2026-11-20 --until 2026-11-19");
        home.command(&line).key(KEY).is_refused(2, &["2026-11-20", "2026-11-19", "--since"]);
    }
    assert!(!home.lake().exists());
}

#[test]
fn a_lake_with_nothing_to_report_on_is_told_and_not_made() {
    let home = Home::new();
    home.command("report --lake lake").is_refused(4, &["there is no lake at lake", "fetch"]);
    assert!(!home.lake().exists());
    home.fetch(&sandbox(0, 3)).succeeds();
    home.command("report --lake lake").is_refused(4, &["nothing to report on"]);
}

#[test]
fn a_damaged_record_or_day_file_is_told_by_its_name() {
    let api = sandbox(200, 3);
    let home = Home::new();
    home.fetch(&api).succeeds();
    let date = home.lake().dates().pop_first().unwrap();
    fs::write(home.lake().day_file(&date), "not Parquet").unwrap();
    home.fetch(&api).args("--full").ends_with(1).says(&["session-risk: ", &date]).assert_no_panic();
    fs::write(home.lake().path("_session_risk/lake.json"), "{").unwrap();
    let words = ["_session_risk/lake.json", "cannot be understood"];
    home.fetch(&api).is_refused(1, &words);
    home.command("report --lake lake").is_refused(1, &words);
}

#[test]
fn a_day_that_was_lost_is_missing_and_not_quiet() {
    let home = Home::new();
    home.fetch(&sandbox(200, 5)).succeeds();
    let lost = home.lake().dates().into_iter().nth(2).unwrap();
    fs::remove_file(home.lake().day_file(&lost)).unwrap();
    fs::remove_file(home.lake().path(&format!("_session_risk/days/{lost}.json"))).unwrap();
    let outcome = home.command("report network_risk --lake lake --last 3d --format csv").succeeds();
    assert!(outcome.stderr.contains(&format!("missing or still open: {lost}")), "{}", outcome.stderr);
    let status = home.command("status --lake lake").succeeds();
    assert!(status.stdout.contains(&format!("1 day: {lost}")), "{}", status.stdout);
}

#[test]
fn a_report_reads_the_records_of_its_own_days_only() {
    let home = Home::new();
    home.fetch(&sandbox(200, 5)).succeeds();
    let dates = home.lake().dates();
    // The last day is still open.
    let [first, last] = [dates.first(), dates.iter().nth_back(1)].map(|date| date.unwrap().clone());
    let record = home.lake().path(&format!("_session_risk/days/{first}.json"));
    fs::write(&record, "{").unwrap();
    home.command(&format!("report network_risk --lake lake --since {last} --until {last}")).succeeds();
    let of_it = home.command(&format!("report network_risk --lake lake --since {first} --until {first}"));
    of_it.is_refused(1, &[record.file_name().unwrap().to_str().unwrap(), "cannot be understood"]);
    let compared = format!("report network_risk --lake lake --since {last} --until {last} --compare {first}");
    home.command(&compared).is_refused(1, &["cannot be understood"]);
}
