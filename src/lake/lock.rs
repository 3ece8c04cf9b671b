//! One writer at a time.
//!
//! The operating system's file lock: it ends with its process, however that ends, so no lock is ever stale.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};

use super::{Error, Lake, layout};

/// Held for as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lake {
    /// Takes the lake for writing, or says who has it.
    ///
    /// # Errors
    /// [`Error::Held`] if another process holds it, [`Error::Unwritable`] if the lock's file cannot be made.
    pub fn lock(&self, run_id: &str) -> Result<Lock, Error> {
        let unwritable = |source| Error::Unwritable { path: self.root().to_owned(), source };
        let path = self.root().join(layout::LOCK);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who holds it is a help to the reader only; a lock that says nothing is held all the same.
                let _ = file.read_to_string(&mut holder);
                return Err(Error::Held { path: self.root().to_owned(), holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(unwritable(source)),
        }
        let holder =
            format!("run {run_id}, process {}, since {}\n", std::process::id(), jiff::Timestamp::now());
        file.set_len(0).and_then(|()| file.rewind()).map_err(unwritable)?;
        file.write_all(holder.as_bytes()).map_err(unwritable)?;
        Ok(Lock { _file: file })
    }
}
