//! The lake: one Parquet file a UTC day, and the records of what was fetched when.
//!
//! The only room that knows `object_store` and `parquet`. It must not know the API, nor what a report asks.
//! Its calls block: they belong on a thread of their own, never on one that runs asynchronous tasks.

mod bucket;
mod copies;
mod day_file;
mod day_read;
mod error;
mod facts;
mod forget;
mod forgotten;
mod journal;
pub mod layout;
mod lease;
mod lock;
pub mod manifest;
mod merge;
mod migrate;
mod overview;
mod parts;
mod place;
mod prune;
mod publish;
mod rewrite;
mod run;
mod signals;
pub mod stage;
mod staging;
mod verify;
pub mod window;
mod writer;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, UpdateVersion};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

pub use copies::DayFiles;
pub use day_read::Seed;
pub use error::Error;
pub use facts::{Origin, Vanished, Walked};
pub use forget::{Found, Unwanted};
pub use lease::LeaseTimes;
pub use lock::Lock;
pub use manifest::{DayRecord, Interval, LakeRecord, Manifest};
pub use migrate::Migrated;
use overview::LOOK_BACK_DAYS;
pub use overview::{Days, Overview};
pub use prune::Pruned;
pub use publish::{Published, Settled};
pub use run::{Quarantine, RunCounts, RunRecord};
pub use signals::SignalsRecord;
pub use stage::Stage;
pub use verify::{Done, Finding, Mended, Rebuilt, Repaired, Verification, What};

use lease::Lease;
use place::Place;

/// Records that are asked for at a time: each is small, and a bucket takes its time for each.
const RECORDS_AT_A_TIME: usize = 16;

/// A lake, opened for reading or writing.
#[derive(Debug, Clone)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    /// The same place without the wait for the disk, for what a crash may cost: parts and checkpoints.
    scratch: Arc<dyn ObjectStore>,
    place: Place,
    runtime: Handle,
}

impl Lake {
    /// Opens a lake that exists.
    ///
    /// # Errors
    /// [`Error::Missing`] or [`Error::NotAFolder`] if there is none, [`Error::Location`] if a bucket cannot be used.
    pub fn open(location: &str, runtime: &Handle) -> Result<Self, Error> {
        Self::at(location, runtime, false)
    }

    /// Opens a lake, making its folder where there is none; a bucket has to be there already. Checks that a folder
    /// can be written.
    ///
    /// # Errors
    /// [`Error::NotAFolder`], [`Error::Unwritable`], [`Error::Unsupported`] or [`Error::Location`].
    pub fn create(location: &str, runtime: &Handle) -> Result<Self, Error> {
        Self::at(location, runtime, true)
    }

    fn at(location: &str, runtime: &Handle, create: bool) -> Result<Self, Error> {
        if location.contains("://") {
            let location = location.trim_end_matches('/');
            let lake = Self::over(bucket::connect(location)?, location, LeaseTimes::default(), runtime);
            // Asked in any case: it also tells whether the bucket can be reached.
            let is_there = lake.holds_anything()?;
            return if create || is_there {
                Ok(lake)
            } else {
                Err(Error::Missing { lake: location.to_owned() })
            };
        }
        let root = PathBuf::from(location);
        let store = place::open_folder(&root, create)?;
        Ok(Self {
            scratch: Arc::new(store.clone()),
            store: Arc::new(store.with_fsync(true)),
            place: Place::Folder(root),
            runtime: runtime.clone(),
        })
    }

    /// A lake over any store that keeps to conditions, under the rules of a bucket: a lease, and files put straight to
    /// their keys. `name` is what it is called in messages.
    pub fn over(store: Arc<dyn ObjectStore>, name: &str, times: LeaseTimes, runtime: &Handle) -> Self {
        Self {
            scratch: Arc::clone(&store),
            store,
            place: Place::Bucket { name: name.into(), lease: Arc::new(Lease::new(times)) },
            runtime: runtime.clone(),
        }
    }

    /// Whether there is anything but what writers leave who put nothing into it.
    fn holds_anything(&self) -> Result<bool, Error> {
        let empty = [layout::lock(), layout::clock()];
        let looked = async {
            let mut keys = self.store.list(None);
            while let Some(found) = keys.try_next().await? {
                if !empty.contains(&found.location) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        self.wait(looked).map_err(|source| bucket::closed(&self.name(), source))
    }

    /// Takes a lake's folders away again if nothing was ever put into it: a run that was refused leaves no trace.
    pub fn discard_if_empty(&self) {
        if matches!(self.place, Place::Bucket { .. }) {
            return;
        }
        // Refused because another run has just begun: what there is, is its own.
        let Ok(_lock) = self.lock("refused") else { return };
        // A record of nothing but what is to be kept of sessions was made by the run that failed.
        let record = self.read_json::<LakeRecord>(&layout::lake_record());
        let is_new = |record: LakeRecord| {
            record == LakeRecord { privacy: record.privacy.clone(), ..LakeRecord::default() }
        };
        if record.is_ok_and(|record| record.is_none_or(is_new)) {
            self.place.discard_if_empty();
        }
    }

    /// Checks that the lake can be written, and leaves it as it is.
    ///
    /// # Errors
    /// [`Error::Unwritable`] or [`Error::Store`] if it cannot.
    pub fn check_writable(&self) -> Result<(), Error> {
        match &self.place {
            Place::Folder(root) => place::probe_folder(root),
            Place::Bucket { .. } => {
                let probe = layout::clock();
                self.wait(self.store.put(&probe, Vec::new().into()))
                    .map_err(|source| store_error("write", &probe, source))?;
                self.delete(&probe)
            }
        }
    }

    /// Whether it lies in a folder of this machine, where its day files are read as they lie.
    pub fn is_a_folder(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }

    /// The lake as it was named.
    pub fn name(&self) -> Cow<'_, str> {
        self.place.name()
    }

    /// What the file of a day is called outside this room.
    pub fn day_file(&self, day: jiff::civil::Date) -> PathBuf {
        self.place.path(&layout::day_file(day))
    }

    /// Runs one of the store's operations to its end. Those on a folder run on this very thread, as it is none of a
    /// runtime's: to pass each to another thread and back would take longer than most of them.
    fn wait<T>(&self, operation: impl Future<Output = T>) -> T {
        match self.place {
            Place::Folder(_) => futures_executor::block_on(operation),
            Place::Bucket { .. } => self.runtime.block_on(operation),
        }
    }

    fn read_bytes(&self, key: &Key) -> Result<Bytes, Error> {
        let read = self.wait(fetch(&self.store, key));
        read.map(|(bytes, _)| bytes).map_err(|source| store_error("read", key, source))
    }

    /// An object, and which version of it this is; none if there is none.
    fn read_if_there(&self, key: &Key) -> Result<Option<(Bytes, UpdateVersion)>, Error> {
        match self.wait(fetch(&self.store, key)) {
            Ok(read) => Ok(Some(read)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(store_error("read", key, source)),
        }
    }

    fn read_json<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Error> {
        self.wait(parse(&self.store, key))
    }

    /// Every record of a folder, in the order of their keys.
    fn records_below<T: DeserializeOwned>(&self, folder: &Key) -> Result<Vec<Result<T, Error>>, Error> {
        let mut keys = self.list(folder)?;
        keys.sort_unstable();
        Ok(self.read_records(keys))
    }

    /// The records that lie there, in the order of the keys; a bucket is asked for several at a time.
    fn read_records<T: DeserializeOwned>(&self, keys: Vec<Key>) -> Vec<Result<T, Error>> {
        let records = stream::iter(keys)
            .map(|key| async move { parse(&self.store, &key).await.transpose() })
            .buffered(RECORDS_AT_A_TIME)
            .filter_map(std::future::ready)
            .collect();
        self.wait(records)
    }

    fn write_bytes(&self, key: &Key, bytes: Vec<u8>) -> Result<(), Error> {
        self.check_lease()?;
        self.wait(self.store.put(key, bytes.into())).map_err(|source| store_error("write", key, source))?;
        Ok(())
    }

    fn write_scratch(&self, key: &Key, bytes: Vec<u8>) -> Result<(), Error> {
        self.check_lease()?;
        self.wait(self.scratch.put(key, bytes.into())).map_err(|source| store_error("write", key, source))?;
        Ok(())
    }

    fn write_json<T: Serialize>(&self, key: &Key, record: &T) -> Result<(), Error> {
        self.write_bytes(key, to_json(key, record)?)
    }

    fn delete(&self, key: &Key) -> Result<(), Error> {
        match self.wait(self.store.delete(key)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(store_error("delete", key, source)),
        }
    }

    /// Deletes a day's file, and its folder.
    fn delete_day_file(&self, date: jiff::civil::Date) -> Result<(), Error> {
        let key = layout::day_file(date);
        self.delete(&key)?;
        self.place.remove_folder_around(&key);
        Ok(())
    }

    /// Every key below a folder.
    fn list(&self, folder: &Key) -> Result<Vec<Key>, Error> {
        let listing = self.store.list(Some(folder)).map_ok(|found| found.location).try_collect();
        self.wait(listing).map_err(|source| store_error("list", folder, source))
    }
}

async fn fetch(store: &dyn ObjectStore, key: &Key) -> object_store::Result<(Bytes, UpdateVersion)> {
    let found = store.get(key).await?;
    let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
    Ok((found.bytes().await?, version))
}

async fn parse<T: DeserializeOwned>(store: &dyn ObjectStore, key: &Key) -> Result<Option<T>, Error> {
    match fetch(store, key).await {
        Ok((bytes, _)) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| Error::Record { key: key.to_string(), source }),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(store_error("read", key, source)),
    }
}

fn to_json<T: Serialize>(key: &Key, record: &T) -> Result<Vec<u8>, Error> {
    let mut text =
        serde_json::to_vec_pretty(record).map_err(|source| Error::Record { key: key.to_string(), source })?;
    text.push(b'\n');
    Ok(text)
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn store_error(what: &'static str, key: &Key, source: object_store::Error) -> Error {
    Error::Store { what, key: key.to_string(), source }
}
