//! How a day file is written: its encoding, and its bytes on their way into the store.
//!
//! Must not know what the rows say nor when a file may be seen.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use jiff::civil::Date;
use object_store::path::Path as Key;
use object_store::{
    ObjectStore, ObjectStoreExt, PutMode, PutPayload, PutPayloadMut, UpdateVersion, WriteMultipart,
};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};

use super::lease::is_refused;
use super::place::Place;
use super::{Error, Lake, hexadecimal, layout, store_error};
use crate::session::privacy::Mode;
use crate::session::schema::{ATTRIBUTES, CREATED_AT, Kind, SCHEMA_VERSION, place_of};

/// Rows of a row group at most.
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// Bytes of a row group at most.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// Bytes of a day file up to which a bucket's file is kept in memory and put in one request, as only such a request
/// can be made on a condition. Some hundred thousand sessions; and as many days as there are cores are published at
/// once.
const KEPT_BYTES: usize = 32 << 20;
/// Bytes of one part of a larger file.
const PART_BYTES: usize = 8 << 20;

impl Lake {
    /// A new day file, which nobody sees before it is [put in place](Self::put_in_place).
    pub(super) fn writer(&self, folder: &str, date: Date) -> Result<StoreWriter, Error> {
        let target = layout::day_file(date);
        let sink = match self.place {
            Place::Folder(_) => {
                let key = layout::staged(folder, &format!("{date}.parquet"));
                let file = create(self.place.path(&key));
                Sink::Staged(key, file.map_err(|source| Error::file("written", &target, source))?)
            }
            Place::Bucket { .. } => Sink::Kept(PutPayloadMut::new()),
        };
        Ok(StoreWriter { lake: self.clone(), target, sink, digest: Sha256::new(), bytes: 0 })
    }

    /// Puts a finished file into the place of the one that was `seen`. In a folder that is a move. In a bucket it is
    /// a write straight to the key, on the condition that the day file is still the same; parts of a large file
    /// can have no condition, and the lease alone stands for it.
    pub(super) fn put_in_place(
        &self,
        file: Encoded,
        date: Date,
        seen: Option<UpdateVersion>,
    ) -> Result<(), Error> {
        let target = layout::day_file(date);
        self.check_lease()?;
        let placed = match file.sink {
            Finished::Staged(staged, _until_then) => self.wait(self.store.rename(&staged, &target)),
            Finished::Kept(bytes) => {
                let mode = seen.map_or(PutMode::Create, PutMode::Update);
                match self.wait(self.store.put_opts(&target, bytes, mode.into())) {
                    // Where an answer was lost and the store was asked again, the file that is in the way is this one.
                    Err(error) if is_refused(&error) && !self.is_in_place(date, &file.sha256)? => {
                        return Err(Error::DayChanged { date });
                    }
                    Err(error) if is_refused(&error) => Ok(()),
                    put => put.map(|_| ()),
                }
            }
            Finished::Parts(upload) => self.wait(upload.finish()).map(|_| ()),
        };
        placed.map_err(|source| store_error("publish", &target, source))
    }

    /// Lets go of a finished file that is not to be published.
    pub(super) fn discard(&self, file: Encoded) -> Result<(), Error> {
        match file.sink {
            Finished::Staged(staged, file) => {
                file.close().map_err(|source| Error::file("deleted", &staged, source))
            }
            Finished::Kept(_) => Ok(()),
            Finished::Parts(upload) => {
                self.wait(upload.abort()).map_err(|source| store_error("discard", &layout::staging(), source))
            }
        }
    }

    /// Whether the day file is the one with this checksum.
    pub(super) fn is_in_place(&self, date: Date, sha256: &str) -> Result<bool, Error> {
        let read = self.read_if_there(&layout::day_file(date))?;
        Ok(read.is_some_and(|(bytes, _)| hexadecimal(&Sha256::digest(&bytes)) == sha256))
    }
}

/// Where a new file's bytes go.
enum Sink {
    /// Under staging, from where it is moved. Not by way of the store: that would put it in place there first, and
    /// wait for the disk once more for that.
    Staged(Key, NamedTempFile),
    /// Nowhere yet.
    Kept(PutPayloadMut),
    /// To its place, where it is seen once it is complete.
    Parts(WriteMultipart),
}

/// A file's bytes on their way, counted and hashed.
pub(super) struct StoreWriter {
    lake: Lake,
    target: Key,
    sink: Sink,
    digest: Sha256,
    bytes: u64,
}

/// A finished file that nobody sees yet.
pub(super) struct Encoded {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    sink: Finished,
}

enum Finished {
    Staged(Key, TempPath),
    Kept(PutPayload),
    Parts(WriteMultipart),
}

/// A new file, and the folder for it. It is deleted once nobody holds it any more, if it was not moved by then.
fn create(path: PathBuf) -> io::Result<NamedTempFile> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = File::create_new(&path)?;
    Ok(NamedTempFile::from_parts(file, TempPath::try_from_path(path)?))
}

async fn begin(store: &dyn ObjectStore, key: &Key) -> object_store::Result<WriteMultipart> {
    Ok(WriteMultipart::new_with_chunk_size(store.put_multipart(key).await?, PART_BYTES))
}

impl Write for StoreWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let runtime = &self.lake.runtime;
        if let Sink::Kept(kept) = &mut self.sink
            && kept.content_length() + bytes.len() > KEPT_BYTES
        {
            let mut upload = runtime.block_on(begin(&self.lake.store, &self.target))?;
            let _runtime = runtime.enter();
            std::mem::take(kept).freeze().into_iter().for_each(|chunk| upload.put(chunk));
            self.sink = Sink::Parts(upload);
        }
        match &mut self.sink {
            Sink::Kept(kept) => kept.extend_from_slice(bytes),
            Sink::Staged(_, file) => file.as_file_mut().write_all(bytes)?,
            Sink::Parts(upload) => {
                // At most two chunks under way: memory is bounded by them, not by the file.
                runtime.block_on(upload.wait_for_capacity(2))?;
                let _runtime = runtime.enter();
                upload.write(bytes);
            }
        }
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StoreWriter {
    /// Ends the file; its place is still as it was.
    pub(super) fn finish(self) -> Result<Encoded, Error> {
        let Self { lake, target, sink, digest, bytes } = self;
        let sink = match sink {
            Sink::Staged(key, file) => {
                file.as_file().sync_all().map_err(|source| Error::file("written", &target, source))?;
                Finished::Staged(key, file.into_temp_path())
            }
            Sink::Kept(kept) => Finished::Kept(kept.freeze()),
            Sink::Parts(mut upload) => {
                let waited = lake.wait(upload.wait_for_capacity(1));
                waited.map_err(|source| store_error("write", &target, source))?;
                Finished::Parts(upload)
            }
        };
        Ok(Encoded { bytes, sha256: hexadecimal(&digest.finalize()), sink })
    }
}

/// zstd, statistics, sorted by `created_at` and id. The Parquet crate writes no page checksums; the file as a
/// whole has one in its record.
pub(super) fn properties(run_id: &str, privacy: &Mode) -> WriterProperties {
    let by_column = |column: usize, descending| SortingColumn {
        column_idx: column as i32,
        descending,
        nulls_first: false,
    };
    let created_at = place_of(CREATED_AT);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_created_by(concat!("session-risk ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_sorting_columns(Some(vec![by_column(created_at, true), by_column(1, false)]))
        .set_key_value_metadata(Some(vec![
            KeyValue::new("session_risk.run_id".to_owned(), run_id.to_owned()),
            KeyValue::new("session_risk.schema_version".to_owned(), SCHEMA_VERSION.to_string()),
            KeyValue::new("session_risk.privacy".to_owned(), privacy.to_string()),
        ]));
    // They hardly repeat within a day: a dictionary would only hold them twice.
    for unique in ["session_id", "inquiry_id", "device_id", "network_id", "ip_address"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(unique), false);
    }
    // Nor do moments, and they are close to those of the row before.
    for moment in ATTRIBUTES.iter().filter(|attribute| attribute.kind == Kind::Moment) {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(moment.column), false)
            .set_column_encoding(ColumnPath::from(moment.column), Encoding::DELTA_BINARY_PACKED);
    }
    properties.build()
}
