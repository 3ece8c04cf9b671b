//! Day files where a program of this machine can open them: of those of a bucket, what is read of them is copied into a
//! temporary folder.
//!
//! A copy is as long as its file and has the footer and the columns that are asked for where they lie in the file. Between
//! them are holes, which take no room. Must not know who reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::SeekFrom;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::civil::Date;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use tempfile::TempDir;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::place::Place;
use super::{Error, Lake, layout, store_error};

/// Day files that are copied at a time.
const AT_A_TIME: usize = 4;

/// How much of a file's end is read at first: the footers of most are shorter.
const TAIL: u64 = 64 << 10;

/// What lies closer together than this is read in one request: a request takes as long as about so many bytes.
const GAP: u64 = 256 << 10;

/// Day files to read. Copies are gone when this is.
#[derive(Debug)]
pub struct DayFiles {
    root: PathBuf,
    _copies: Option<TempDir>,
}

impl DayFiles {
    /// The files as somebody finds them who knows the lake by another path or URL; nothing is looked at.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), _copies: None }
    }

    /// Where a day's file lies.
    pub fn path(&self, day: Date) -> PathBuf {
        self.root.join(layout::day_file(day).as_ref())
    }
}

impl Lake {
    /// The files of these days, to read these columns of each; each day has one.
    ///
    /// # Errors
    /// [`Error::Store`] if one cannot be read, [`Error::Copies`] if there is no room for copies.
    pub fn day_files(&self, days: &BTreeMap<Date, BTreeSet<String>>) -> Result<DayFiles, Error> {
        if let Place::Folder(root) = &self.place {
            return Ok(DayFiles { root: root.clone(), _copies: None });
        }
        let temporary = std::env::temp_dir();
        let unwritable = |source| Error::Copies { path: temporary.clone(), source };
        let folder = tempfile::Builder::new().prefix("session-risk-").tempdir().map_err(unwritable)?;
        let root = folder.path();
        for key in days.keys().map(|day| layout::day_file(*day)) {
            let below = root.join(key.as_ref());
            std::fs::create_dir_all(below.parent().unwrap_or(root)).map_err(unwritable)?;
        }
        let copies = stream::iter(days.iter().map(|(day, columns)| (layout::day_file(*day), columns)))
            .map(|(key, columns)| async move {
                let to = root.join(key.as_ref());
                // Once more: another run may have replaced it in between.
                let copied = match copy(&self.store, &key, &to, columns).await {
                    Err(_) => copy(&self.store, &key, &to, columns).await,
                    copied => copied,
                };
                copied.map_err(|source| store_error("read", &key, source))
            })
            .buffer_unordered(AT_A_TIME)
            .try_fold((0, 0), async |(read, held), (of_read, of_held)| Ok((read + of_read, held + of_held)));
        let (read, held) = self.wait(copies)?;
        tracing::debug!(files = days.len(), bytes = read, of = held, "copied what is read of day files");
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

/// Copies what a reader of these columns needs of a file. Gives how many bytes were read, and of how many.
async fn copy(
    store: &dyn ObjectStore,
    key: &Key,
    to: &Path,
    columns: &BTreeSet<String>,
) -> object_store::Result<(u64, u64)> {
    let found = store.head(key).await?;
    let mut source = Source { store, key, version: found.e_tag, size: found.size, read: 0 };
    let mut file = File::create(to).await.map_err(failed)?;
    file.set_len(source.size).await.map_err(failed)?;
    let (end, metadata) = source.end().await?;
    let before = source.size - end.len() as u64;
    file.seek(SeekFrom::Start(before)).await.map_err(failed)?;
    file.write_all(&end).await.map_err(failed)?;
    for range in needed(metadata.as_ref(), columns, before) {
        source.copy(range, &mut file).await?;
    }
    file.flush().await.map_err(failed)?;
    Ok((source.read, source.size))
}

/// What is read of a file before its end, for these columns: all of it where there is no footer, since then it is no
/// Parquet file, which whoever opens it shall see.
fn needed(metadata: Option<&ParquetMetaData>, columns: &BTreeSet<String>, before: u64) -> Vec<Range<u64>> {
    let Some(metadata) = metadata else { return std::iter::once(0..before).collect() };
    let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    let is_read = |name: &str| columns.contains(name);
    let chunks = chunks.filter(|chunk| chunk.column_path().parts().first().is_some_and(|name| is_read(name)));
    let range = |(start, length): (u64, u64)| start..start.saturating_add(length).min(before);
    // The file begins with what says that it is one.
    let magic = std::iter::once(0..4.min(before));
    let mut ranges: Vec<_> = magic.chain(chunks.map(|chunk| range(chunk.byte_range()))).collect();
    ranges.sort_by_key(|range| range.start);
    ranges.dedup_by(|next, range| {
        let is_near = next.start <= range.end.saturating_add(GAP);
        if is_near {
            range.end = range.end.max(next.end);
        }
        is_near
    });
    ranges
}

/// A file of a bucket, as it was when it was found: reading it is an error once it was replaced.
struct Source<'a> {
    store: &'a dyn ObjectStore,
    key: &'a Key,
    version: Option<String>,
    size: u64,
    read: u64,
}

impl Source<'_> {
    async fn get(&self, range: Range<u64>) -> object_store::Result<GetResult> {
        let (range, if_match) = (Some(GetRange::Bounded(range)), self.version.clone());
        self.store.get_opts(self.key, GetOptions { range, if_match, ..GetOptions::default() }).await
    }

    /// The file's last bytes with its footer, and what that says; nothing if there is none.
    async fn end(&mut self) -> object_store::Result<(Bytes, Option<ParquetMetaData>)> {
        let mut length = TAIL.min(self.size);
        loop {
            if length == 0 {
                return Ok((Bytes::new(), None));
            }
            let end = self.get(self.size - length..self.size).await?.bytes().await?;
            self.read += end.len() as u64;
            let mut reader = ParquetMetaDataReader::new();
            match reader.try_parse_sized(&end, self.size) {
                Err(ParquetError::NeedMoreData(more)) if more as u64 > length => length = more as u64,
                Ok(()) => return Ok((end, reader.finish().ok())),
                Err(_) => return Ok((end, None)),
            }
        }
    }

    /// Copies a range to where it lies in the file.
    async fn copy(&mut self, range: Range<u64>, file: &mut File) -> object_store::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        file.seek(SeekFrom::Start(range.start)).await.map_err(failed)?;
        let mut bytes = self.get(range.clone()).await?.into_stream();
        let mut copied = 0;
        while let Some(chunk) = bytes.try_next().await? {
            copied += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(failed)?;
        }
        self.read += copied;
        let wanted = range.end - range.start;
        if copied == wanted {
            Ok(())
        } else {
            Err(failed(std::io::Error::other(format!("{copied} bytes came of {wanted}"))))
        }
    }
}

fn failed(source: std::io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "copy", source: Box::new(source) }
}
