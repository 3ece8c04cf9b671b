//! The lake: one Parquet file a UTC day, and the records of what was fetched when.
//!
//! The only room that knows `object_store` and `parquet`. It must not know the API, nor what a report asks.
//! Its calls block: they belong on a thread of their own, never on one that runs asynchronous tasks.

mod day_file;
mod error;
mod facts;
mod forget;
mod forgotten;
pub mod layout;
mod lock;
pub mod manifest;
mod merge;
mod migrate;
mod overview;
mod parts;
mod prune;
mod publish;
mod rewrite;
mod run;
mod signals;
pub mod stage;
mod verify;
pub mod window;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

pub use error::Error;
pub use facts::{Origin, Vanished, Walked};
pub use forget::{Found, Unwanted};
pub use lock::Lock;
pub use manifest::{DayRecord, Interval, LakeRecord, Manifest};
pub use migrate::Migrated;
pub use overview::{Days, LOOK_BACK_DAYS, Overview};
pub use prune::Pruned;
pub use publish::{Published, Seed, Settled};
pub use run::{Quarantine, RunCounts, RunRecord};
pub use signals::SignalsRecord;
pub use stage::Stage;
pub use verify::{Done, Finding, Mended, Rebuilt, Repaired, Verification, What};

/// A lake, opened for reading or writing.
#[derive(Debug, Clone)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    /// The same place without the wait for the disk, for what a crash may cost: parts and checkpoints.
    scratch: Arc<dyn ObjectStore>,
    root: PathBuf,
    runtime: Handle,
}

impl Lake {
    /// Opens a lake that exists.
    ///
    /// # Errors
    /// [`Error::Missing`] or [`Error::NotAFolder`] if there is none.
    pub fn open(location: &str, runtime: &Handle) -> Result<Self, Error> {
        Self::at(location, runtime, false)
    }

    /// Opens a lake, making its folder where there is none, and checks that it can be written.
    ///
    /// # Errors
    /// [`Error::NotAFolder`], [`Error::Unwritable`] or [`Error::Unsupported`].
    pub fn create(location: &str, runtime: &Handle) -> Result<Self, Error> {
        Self::at(location, runtime, true)
    }

    fn at(location: &str, runtime: &Handle, create: bool) -> Result<Self, Error> {
        if let Some((scheme, _)) = location.split_once("://") {
            return Err(Error::Unsupported { scheme: scheme.to_owned() });
        }
        let root = PathBuf::from(location);
        let unwritable = |source| Error::Unwritable { path: root.clone(), source };
        match std::fs::metadata(&root) {
            Ok(found) if !found.is_dir() => return Err(Error::NotAFolder { path: root }),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !create => {
                return Err(Error::Missing { path: root });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            // A component of the path is a file.
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(Error::NotAFolder { path: root });
            }
            Err(error) => return Err(unwritable(error)),
        }
        if create {
            let internal = root.join(layout::INTERNAL);
            std::fs::create_dir_all(&internal).map_err(unwritable)?;
            probe_writable(&internal).map_err(unwritable)?;
        }
        let store = LocalFileSystem::new_with_prefix(&root).map_err(|source| Error::Store {
            what: "open",
            key: root.display().to_string(),
            source,
        })?;
        Ok(Self {
            scratch: Arc::new(store.clone()),
            store: Arc::new(store.with_fsync(true)),
            root,
            runtime: runtime.clone(),
        })
    }

    /// Takes a lake's folders away again if nothing was ever put into it: a run that was refused leaves no trace.
    pub fn discard_if_empty(&self) {
        // Refused because another run has just begun: what there is, is its own.
        let Ok(_lock) = self.lock("refused") else { return };
        let internal = self.root.join(layout::INTERNAL);
        let holds_something = |folder: &Path| folder.read_dir().is_ok_and(|mut found| found.next().is_some());
        // A record of nothing but what is to be kept of sessions was made by the run that failed.
        let record = self.read_json::<LakeRecord>(&layout::lake_record());
        let is_new = |record: LakeRecord| {
            record == LakeRecord { privacy: record.privacy.clone(), ..LakeRecord::default() }
        };
        if self.root.join("sessions").exists() || !record.is_ok_and(|record| record.is_none_or(is_new)) {
            return;
        }
        for folder in
            ["days", "forgotten", "intents", "staging", "quarantine"].map(|name| internal.join(name))
        {
            if holds_something(&folder) {
                return;
            }
        }
        // Whatever cannot be removed stays: this is tidiness, nothing depends on it.
        let _ = std::fs::remove_file(self.root.join(layout::LOCK));
        let _ = std::fs::remove_file(self.root.join(layout::lake_record().as_ref()));
        for folder in ["days", "intents", "staging", "quarantine", "runs"].map(|name| internal.join(name)) {
            let _ = std::fs::remove_dir(folder);
        }
        let _ = std::fs::remove_dir(&internal);
        let _ = std::fs::remove_dir(&self.root);
    }

    /// Checks that the lake can be written, and leaves it as it is.
    ///
    /// # Errors
    /// [`Error::Unwritable`] if it cannot.
    pub fn check_writable(&self) -> Result<(), Error> {
        let internal = self.root.join(layout::INTERNAL);
        let folder = if internal.is_dir() { &internal } else { &self.root };
        probe_writable(folder).map_err(|source| Error::Unwritable { path: self.root.clone(), source })
    }

    /// The lake's folder, as it was named.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file of a day, for a reader outside this room.
    pub fn day_file(&self, day: jiff::civil::Date) -> PathBuf {
        self.root.join(layout::day_file(day).as_ref())
    }

    /// Runs one of the store's operations to its end.
    fn wait<T>(&self, operation: impl Future<Output = T>) -> T {
        self.runtime.block_on(operation)
    }

    fn read_bytes(&self, key: &Key) -> Result<Bytes, Error> {
        let read = async { self.store.get(key).await?.bytes().await };
        self.wait(read).map_err(|source| store_error("read", key, source))
    }

    fn read_json<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Error> {
        let bytes = match self.read_bytes(key) {
            Ok(bytes) => bytes,
            Err(Error::Store { source: object_store::Error::NotFound { .. }, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let record = serde_json::from_slice(&bytes)
            .map_err(|source| Error::Record { key: key.to_string(), source })?;
        Ok(Some(record))
    }

    fn write_bytes(&self, key: &Key, bytes: Vec<u8>) -> Result<(), Error> {
        self.wait(self.store.put(key, bytes.into())).map_err(|source| store_error("write", key, source))?;
        Ok(())
    }

    fn write_scratch(&self, key: &Key, bytes: Vec<u8>) -> Result<(), Error> {
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

    /// Every key below a folder.
    fn list(&self, folder: &Key) -> Result<Vec<Key>, Error> {
        let listing = self.store.list(Some(folder)).map_ok(|found| found.location).try_collect();
        self.wait(listing).map_err(|source| store_error("list", folder, source))
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

/// Whether a folder can be written is only known by writing: permissions, quotas and read-only mounts differ.
fn probe_writable(folder: &Path) -> std::io::Result<()> {
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    std::fs::File::create(&probe)?;
    std::fs::remove_file(probe)
}
