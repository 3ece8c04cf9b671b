//! Where a lake lies: a folder of this machine or a bucket, and what only a folder needs.
//!
//! Where the two differ it is said here, in `Lake::wait`, in `lock`, in `lease` and in `writer`; the rest of the room
//! knows keys only.
//! Must not know what a lake holds.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;

use super::lease::Lease;
use super::{Error, layout};

/// Where a lake lies.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A folder, as it was named.
    Folder(PathBuf),
    /// A bucket.
    Bucket {
        /// As it was named.
        name: Arc<str>,
        /// Who may write; shared by all that have opened this lake together.
        lease: Arc<Lease>,
    },
}

impl Place {
    /// As the lake's owner named it.
    pub(super) fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Folder(root) => root.to_string_lossy(),
            Self::Bucket { name, .. } => Cow::Borrowed(name),
        }
    }

    /// What a file of the lake is called outside this room.
    pub(super) fn path(&self, key: &Key) -> PathBuf {
        match self {
            Self::Folder(root) => root.join(key.as_ref()),
            Self::Bucket { name, .. } => PathBuf::from(format!("{name}/{key}")),
        }
    }

    /// What lies directly in a folder, finished or not: the store does not list what a killed writer had not finished.
    pub(super) fn names_in(&self, folder: &Key) -> Vec<String> {
        let Self::Folder(root) = self else { return Vec::new() };
        let found = root.join(folder.as_ref()).read_dir();
        found
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|found| found.file_name().into_string().ok())
            .collect()
    }

    /// Removes a folder that is of no more use, and in it what a killed writer had not finished. One that stays is no
    /// harm.
    pub(super) fn remove_folder(&self, folder: &Key) {
        if let Self::Folder(root) = self {
            let _ = std::fs::remove_dir_all(root.join(folder.as_ref()));
        }
    }

    /// Removes the folder that a file lay in, if nothing else lies there. One that stays is no harm.
    pub(super) fn remove_folder_around(&self, key: &Key) {
        if let Self::Folder(root) = self
            && let Some(folder) = root.join(key.as_ref()).parent()
        {
            let _ = std::fs::remove_dir(folder);
        }
    }

    /// Removes what killed writers had not finished: day files under staging, and what lies beside what it was to
    /// become, with a number at its name, so that the store does not list it. Only for whoever holds the lock.
    pub(super) fn clear_unfinished(&self) {
        let Self::Folder(root) = self else { return };
        let staging = root.join(layout::staging().as_ref());
        let mut folders = vec![root.join(layout::INTERNAL)];
        while let Some(folder) = folders.pop() {
            let is_staging = folder.starts_with(&staging);
            let is_left = |name: &str| is_unfinished(name) || is_staging && name.ends_with(".parquet");
            for found in folder.read_dir().into_iter().flatten().flatten() {
                if found.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(found.path());
                } else if found.file_name().to_str().is_some_and(is_left) {
                    // One that stays is no harm.
                    let _ = std::fs::remove_file(found.path());
                }
            }
        }
    }

    /// Takes a lake's folders away again if nothing was ever put into it but a record of nothing. In a bucket only the
    /// lease is left of such a lake, and it stays: another run may be about to take it.
    pub(super) fn discard_if_empty(&self) {
        let Self::Folder(root) = self else { return };
        let internal = root.join(layout::INTERNAL);
        let holds_something = |folder: &Path| folder.read_dir().is_ok_and(|mut found| found.next().is_some());
        if root.join("sessions").exists() {
            return;
        }
        let inner = ["days", "forgotten", "damaged", "intents", "staging", "quarantine"];
        if inner.iter().any(|name| holds_something(&internal.join(name))) {
            return;
        }
        // Whatever cannot be removed stays: this is tidiness, nothing depends on it.
        let _ = std::fs::remove_file(root.join(layout::lock().as_ref()));
        let _ = std::fs::remove_file(root.join(layout::lake_record().as_ref()));
        for folder in ["days", "intents", "staging", "quarantine", "runs"].map(|name| internal.join(name)) {
            let _ = std::fs::remove_dir(folder);
        }
        let _ = std::fs::remove_dir(&internal);
        let _ = std::fs::remove_dir(root);
    }
}

/// Whether the store has named a file so while it wrote it.
fn is_unfinished(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Opens a lake's folder; with `create` makes it where there is none, and checks that it can be written.
pub(super) fn open_folder(root: &Path, create: bool) -> Result<LocalFileSystem, Error> {
    let unwritable = |source| Error::Unwritable { path: root.to_owned(), source };
    let missing = || Error::Missing { lake: root.display().to_string() };
    match std::fs::metadata(root) {
        Ok(found) if !found.is_dir() => return Err(Error::NotAFolder { path: root.to_owned() }),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound && !create => return Err(missing()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // A component of the path is a file.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::NotAFolder { path: root.to_owned() });
        }
        Err(error) => return Err(unwritable(error)),
    }
    if create {
        let internal = root.join(layout::INTERNAL);
        std::fs::create_dir_all(&internal).map_err(unwritable)?;
        probe_folder(root)?;
    }
    LocalFileSystem::new_with_prefix(root).map_err(|source| Error::Store {
        what: "open",
        key: root.display().to_string(),
        source,
    })
}

/// Whether a folder can be written is only known by writing: permissions, quotas and read-only mounts differ.
pub(super) fn probe_folder(root: &Path) -> Result<(), Error> {
    let internal = root.join(layout::INTERNAL);
    let folder = if internal.is_dir() { &internal } else { root };
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    std::fs::File::create(&probe)
        .and_then(|_| std::fs::remove_file(&probe))
        .map_err(|source| Error::Unwritable { path: root.to_owned(), source })
}
