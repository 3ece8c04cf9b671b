//! How a day file is written: its encoding, and its bytes on their way into the store.
//!
//! Must not know what the rows say nor when a file may be seen.

use std::io::{self, Write};

use object_store::path::Path as Key;
use object_store::{ObjectStoreExt, WriteMultipart};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{Error, Lake, hexadecimal, store_error};
use crate::session::privacy::Mode;
use crate::session::schema::{CREATED_AT, RELATIONSHIPS, SCHEMA_VERSION};

/// Rows of a row group at most.
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// Bytes of a row group at most.
const ROW_GROUP_BYTES: usize = 32 << 20;

impl Lake {
    /// A new file in the store; it is there once it is finished.
    pub(super) fn writer(&self, key: &Key) -> Result<StoreWriter, Error> {
        let upload =
            self.wait(self.store.put_multipart(key)).map_err(|source| store_error("write", key, source))?;
        Ok(StoreWriter {
            upload: WriteMultipart::new_with_chunk_size(upload, 8 << 20),
            digest: Sha256::new(),
            bytes: 0,
            runtime: self.runtime.clone(),
        })
    }
}

/// Bytes on their way into the store, counted and hashed.
pub(super) struct StoreWriter {
    upload: WriteMultipart,
    digest: Sha256,
    bytes: u64,
    runtime: Handle,
}

impl Write for StoreWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // At most two chunks under way: memory is bounded by them, not by the file.
        self.runtime.block_on(self.upload.wait_for_capacity(2))?;
        let _runtime = self.runtime.enter();
        self.upload.write(bytes);
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StoreWriter {
    pub(super) fn finish(self) -> object_store::Result<(u64, String)> {
        self.runtime.block_on(self.upload.finish())?;
        Ok((self.bytes, hexadecimal(&self.digest.finalize())))
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
    let created_at = 2 + RELATIONSHIPS.len() + CREATED_AT;
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
    // Ids hardly repeat within a day: a dictionary would only hold them twice.
    for unique in ["session_id", "inquiry_id"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(unique), false);
    }
    properties.build()
}
