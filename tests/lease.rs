//! Two writers at one bucket: one at a time, and whoever was thought to be gone destroys nothing.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use jiff::civil::date;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use session_risk::lake::{Error, Lake, LeaseTimes, Lock, Origin, Stage, Vanished, Walked};
use session_risk::session::{Decoder, Seen};
use tokio::runtime::Runtime;

use crate::lake_files::LakeFiles;
use crate::scripted::session;

const DAY: jiff::civil::Date = date(2026, 11, 20);

type Meddle = Box<dyn FnMut(&Path) + Send>;

/// A bucket in memory in which something happens before an object is written.
struct Bucket {
    objects: Arc<InMemory>,
    meddle: Mutex<Option<Meddle>>,
    conditions: bool,
}

impl Bucket {
    fn new() -> Self {
        Self { objects: Arc::default(), meddle: Mutex::default(), conditions: true }
    }

    /// Before the next write of a day file, once.
    fn before_a_day_is_written(&self, mut meddle: impl FnMut() + Send + 'static) {
        let mut over = false;
        *self.meddle.lock().unwrap() = Some(Box::new(move |key| {
            if !over && key.as_ref().starts_with("sessions/") {
                over = true;
                meddle();
            }
        }));
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, key: &Path, bytes: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        if let Some(meddle) = self.meddle.lock().unwrap().as_mut() {
            meddle(key);
        }
        if !self.conditions {
            options.mode = PutMode::Overwrite;
        }
        self.objects.put_opts(key, bytes, options).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(key, options).await
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        self.objects.get_opts(key, options).await
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

/// Machines that know the same bucket.
struct Machines {
    runtime: Runtime,
    bucket: Arc<Bucket>,
    times: LeaseTimes,
}

impl Machines {
    /// `renew` much longer than a lease is valid: a machine that is not heard of.
    fn with(bucket: Bucket, renew: Duration) -> Self {
        let times = LeaseTimes { valid: Duration::from_millis(400), renew, poll: Duration::from_millis(5) };
        Self { runtime: Runtime::new().unwrap(), bucket: Arc::new(bucket), times }
    }

    fn silent() -> Self {
        Self::with(Bucket::new(), Duration::from_secs(3600))
    }

    /// The lake as one more machine opens it.
    fn opens(&self) -> Lake {
        let store: Arc<dyn ObjectStore> = Arc::clone(&self.bucket) as _;
        Lake::over(store, "memory://lake", self.times, self.runtime.handle())
    }

    fn objects(&self) -> Vec<(String, Vec<u8>)> {
        self.runtime.block_on(async {
            let found: Vec<ObjectMeta> = self.bucket.list(None).try_collect().await.unwrap();
            let mut objects = Vec::new();
            for key in found.into_iter().map(|found| found.location) {
                let bytes = self.bucket.get(&key).await.unwrap().bytes().await.unwrap();
                objects.push((key.to_string(), bytes.to_vec()));
            }
            objects.retain(|(key, _)| !key.ends_with("/lock"));
            objects
        })
    }

    /// The ids in the lake, after the checks of every day file.
    fn ids(&self) -> Vec<String> {
        let folder = tempfile::TempDir::new().unwrap();
        for (key, bytes) in self.objects() {
            let path = folder.path().join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        LakeFiles::new(folder.path()).sessions().into_keys().collect()
    }
}

fn publish(lake: &Lake, run: &str, resources: &[String]) -> std::result::Result<(), Error> {
    let began = Timestamp::from_second(1_795_500_000).unwrap();
    let seen = Seen { environment: Some("env_test".into()), at: began };
    let mut decoder = Decoder::default();
    decoder.value(format!("{{\"data\":[{}]}}", resources.join(",")).as_bytes(), &seen).unwrap();
    let mut stage = Stage::new(lake.clone(), run, run, None);
    stage.append(&decoder.take().unwrap())?;
    stage
        .publish(DAY, Origin::Walk(Walked { began, whole: true, alone: true, vanished: Vanished::Keep }))
        .map(|_| ())
}

fn one(id: &str) -> [String; 1] {
    [session(id, "2026-11-20T10:00:00.000Z")]
}

fn refused(locked: std::result::Result<Lock, Error>) -> String {
    match locked {
        Err(error @ Error::Held { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_machine_holds_the_bucket_until_it_gives_the_lease_back() {
    let machines = Machines::silent();
    let (first, second) = (machines.opens(), machines.opens());
    let lock = first.lock("the-first").unwrap();
    let sentence = refused(second.lock("the-second"));
    assert!(sentence.contains("memory://lake") && sentence.contains("run the-first, process"), "{sentence}");
    drop(lock);
    let _lock = second.lock("the-second").unwrap();
    refused(first.lock_within("the-first", Duration::from_secs(60), &|| true));
}

#[test]
fn a_lease_that_is_renewed_is_never_taken_however_long_one_waits() {
    let machines = Machines::with(Bucket::new(), Duration::from_millis(20));
    let (first, second) = (machines.opens(), machines.opens());
    let _lock = first.lock("the-first").unwrap();
    let wait = machines.times.valid * 3;
    refused(second.lock_within("the-second", wait, &|| false));
    publish(&first, "the-first", &one("iqse_1")).unwrap();
    assert_eq!(machines.ids(), ["iqse_1"]);
}

#[test]
fn a_machine_that_was_not_heard_of_loses_the_lease_and_writes_nothing_more() {
    let machines = Machines::silent();
    let (first, second) = (machines.opens(), machines.opens());
    let lost = first.lock("the-first").unwrap();
    publish(&first, "the-first", &one("iqse_1")).unwrap();
    let lock = second.lock_within("the-second", Duration::from_secs(60), &|| false).unwrap();
    let before = machines.objects();
    let error = publish(&first, "the-first", &one("iqse_2")).unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error:?}");
    assert!(first.record_lake(&first.manifest().unwrap().lake).is_err());
    assert!(machines.objects() == before, "it wrote all the same");
    // It takes nothing from the one who has the lease now.
    drop(lost);
    refused(first.lock("the-first"));
    publish(&second, "the-second", &one("iqse_3")).unwrap();
    assert_eq!(machines.ids(), ["iqse_1", "iqse_3"]);
    drop(lock);
    first.lock("the-first").unwrap();
}

#[test]
fn a_holder_that_was_silent_but_missed_by_nobody_goes_on() {
    let machines = Machines::silent();
    let lake = machines.opens();
    let _lock = lake.lock("the-only").unwrap();
    std::thread::sleep(machines.times.valid);
    publish(&lake, "the-only", &one("iqse_1")).unwrap();
    assert_eq!(machines.ids(), ["iqse_1"]);
}

#[test]
fn a_day_that_another_writer_changed_meanwhile_is_left_as_it_is_and_the_next_run_has_both() {
    for is_new in [true, false] {
        let machines = Machines::silent();
        let (first, second) = (machines.opens(), machines.opens());
        if !is_new {
            publish(&first, "before", &one("iqse_0")).unwrap();
        }
        // What a machine does that was stopped for long between its last look at the lease and its write.
        machines.bucket.before_a_day_is_written({
            let objects = Machines::with(Bucket::new(), machines.times.renew);
            publish(&objects.opens(), "the-second", &one("iqse_2")).unwrap();
            let file = objects.objects().into_iter().find(|(key, _)| key.starts_with("sessions/")).unwrap();
            let to = Arc::clone(&machines.bucket.objects);
            move || {
                let (key, bytes) = file.clone();
                futures_util::future::FutureExt::now_or_never(to.put(&Path::from(key), bytes.into()))
                    .unwrap()
                    .unwrap();
            }
        });
        let error = publish(&first, "the-first", &one("iqse_1")).unwrap_err();
        assert!(matches!(error, Error::DayChanged { date: DAY }), "{error:?}");
        assert_eq!(machines.ids(), ["iqse_2"]);
        second.settle_intents().unwrap();
        publish(&second, "again", &one("iqse_1")).unwrap();
        assert_eq!(machines.ids(), ["iqse_1", "iqse_2"]);
    }
}

#[test]
fn a_file_of_a_run_that_ended_before_it_was_recorded_is_known_as_ours() {
    let machines = Machines::silent();
    let lake = machines.opens();
    publish(&lake, "the-first", &one("iqse_1")).unwrap();
    let objects = machines.objects();
    let of = |folder: &str| objects.iter().find(|(key, _)| key.contains(folder)).unwrap().clone();
    let (key, record) = of("/days/");
    let journal = format!("{{\"run_id\":\"the-first\",\"record\":{}}}", String::from_utf8(record).unwrap());
    machines.runtime.block_on(async {
        machines.bucket.delete(&Path::from(key)).await.unwrap();
        let intent = Path::from("_session_risk/intents/2026-11-20.json");
        machines.bucket.put(&intent, journal.into_bytes().into()).await.unwrap();
    });
    lake.settle_intents().unwrap();
    assert!(machines.objects() == objects, "the lake is as it was before");
}

#[test]
fn a_day_too_large_for_one_request_comes_in_parts_and_is_the_same() {
    let machines = Machines::silent();
    let lake = machines.opens();
    let _lock = lake.lock("the-only").unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let large: Vec<String> = (0..40)
        .map(|nth| {
            let text: String = (0..1_500_000).map(|_| random.alphanumeric()).collect();
            let known = session(&format!("iqse_{nth:02}"), "2026-11-20T10:00:00.000Z");
            known.replacen("\"attributes\":{", &format!("\"attributes\":{{\"note\":\"{text}\","), 1)
        })
        .collect();
    publish(&lake, "the-only", &large).unwrap();
    let size = machines.objects().into_iter().find(|(key, _)| key.starts_with("sessions/")).unwrap().1.len();
    assert!(size > 33 << 20, "{size} bytes");
    assert_eq!(machines.ids().len(), 40);
    let before = machines.objects();
    publish(&lake, "the-only", &large).unwrap();
    let files = |objects: Vec<(String, Vec<u8>)>| {
        objects.into_iter().filter(|(key, _)| key.starts_with("sessions/")).collect::<Vec<_>>()
    };
    assert!(files(machines.objects()) == files(before), "a file without a change was written");
    publish(&lake, "the-only", &one("iqse_99")).unwrap();
    assert_eq!(machines.ids().len(), 41);
}

#[test]
fn a_store_that_writes_whatever_the_condition_says_is_refused() {
    let machines = Machines::with(Bucket { conditions: false, ..Bucket::new() }, Duration::from_secs(3600));
    let error = machines.opens().lock("the-only").unwrap_err();
    assert!(matches!(error, Error::Unconditional { .. }), "{error:?}");
}
