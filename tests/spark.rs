//! Reports on a Spark cluster are the local engine's, cell by cell, whatever becomes of the cluster meanwhile.

use std::fs;
use std::thread;

use arrow::array::RecordBatch;
use jiff::civil::Date;
use serde_json::{Value as Json, json};
use session_risk::analysis::bind::{self, Arguments};
use session_risk::analysis::catalogue::{Catalogue, Query};
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::table::{Table, Value};
use session_risk::analysis::trusted::Side;
use session_risk::analysis::{Engine, Reads, Scope, answer};

use crate::detail;
use crate::harness::{Home, Invocation};
use crate::sample_lake;
use crate::small_lake::{self, SmallLake};
use crate::spark_cluster::{SparkCluster, TOKEN, cluster};
use crate::trusted::{self, trusted};
use crate::verify::rewrite;

mod large;

/// Compares names, types, order and every cell: doubles within 1e-9, all else exactly.
fn assert_same_table(name: &str, spark: &Table, local: &Table) {
    assert_eq!(spark.columns, local.columns, "{name}: columns");
    assert_eq!(spark.rows.len(), local.rows.len(), "{name}: number of rows");
    for (number, (spark_row, local_row)) in spark.rows.iter().zip(&local.rows).enumerate() {
        for (column, (spark, there)) in local.columns.iter().zip(spark_row.iter().zip(local_row)) {
            let same = match (spark, there) {
                (Value::Number(spark), Value::Number(there)) => {
                    (spark - there).abs() <= 1e-9 * there.abs().max(1.0) || spark.to_bits() == there.to_bits()
                }
                _ => spark == there,
            };
            assert!(same, "{name}, row {number}, {}: {spark:?} on Spark, {there:?} here", column.name);
        }
    }
}

fn assert_same_sql(spark: &dyn Engine, scope: &Scope, reads: Reads<'_>, name: &str, sql: &str) {
    let local = LocalEngine::new(scope).query(sql, reads).unwrap();
    let spark = spark.query(sql, reads).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    assert_same_table(name, &spark, &local);
}

/// The rows of a query as its SQL gives them and, where these go through a step, those of the step and what it says.
fn assert_same(spark: &dyn Engine, scope: &Scope, query: &Query) {
    let given = &Arguments::new();
    let header = &query.header;
    let missing = scope.before(header.days_before()).missing.len();
    let sql = bind::bind(&query.sql, header, scope.range, missing, given).unwrap();
    assert_same_sql(spark, scope, header.reads(), &query.name, &sql);
    if header.then.is_some() {
        let ask = |engine: &dyn Engine| answer(query, scope, given, engine).unwrap();
        let (there, here) = (ask(spark), ask(&LocalEngine::new(scope)));
        assert_same_table(&query.name, &there.table, &here.table);
        assert_eq!(there.said, here.said, "{}", query.name);
    }
}

fn assert_catalogue_same(cluster: &SparkCluster, scope: &Scope) {
    let spark = cluster.engine(scope);
    let catalogue = Catalogue::built_in().unwrap();
    assert_eq!(catalogue.queries().len(), 24);
    for query in catalogue.queries() {
        assert_same(&spark, scope, query);
    }
}

/// Takes columns out of a day's file, as if it had been written before there were any.
fn age(lake: &SmallLake, date: &str, columns: &[&str]) {
    let file = lake.files.iter().find(|file| file.date.to_string() == date).unwrap();
    rewrite(
        &file.path,
        |_, value| Some(value),
        |batch: RecordBatch| {
            let schema = batch.schema();
            let is_kept = |at: &usize| !columns.contains(&schema.field(*at).name().as_str());
            batch.project(&(0..batch.num_columns()).filter(is_kept).collect::<Vec<_>>()).unwrap()
        },
    );
}

#[test]
#[ignore = "needs python3 with pyspark, and Java"]
fn every_query_gives_the_local_engines_rows_over_nulls_absent_columns_and_a_gap() {
    let cluster = cluster();
    let lake = SmallLake::new(small_lake::full_rows(1, 1500));
    age(&lake, "2026-11-19", &["ip_isp", "is_tor", "device_handoff_method", "longitude", "started_at"]);
    let mut scope = lake.scope();
    let gap: Date = "2026-11-18".parse().unwrap();
    scope.files.retain(|file| file.date != gap);
    scope.missing.push(gap);
    assert!(!scope.files.is_empty() && !scope.before(28).files.is_empty());
    assert_catalogue_same(&cluster, &scope);
    let spark = cluster.engine(&scope);
    for query in detail::with_details() {
        let table = answer(&query, &scope, &Arguments::new(), &LocalEngine::new(&scope)).unwrap().table;
        let is_null = |row: &usize| table.value(*row, &query.header.details[0].column).is_null();
        for row in [Some(0), (0..table.rows.len()).find(is_null)].into_iter().flatten() {
            assert_same(&spark, &scope, &detail::of_row(&query, &table, row));
        }
    }
}

#[test]
#[ignore = "needs python3 with pyspark, and Java"]
fn every_query_gives_the_local_engines_rows_over_no_session_one_session_and_nulls() {
    let cluster = cluster();
    for rows in [vec![], vec![json!({"is_vpn": true})], vec![json!({}); 40]] {
        assert_catalogue_same(&cluster, &SmallLake::new(rows).scope());
    }
}

#[test]
#[ignore = "needs python3 with pyspark, and Java"]
fn every_query_leaves_out_the_sessions_of_trusted_networks_that_the_local_engine_leaves_out() {
    let cluster = cluster();
    let lake = SmallLake::new(trusted::rows(41, 1500));
    let catalogue = Catalogue::built_in().unwrap();
    let until =
        ["192.0.2.0/26 Office until 2026-11-19", "192.0.2.7 Phone", "2001:db8::/32 Lab until 2026-11-18"];
    for networks in
        [&trusted::NETWORKS[..], &until, &["0.0.0.0/0 All", "::/0 All"], &["198.51.100.0/24 Nobody"]]
    {
        // Copies: what is left out is counted by each of the engines.
        let scope = || Scope { trusted: trusted(networks), ..lake.scope() };
        let spark = cluster.engine(&scope());
        let mut told = 0;
        for query in catalogue.queries().iter().filter(|query| query.header.without_trusted) {
            let ask = |scope: &Scope, engine: &dyn Engine| {
                answer(query, scope, &trusted::low(query), engine).unwrap()
            };
            let (there, here) = (ask(&scope(), &spark), ask(&scope(), &LocalEngine::new(&scope())));
            assert_same_table(&query.name, &there.table, &here.table);
            assert_eq!((&there.said, &there.left_out), (&here.said, &here.left_out), "{}", query.name);
            let all = ask(&lake.scope(), &LocalEngine::new(&lake.scope())).table;
            assert_eq!(here.table == all, networks[0].contains("Nobody"), "{}", query.name);
            told += 1;
        }
        assert_eq!(told, 6);
    }
}

/// Addresses in many writings, and what only looks like one.
fn writings(random: &mut fastrand::Rng) -> Vec<String> {
    let v4 = ["192.0.2.7", "0.0.0.0", "255.255.255.255", "10.1.200.99", "1.22.133.4"];
    let v6 = [
        "::",
        "::1",
        "2001:db8::9",
        "2001:DB8:0:0::9",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1:2:3:4::5:6:7:8",
        "fe80::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "::ffff:192.0.2.7",
        "::FFFF:C000:207",
        "0:0:0:0:0:ffff:c000:0207",
        "::192.0.2.7",
        "2001:db8::192.0.2.7",
        "1:2:3:4:5:6:192.0.2.7",
        "1::2:192.0.2.7",
        "1:2:3:4:5:192.0.2.7",
        "192.0.2.7::",
        "1:2:3:4:5:6:7:192.0.2.7",
        "::1:192.0.2.7:2",
        "12345::",
        ":1::2",
        "1:::2",
        "::ffff:0:192.0.2.7",
        "00::00001",
    ];
    let around = [
        "X",
        " X",
        "X\n",
        "\u{a0}X\u{3000}",
        "\tX\u{85}",
        "[X]",
        "[X",
        "X]",
        "X]]",
        "[[X]]",
        "X/64",
        "X/",
        "X%eth0",
        "X%1/2",
        "[X%eth0]",
        "X:443",
        "X:0",
        "X:00443",
        "X:65535",
        "X:65536",
        "X:0065535",
        "X:",
        "[X]:443",
        "[X]:65536",
        "[X]:",
        "[X:443",
        "X]:443",
        "[X%7]:443",
        "X, 198.51.100.1",
        "X\n/24",
        "X\n:443",
        "X\n8",
        "x X",
        "0X",
        "X0",
        "X.",
        ".X",
        "\u{200b}X",
    ];
    let exact = v4.iter().chain(&v6).flat_map(|address| around.map(|around| around.replace('X', address)));
    let mut texts: Vec<String> = exact.collect();
    let letters: Vec<char> = "0123456789abcdefABCDEF::::....[]%/ \n\u{a0}gé".chars().collect();
    for _ in 0..3000 {
        let mut letters_of: Vec<char> = random.choice(&texts).unwrap().chars().collect();
        let at = random.usize(..=letters_of.len());
        match random.u8(..3) {
            0 => letters_of.insert(at, *random.choice(&letters).unwrap()),
            1 if at < letters_of.len() => letters_of[at] = *random.choice(&letters).unwrap(),
            _ if at < letters_of.len() => drop(letters_of.remove(at)),
            _ => {}
        }
        texts.push(letters_of.into_iter().collect());
    }
    texts
}

#[test]
#[ignore = "needs python3 with pyspark, and Java"]
fn an_address_is_in_the_same_networks_on_a_cluster_however_it_is_written() {
    let cluster = cluster();
    let mut random = fastrand::Rng::with_seed(7);
    let texts = writings(&mut random);
    let session = |(number, text): (usize, &String)| json!({"session_id": format!("iqse_{number:05}"), "ip_address": text});
    let lake = SmallLake::new(texts.iter().enumerate().map(session).chain([json!({"ip_address": null})]));
    let some = [
        "192.0.2.0/29",
        "10.1.128.0/17",
        "2001:db8::8/126",
        "1:2:3:4::/64",
        "fe80::/10",
        "::/127",
        "0.0.0.0/1",
    ];
    let many: Vec<String> = (0..1500).map(|n| format!("{}.{}.2.0/24", n % 250, n / 250)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cases = [vec!["0.0.0.0/0"], vec!["::/0"], some.to_vec(), many];
    for networks in cases {
        let networks: Vec<String> = networks.iter().map(|network| format!("{network} Label")).collect();
        let trusted = trusted(&networks.iter().map(String::as_str).collect::<Vec<_>>());
        let scope = lake.scope();
        let spark = cluster.engine(&scope);
        let sql = "SELECT session_id, ip_address FROM sessions ORDER BY session_id NULLS LAST";
        let mut sides = Vec::new();
        for side in [Side::Trusted, Side::Others] {
            let part = trusted.part(side);
            let ask = |engine: &dyn Engine| engine.over(&part).query(sql, Reads::default()).unwrap();
            let (there, here) = (ask(&spark), ask(&LocalEngine::new(&scope)));
            assert_same_table(&networks[0], &there, &here);
            sides.push(here.rows.len());
        }
        assert!(sides[0] > 0 && sides[1] > 0 && sides[0] + sides[1] == texts.len() + 1, "{sides:?}");
    }
}

#[test]
#[ignore = "needs python3 with pyspark, and Java"]
fn a_part_of_no_day_file_is_an_empty_table() {
    let cluster = cluster();
    let scope = SmallLake::new([]).scope();
    for side in [Side::Trusted, Side::Others] {
        let engine = cluster.engine(&scope).over(&trusted(&["192.0.2.0/24 Label"]).part(side));
        let sql = "SELECT COUNT(*) AS n, MAX(created_date) AS last FROM sessions";
        assert_same_sql(&*engine, &scope, Reads::default(), "empty", sql);
    }
}

#[test]
#[ignore = "needs python3 with pyspark, and Java"]
fn the_table_sessions_is_the_same_in_both_engines() {
    let cluster = cluster();
    let lake = SmallLake::new(small_lake::full_rows(9, 200));
    let scope = lake.scope();
    let spark = cluster.engine(&scope);
    // Back and forth: what the table stands for must follow.
    for before in [0, 28, 0, 1] {
        let sql = "SELECT * FROM sessions ORDER BY created_at NULLS LAST, session_id NULLS LAST";
        let reads = Reads { before, ..Reads::default() };
        assert_same_sql(&spark, &scope, reads, "sessions", sql);
    }
    for sql in [
        "SELECT EXTRACT(HOUR FROM created_at) AS hour, COUNT(*) AS n, SUM(CASE WHEN is_vpn THEN 1 ELSE 0 END) AS vpn, \
         AVG(latitude) AS latitude, MIN(created_date) AS first, MAX(started_at) AS last, SUM(CASE WHEN is_vpn THEN 2.5 ELSE 0.5 END) AS points, NULL AS no \
         FROM sessions GROUP BY 1 ORDER BY 1 NULLS LAST",
        "SELECT session_id, 0.5 * latitude AS half, COUNT(*) OVER (PARTITION BY country_code) AS n FROM sessions \
         WHERE created_at >= TIMESTAMP '2026-11-19 12:30:00' AND created_date <= DATE '2026-11-20' \
         ORDER BY session_id NULLS LAST",
        r#"SELECT 'it''s "1"' AS "a ""quoted"" `name`", 'C:\n\' AS path, "country_name" FROM sessions
           WHERE country_name IN ('Côte d''Ivoire', '日本') OR "is_vpn" ORDER BY "session_id" NULLS LAST"#,
    ] {
        assert_same_sql(&spark, &scope, Reads::default(), sql, sql);
    }
}

#[test]
#[ignore = "needs python3 with pyspark, and Java"]
#[should_panic(expected = "row 0, n: Integer(2) on Spark, Integer(1) here")]
fn a_difference_between_the_engines_is_seen() {
    let cluster = cluster();
    let scope = SmallLake::new([]).scope();
    let spark = cluster.engine(&scope).query("SELECT 2 AS n", Reads::default()).unwrap();
    let local = LocalEngine::new(&scope).query("SELECT 1 AS n", Reads::default()).unwrap();
    assert_same_table("differs", &spark, &local);
}

#[test]
#[ignore = "needs python3 with pyspark, and Java"]
fn a_worker_that_is_killed_in_the_middle_of_a_query_changes_nothing() {
    let mut cluster = cluster();
    let lake = SmallLake::new(small_lake::full_rows(2, 1500));
    let scope = lake.scope();
    let spark = cluster.engine(&scope);
    let catalogue = Catalogue::built_in().unwrap();
    let query = &catalogue.select(&["clusters".to_owned()]).unwrap()[0];
    // Its share of the work cannot be done, so that it is in the middle of it whenever it is killed.
    cluster.tell("freeze");
    thread::scope(|threads| {
        let asked = threads.spawn(|| assert_same(&spark, &scope, query));
        cluster.tell("await");
        assert!(!asked.is_finished(), "it was not in the middle of anything");
        cluster.tell("kill");
        asked.join().unwrap();
    });
    cluster.tell("revive");
    assert_same(&spark, &scope, query);
}

/// A command that asks the cluster, its URL in the environment.
fn spark<'h>(home: &'h Home, cluster: &SparkCluster, line: &str) -> Invocation<'h> {
    home.command(line).args("--engine spark").env("SESSION_RISK_SPARK_REMOTE", &cluster.url(TOKEN))
}

/// A page without the moment at which it was made.
fn timeless(page: &str) -> Json {
    let mut page: Json = serde_json::from_str(page).unwrap();
    assert!(page["generated_at"].take().is_string(), "{page}");
    page
}

#[test]
#[ignore = "needs python3 with pyspark, and Java"]
fn the_reports_of_the_program_are_the_same_on_a_cluster_that_knows_the_lake_by_another_path() {
    let cluster = cluster();
    let home = Home::new();
    sample_lake::copy_to(&home);
    // A pattern to some readers, and a value of a column to others.
    let elsewhere = home.path("created_date=2020-01-01/{a,b} [c]*?");
    fs::create_dir_all(&elsewhere).unwrap();
    fs::rename(home.path("lake/sessions"), elsewhere.join("sessions")).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("sessions"), home.path("lake/sessions")).unwrap();
    let line = "report network_risk daily_trend new_countries time_to_start --lake lake --last 2d --compare previous --format json";
    let local = home.command(line).succeeds();
    let by_default = spark(&home, &cluster, line).succeeds();
    assert_eq!(timeless(&by_default.stdout), timeless(&local.stdout));
    let by_path = spark(&home, &cluster, line).args("--spark-lake").arg(&elsewhere).succeeds();
    assert_eq!(timeless(&by_path.stdout), timeless(&local.stdout));
    let day = elsewhere.join("sessions/created_date=2026-11-19/sessions.parquet");
    fs::rename(&day, home.path("put aside")).unwrap();
    spark(&home, &cluster, line)
        .args("--spark-lake")
        .arg(&elsewhere)
        .is_refused(1, &["cannot read the lake", "2026-11-19"]);
    fs::rename(home.path("put aside"), &day).unwrap();
    let line = "query network_risk --lake lake --last 3d --format csv";
    let local = home.command(line).succeeds();
    assert_eq!(spark(&home, &cluster, line).succeeds().stdout, local.stdout);
    let line = "report inquiries_per_device clusters --lake lake --last 3d --format json";
    let trust =
        |command: Invocation<'_>| command.args("--trust").arg("0.0.0.0/0 All of IPv4").succeeds().stdout;
    let (there, here) = (trust(spark(&home, &cluster, line)), trust(home.command(line)));
    assert!(here.contains("Left out: "), "{here}");
    assert_eq!(timeless(&there), timeless(&here));
}

#[test]
#[ignore = "needs python3 with pyspark, and Java"]
fn what_goes_wrong_on_a_cluster_is_told_in_a_sentence_without_the_token() {
    let cluster = cluster();
    let home = Home::new();
    sample_lake::copy_to(&home);
    let query = |sql: &str| spark(&home, &cluster, "query --lake lake").arg(sql);
    query("SELECT nope FROM sessions").is_refused(2, &["cannot be run", "nope"]);
    query("SELECT FROM WHERE").is_refused(2, &["cannot be run"]);
    query("SELECT * FROM elsewhere").is_refused(2, &["cannot be run", "elsewhere"]);
    query("SELECT CAST(os_name AS INT) AS n FROM sessions").is_refused(2, &["cannot be run"]);
    query("SELECT 1 / 0 AS n").is_refused(2, &["cannot be run", "by zero"]);
    query("SELECT created_at - started_at AS waited FROM sessions").is_refused(2, &["`waited`", "cast it"]);
    query("DROP TABLE sessions").is_refused(2, &["SELECT"]);
    query("SELECT 1 AS n").args("--spark-lake /nowhere").is_refused(1, &["/nowhere", "--spark-lake"]);
    let at = |url: &str| query("SELECT 1 AS n").env("SESSION_RISK_SPARK_REMOTE", url);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = format!("sc://127.0.0.1:{nobody}/;token={TOKEN}");
    at(&nobody).is_refused(1, &["cannot be reached", "127.0.0.1:PORT", "--spark-remote"]);
    let master = format!("sc://127.0.0.1:{}/;token={TOKEN}", cluster.port("master"));
    at(&master).is_refused(1, &["cannot be reached", "127.0.0.1:PORT"]);
    at(&format!("{};use_ssl=true", cluster.url(TOKEN))).is_refused(1, &["cannot be reached", "use_ssl"]);
    at(&cluster.url("another-token")).is_refused(1, &["refuses access", "token"]);
    for (url, words) in [
        ("", "--spark-remote"),
        (&*format!("http://127.0.0.1/;token={TOKEN}"), "sc://host:15002"),
        (&*format!("sc://spark.example.com/;use_ssl=false;token={TOKEN}"), "unencrypted"),
    ] {
        let refused = at(url).is_refused(2, &[words]);
        assert!(!refused.stderr.contains(TOKEN), "{refused:?}");
    }
    for url in [cluster.url(TOKEN), nobody, cluster.url("another-token")] {
        for format in ["text", "json"] {
            let said = at(&url).args("-vvv --log-format").arg(format).run();
            assert!(said.stderr.contains("TRACE"), "it does not speak: {said:#?}");
            for word in [TOKEN, "another-token"] {
                assert!(!format!("{said:?}").contains(word), "the token is in what {url} has said");
            }
        }
    }
    let help = home.command("report --help").env("SESSION_RISK_SPARK_REMOTE", &cluster.url(TOKEN)).succeeds();
    assert!(!help.stdout.contains(TOKEN), "{help:?}");
}

#[test]
#[ignore = "needs python3 with pyspark, and Java"]
fn a_day_file_that_is_gone_or_cut_off_is_an_error_and_not_a_smaller_figure() {
    let cluster = cluster();
    let home = Home::new();
    sample_lake::copy_to(&home);
    let count = || spark(&home, &cluster, "query --lake lake").arg("SELECT COUNT(is_vpn) AS n FROM sessions");
    count().succeeds();
    let day = home.lake().day_file("2026-11-18");
    let bytes = fs::read(&day).unwrap();
    fs::write(&day, &bytes[..bytes.len() / 2]).unwrap();
    count().is_refused(1, &["cannot read the lake", "2026-11-18"]);
    fs::remove_file(&day).unwrap();
    count().is_refused(1, &["cannot read the lake", "2026-11-18"]);
}
