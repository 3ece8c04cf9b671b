//! The folders under staging, each a walk's: its parts, and the checkpoint that says where it stood.
//!
//! Must not know what a checkpoint holds.

use std::collections::BTreeSet;

use object_store::path::Path as Key;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::stage::StageState;
use super::{Error, Lake, layout, to_json};

/// What runs leave under `_session_risk/staging/` and `_session_risk/quarantine/`.
impl Lake {
    /// The folders in which something is staged.
    ///
    /// # Errors
    /// [`Error::Store`] if the folder of them cannot be listed.
    pub fn staged_folders(&self) -> Result<BTreeSet<String>, Error> {
        let folder = layout::staging();
        let run = |key: Key| key.prefix_match(&folder)?.next().map(|run| run.as_ref().to_owned());
        let mut runs: BTreeSet<String> = self.list(&folder)?.into_iter().filter_map(run).collect();
        runs.extend(self.place.names_in(&folder));
        Ok(runs)
    }

    /// Deletes whatever is staged in a folder.
    ///
    /// # Errors
    /// [`Error::Store`] if something cannot be deleted.
    pub fn clear_staging(&self, folder: &str) -> Result<(), Error> {
        self.clear_folder(&layout::staged(folder, ""))
    }

    /// Deletes whatever lies in a folder.
    pub(super) fn clear_folder(&self, folder: &Key) -> Result<(), Error> {
        for key in self.list(folder)? {
            self.delete(&key)?;
        }
        self.place.remove_folder(folder);
        Ok(())
    }

    /// Deletes what ended runs staged without a checkpoint to go on from.
    ///
    /// # Errors
    /// [`Error::Store`] if something cannot be listed or deleted.
    pub fn clear_abandoned(&self) -> Result<(), Error> {
        for folder in self.staged_folders()? {
            if self.read_checkpoint::<IgnoredAny>(&folder).is_none() {
                self.clear_staging(&folder)?;
            }
        }
        Ok(())
    }

    /// Keeps a walk's checkpoint beside its parts.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be written.
    pub fn write_checkpoint<T: Serialize>(&self, folder: &str, checkpoint: &T) -> Result<(), Error> {
        let key = layout::staged(folder, "checkpoint.json");
        self.write_scratch(&key, to_json(&key, checkpoint)?)
    }

    /// A walk's checkpoint; none if there is none of use: it only saves requests, so a damaged one is no error.
    pub fn read_checkpoint<T: DeserializeOwned>(&self, folder: &str) -> Option<T> {
        self.read_json(&layout::staged(folder, "checkpoint.json")).ok().flatten()
    }

    /// Whether every part of a stage is where its checkpoint says, and whole.
    pub fn has_parts(&self, folder: &str, state: &StageState) -> bool {
        state.parts.iter().all(|part| self.has_part(folder, part))
    }
}
