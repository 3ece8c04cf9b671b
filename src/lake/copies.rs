//! Day files where a program of this machine can open them: those of a bucket are copied into a temporary folder.
//!
//! Must not know who reads them.

use std::path::{Path, PathBuf};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::civil::Date;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use super::place::Place;
use super::{Error, Lake, layout, store_error};

/// Day files that are copied at a time.
const AT_A_TIME: usize = 4;

/// Day files to read. Copies are gone when this is.
#[derive(Debug)]
pub struct DayFiles {
    root: PathBuf,
    _copies: Option<TempDir>,
}

impl DayFiles {
    /// Where a day's file lies.
    pub fn path(&self, day: Date) -> PathBuf {
        self.root.join(layout::day_file(day).as_ref())
    }
}

impl Lake {
    /// The files of these days, whole; each of them has one.
    ///
    /// # Errors
    /// [`Error::Store`] if one cannot be read, [`Error::Copies`] if there is no room for copies.
    pub fn day_files(&self, days: &[Date]) -> Result<DayFiles, Error> {
        if let Place::Folder(root) = &self.place {
            return Ok(DayFiles { root: root.clone(), _copies: None });
        }
        let temporary = std::env::temp_dir();
        let unwritable = |source| Error::Copies { path: temporary.clone(), source };
        let folder = tempfile::Builder::new().prefix("session-risk-").tempdir().map_err(unwritable)?;
        let root = folder.path();
        for key in days.iter().map(|day| layout::day_file(*day)) {
            let below = root.join(key.as_ref());
            std::fs::create_dir_all(below.parent().unwrap_or(root)).map_err(unwritable)?;
        }
        let copies = stream::iter(days.iter().map(|day| layout::day_file(*day)))
            .map(|key| async move {
                let to = root.join(key.as_ref());
                // Once more: another run may have replaced it in between.
                let copied = match copy(&self.store, &key, &to).await {
                    Err(_) => copy(&self.store, &key, &to).await,
                    copied => copied,
                };
                copied.map_err(|source| store_error("read", &key, source))
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<()>();
        self.wait(copies)?;
        Ok(DayFiles { root: root.to_owned(), _copies: Some(folder) })
    }

    /// The size of a day's file.
    ///
    /// # Errors
    /// [`Error::Store`] if there is none.
    pub fn day_size(&self, day: Date) -> Result<u64, Error> {
        let key = layout::day_file(day);
        let found = self.wait(self.store.head(&key));
        found.map(|found| found.size).map_err(|source| store_error("read", &key, source))
    }
}

async fn copy(store: &dyn ObjectStore, key: &Key, to: &Path) -> object_store::Result<()> {
    let failed =
        |source: std::io::Error| object_store::Error::Generic { store: "copy", source: Box::new(source) };
    let found = store.get(key).await?;
    let size = found.meta.size;
    let mut bytes = found.into_stream();
    let mut file = tokio::fs::File::create(to).await.map_err(failed)?;
    let mut copied = 0;
    while let Some(chunk) = bytes.try_next().await? {
        copied += chunk.len() as u64;
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    if copied == size {
        Ok(())
    } else {
        Err(failed(std::io::Error::other(format!("{copied} bytes came of {size}"))))
    }
}
