//! What is read of a bucket's day files for a report: what it asks for, and not the rest.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::json;
use session_risk::analysis::local::LocalEngine;
use session_risk::analysis::{DayFile, Engine, Reads};
use session_risk::lake::{Lake, LeaseTimes};

use crate::in_process::RUNTIME;
use crate::small_lake::{SmallLake, range, scope};

const ROWS: usize = 40_000;

/// A bucket with one day of sessions whose ids take most of its room, and the day's file.
fn bucket() -> (Lake, SmallLake, Date) {
    let mut random = fastrand::Rng::with_seed(5);
    let mut id =
        |prefix: &str| prefix.chars().chain((0..24).map(|_| random.alphanumeric())).collect::<String>();
    let rows: Vec<_> = (0..ROWS)
        .map(|number| {
            let level = ["low", "medium", "high"][number % 3];
            json!({"session_id": id("iqse_"), "inquiry_id": id("inq_"), "device_id": id("dev_"), "threat_level": level})
        })
        .collect();
    let files = SmallLake::new(rows);
    let day = files.files[0].date;
    let objects = InMemory::new();
    let bytes = std::fs::read(&files.files[0].path).unwrap();
    RUNTIME.block_on(objects.put(&key(day), bytes.into())).unwrap();
    (Lake::over(Arc::new(objects), "s3://bucket/lake", LeaseTimes::default(), RUNTIME.handle()), files, day)
}

fn key(day: Date) -> Key {
    Key::from(format!("sessions/created_date={day}/sessions.parquet"))
}

fn columns<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn of_a_bucket_only_the_columns_that_are_asked_for_are_copied() {
    let (lake, files, day) = bucket();
    let copies = lake.day_files(&[(day, columns(["threat_level", "created_at"]))].into()).unwrap();
    let (whole, copy) =
        (std::fs::read(&files.files[0].path).unwrap(), std::fs::read(copies.path(day)).unwrap());
    assert_eq!(copy.len(), whole.len());
    let footer = SerializedFileReader::new(bytes::Bytes::from(copy.clone())).unwrap();
    let group = footer.metadata().row_group(0);
    let of = |name: &str| {
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == name).unwrap();
        let (start, length) = chunk.byte_range();
        start as usize..(start + length) as usize
    };
    assert!(copy[of("threat_level")] == whole[of("threat_level")]);
    assert!(of("inquiry_id").len() > 512 << 10);
    assert!(copy[of("inquiry_id")].iter().all(|byte| *byte == 0), "the ids were copied too");

    let file = DayFile { date: day, path: copies.path(day) };
    let sql = "SELECT threat_level, COUNT(*) AS n, MIN(created_at) AS first FROM sessions GROUP BY threat_level ORDER BY 1";
    let asked =
        |files: &[DayFile]| LocalEngine::new(&scope(range(), files)).query(sql, Reads::default()).unwrap();
    let (answer, expected) = (asked(&[file]), asked(&files.files));
    assert_eq!(answer.rows.len(), 3);
    assert_eq!(answer.rows, expected.rows);
}

#[test]
fn all_columns_of_a_bucket_are_the_whole_file_and_what_is_no_parquet_file_is_copied_as_it_is() {
    let (lake, files, day) = bucket();
    let whole = std::fs::read(&files.files[0].path).unwrap();
    let every =
        session_risk::session::schema::schema().fields().iter().map(|field| field.name().clone()).collect();
    let copies = lake.day_files(&[(day, every)].into()).unwrap();
    assert!(std::fs::read(copies.path(day)).unwrap() == whole);

    for odd in [&b""[..], b"PAR1", &[7; 100_000], &whole[..whole.len() / 2]] {
        let objects = InMemory::new();
        RUNTIME.block_on(objects.put(&key(day), odd.to_vec().into())).unwrap();
        let lake = Lake::over(Arc::new(objects), "s3://bucket/lake", LeaseTimes::default(), RUNTIME.handle());
        let copies = lake.day_files(&[(day, columns(["threat_level"]))].into()).unwrap();
        assert!(std::fs::read(copies.path(day)).unwrap() == odd, "{} bytes", odd.len());
    }
}
