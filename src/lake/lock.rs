//! One writer at a time.
//!
//! In a folder the operating system's file lock: it ends with its process, however that ends, so no lock is ever
//! stale. In a bucket a [lease](super::lease).

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::lease::{Lease, Taken};
use super::place::Place;
use super::{Error, Lake, bucket, layout};

/// How often one who waits looks whether a file lock is free.
const POLL: Duration = Duration::from_millis(200);
/// How long a lease may take to be given back before it is left to end by itself.
const FAREWELL: Duration = Duration::from_secs(10);

/// Held for as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _held: Kind,
}

#[derive(Debug)]
#[expect(dead_code, reason = "what they hold is given back when they are dropped")]
enum Kind {
    File(File),
    Lease(Kept),
}

/// A lease that is being renewed.
#[derive(Debug)]
struct Kept {
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
    runtime: Handle,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let (Some(stop), Some(task)) = (self.stop.take(), self.task.take()) {
            // A task that has ended has nothing to give back.
            let _ = stop.send(());
            let _ = self.runtime.block_on(async { tokio::time::timeout(FAREWELL, task).await });
        }
    }
}

impl Lake {
    /// Takes the lake for writing, or says who has it.
    ///
    /// # Errors
    /// [`Error::Held`] if another process holds it, [`Error::Unwritable`] if the lock's file cannot be made,
    /// [`Error::Store`] or [`Error::Unconditional`] if there can be no lease.
    pub fn lock(&self, run_id: &str) -> Result<Lock, Error> {
        let holder =
            format!("run {run_id}, process {}, since {}", std::process::id(), jiff::Timestamp::now());
        let held = match &self.place {
            Place::Folder(root) => Kind::File(lock_file(root, &holder)?),
            Place::Bucket { lease, .. } => Kind::Lease(self.take(lease, holder)?),
        };
        Ok(Lock { _held: held })
    }

    /// As [`Lake::lock`], but waits for so long for another one to end; `given_up` ends the wait at once. What a writer
    /// that broke off was in the midst of is settled before anything else is done.
    ///
    /// # Errors
    /// As [`Lake::lock`], and [`Error`] if the lake cannot be read or written.
    pub fn lock_within(
        &self,
        run_id: &str,
        wait: Duration,
        given_up: &dyn Fn() -> bool,
    ) -> Result<Lock, Error> {
        let poll = match &self.place {
            Place::Folder(_) => POLL,
            Place::Bucket { lease, .. } => lease.times.poll,
        };
        let began = Instant::now();
        let mut told = false;
        loop {
            let left = wait.saturating_sub(began.elapsed());
            match self.lock(run_id) {
                Err(Error::Held { holder, .. }) if !left.is_zero() && !given_up() => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::info!(holder, "another run holds the lake; waiting for it to end");
                    }
                    std::thread::sleep(poll.min(left));
                }
                Ok(lock) => {
                    self.place.clear_unfinished();
                    self.settle_intents()?;
                    return Ok(lock);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&self, lease: &Arc<Lease>, holder: String) -> Result<Kept, Error> {
        let lake = self.name().into_owned();
        match self.wait(lease.take(&self.store, holder)) {
            Ok(Taken::Ours) => {}
            Ok(Taken::Held(holder)) => return Err(Error::Held { lake, holder }),
            Ok(Taken::Unconditional) => return Err(Error::Unconditional { lake }),
            Err(source) => return Err(bucket::closed(&lake, source)),
        }
        let (stop, stopped) = oneshot::channel();
        let task = self.runtime.spawn(Arc::clone(lease).keep(Arc::clone(&self.store), stopped));
        Ok(Kept { stop: Some(stop), task: Some(task), runtime: self.runtime.clone() })
    }

    /// A writer that lost its lease writes nothing more.
    pub(super) fn check_lease(&self) -> Result<(), Error> {
        let Place::Bucket { name, lease } = &self.place else { return Ok(()) };
        match self.wait(lease.holds(&self.store)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Lost { lake: name.to_string() }),
            Err(source) => Err(super::store_error("renew", &layout::lock(), source)),
        }
    }
}

fn lock_file(root: &Path, holder: &str) -> Result<File, Error> {
    let unwritable = |source| Error::Unwritable { path: root.to_owned(), source };
    let path = root.join(layout::lock().as_ref());
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
            let lake = root.display().to_string();
            return Err(Error::Held { lake, holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(unwritable(source)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(unwritable)?;
    writeln!(file, "{holder}").map_err(unwritable)?;
    Ok(file)
}
