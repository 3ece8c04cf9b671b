//! Each operation fails once, and each is the last of a process once: whatever was under way, the lake is sound, and
//! the next run brings it to where an undisturbed one would have.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use session_risk::export;
use session_risk::lake::{Lake, LeaseTimes};
use tempfile::TempDir;

use crate::harness::sandbox;
use crate::in_process::{Nobody, RUNTIME, client, options};
use crate::lake_files::{LakeFiles, Row};
use crate::scripted::{Answer, Scripted, link};

/// Counts operations; one of them fails, and perhaps all after it.
#[derive(Debug, Default)]
struct Count {
    operations: AtomicU64,
    /// The first that fails; 0 where none does.
    fails: AtomicU64,
    /// The last that fails.
    until: AtomicU64,
}

impl Count {
    fn fail(&self, from: u64, until: u64) {
        self.operations.store(0, Ordering::SeqCst);
        self.until.store(until, Ordering::SeqCst);
        self.fails.store(from, Ordering::SeqCst);
    }

    fn next(&self) -> bool {
        let number = self.operations.fetch_add(1, Ordering::SeqCst) + 1;
        let fails = self.fails.load(Ordering::SeqCst);
        fails > 0 && (fails..=self.until.load(Ordering::SeqCst)).contains(&number)
    }

    fn check(&self) -> Result<()> {
        if self.next() {
            let source = "this operation was to fail".into();
            return Err(object_store::Error::Generic { store: "enumerated", source });
        }
        Ok(())
    }
}

/// A bucket in memory whose operations are counted.
#[derive(Debug)]
struct Bucket {
    objects: Arc<InMemory>,
    count: Arc<Count>,
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, key: &Path, bytes: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.count.check()?;
        self.objects.put_opts(key, bytes, options).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.count.check()?;
        let upload = self.objects.put_multipart_opts(key, options).await?;
        Ok(Box::new(Upload { upload, count: Arc::clone(&self.count) }))
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        self.count.check()?;
        self.objects.get_opts(key, options).await
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.count.check() {
            Ok(()) => self.objects.delete_stream(keys),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.count.check() {
            Ok(()) => self.objects.list(prefix),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.count.check()?;
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.count.check()?;
        self.objects.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct Upload {
    upload: Box<dyn MultipartUpload>,
    count: Arc<Count>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.count.check() {
            Ok(()) => self.upload.put_part(data),
            Err(error) => async { Err(error) }.boxed(),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.count.check()?;
        self.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.count.check()?;
        self.upload.abort().await
    }
}

/// Exports into a bucket as a process of its own would. Gives whether it was done.
fn run(api: &Scripted, objects: &Arc<InMemory>, count: &Arc<Count>, run_id: &str) -> bool {
    let bucket = Arc::new(Bucket { objects: Arc::clone(objects), count: Arc::clone(count) });
    let times = LeaseTimes {
        valid: Duration::from_secs(3600),
        renew: Duration::from_secs(1800),
        poll: Duration::from_millis(1),
    };
    let lake = Lake::over(bucket, "memory://lake", times, RUNTIME.handle());
    let ended = export::export(RUNTIME.handle(), &client(api, 1), &lake, &options(run_id), &Nobody);
    // A lease that nobody could give back has run out by the time that somebody tries again.
    let _ = RUNTIME.block_on(objects.delete(&Path::from("_session_risk/lock")));
    ended.is_ok_and(|summary| summary.incomplete.is_none())
}

/// The lake's rows, after the checks of every day file, and its keys.
fn holds(objects: &InMemory) -> (BTreeMap<String, Row>, Vec<String>) {
    let folder = TempDir::new().unwrap();
    let found: Vec<ObjectMeta> = RUNTIME.block_on(objects.list(None).try_collect()).unwrap();
    for key in found.iter().map(|found| &found.location) {
        let bytes = RUNTIME.block_on(async { objects.get(key).await.unwrap().bytes().await.unwrap() });
        let path = folder.path().join(key.as_ref());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let keys = found.into_iter().map(|found| found.location.to_string()).collect();
    (LakeFiles::new(folder.path()).without_fetched_at(), keys)
}

/// Serves resources a hundred a page; a request is an operation too.
fn serving(resources: &[String], count: &Arc<Count>) -> Scripted {
    let (resources, count) = (resources.to_vec(), Arc::clone(count));
    let id =
        |resource: &String| resource.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let ids: Vec<String> = resources.iter().map(id).collect();
    Scripted::serving(move |asked, _| {
        if count.next() {
            return Answer::error(500, "Internal Server Error", "");
        }
        let from = asked.cursor().map_or(0, |cursor| ids.iter().position(|id| *id == cursor).unwrap() + 1);
        let until = (from + 100).min(ids.len());
        Answer::page(&resources[from..until], (until < ids.len()).then(|| link(&ids[until - 1])).as_deref())
    })
}

/// Lets operation after operation fail in a run over a bucket, alone or with all after it, until a run comes through;
/// after each, a run that nothing disturbs. Gives the number of operations.
fn each_operation_fails(resources: &[String], start: &InMemory, alone: bool) -> u64 {
    let count = Arc::new(Count::default());
    let api = serving(resources, &count);
    let undisturbed = Arc::new(start.fork());
    assert!(run(&api, &undisturbed, &count, "undisturbed"));
    let (expected, _) = holds(&undisturbed);
    assert_eq!(expected.len(), resources.len());
    let (before, _) = holds(start);
    for number in 1.. {
        let objects = Arc::new(start.fork());
        count.fail(number, if alone { number } else { u64::MAX });
        let done = run(&api, &objects, &count, "disturbed");
        let operations = count.operations.load(Ordering::SeqCst);
        count.fail(0, 0);
        let (rows, _) = holds(&objects);
        let is_sound =
            |(id, row): (&String, &Row)| expected.get(id) == Some(row) || before.get(id) == Some(row);
        assert!(rows.iter().all(is_sound), "operation {number}: a row is neither old nor new");
        assert!(before.keys().all(|id| rows.contains_key(id)), "operation {number}: a row was lost");
        if operations < number {
            assert!(done && rows == expected, "nothing failed, and yet it was not done");
            return number - 1;
        }
        assert!(run(&api, &objects, &count, "again"), "operation {number}: the next run was not done");
        let (rows, keys) = holds(&objects);
        assert!(rows == expected, "operation {number}: the lakes differ");
        let left: Vec<_> =
            keys.iter().filter(|key| key.contains("staging") || key.contains("intents")).collect();
        assert!(left.is_empty(), "operation {number}: {left:?} is left");
    }
    unreachable!("there is a number for every operation")
}

#[test]
#[allow(clippy::print_stdout, reason = "how many operations there are is worth to know")]
fn whichever_operation_fails_or_is_the_last_the_next_run_gives_the_same_lake() {
    let listed = sandbox(250, 3).listed();
    let settled: Vec<String> = listed.iter().map(|row| row.replace("\"active\"", "\"expired\"")).collect();
    let open: Vec<String> =
        settled[30..].iter().map(|row| row.replace("\"expired\"", "\"active\"")).collect();
    let nothing = InMemory::new();
    let night_before = Arc::new(InMemory::new());
    let quiet = Arc::new(Count::default());
    assert!(run(&serving(&open, &quiet), &night_before, &quiet, "before"));
    for (what, start) in [("a first export", &nothing), ("a night", &*night_before)] {
        for alone in [true, false] {
            let operations = each_operation_fails(&settled, start, alone);
            let how = if alone { "failed alone" } else { "was the last" };
            println!("{what}: each of {operations} operations {how}");
            assert!(operations > 20, "{operations}");
        }
    }
}
