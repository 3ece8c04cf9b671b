//! One writer at a time in a bucket: a lease on one object, held by renewing it.
//!
//! A bucket has no lock that ends with its process, so the holder writes a note and writes it again and again, each
//! time on the condition that it is still the one it wrote before. No two machines' clocks are compared:
//! - Whoever wants a lease judges its age by the store's clock alone: by when the store says that the note was last
//!   written, and what time it gives a note written now. A lease as old as it is valid is taken over, by a write on
//!   the condition that the note is still that old one. Of several who try, one gets it.
//! - Before each write the holder looks at its own two clocks: the one that never jumps, and the one that goes on while
//!   the machine sleeps. If by either of them half of the time has passed since the last renewal was sent, it renews
//!   first, and a refusal means that the lease is lost. A write therefore begins while at least half of the time is
//!   left, whatever the network does. One that takes longer than that meets the condition on the day file's own ETag.
//!
//! The times in a note are for people. Must not know what is written under the lease.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use object_store::path::Path as Key;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, Result, UpdateVersion};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, oneshot};

use super::layout;

/// How long a lease holds, and how often it is looked after.
#[derive(Debug, Clone, Copy)]
pub struct LeaseTimes {
    /// So long after its last renewal it is taken over.
    pub valid: Duration,
    /// So often it is renewed.
    pub renew: Duration,
    /// So often one who waits looks whether it is free.
    pub poll: Duration,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self { valid: Duration::from_secs(60), renew: Duration::from_secs(20), poll: Duration::from_secs(2) }
    }
}

/// A lake's lease as those see it who have opened the lake together.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) times: LeaseTimes,
    held: Mutex<Option<Held>>,
}

/// What came of the wish to have it.
pub(super) enum Taken {
    /// It is ours.
    Ours,
    /// Somebody else has it, in their words.
    Held(String),
    /// The store does not keep to conditions.
    Unconditional,
}

#[derive(Debug)]
struct Held {
    note: Note,
    version: UpdateVersion,
    renewed: Moment,
    lost: bool,
}

/// What the object says. It differs with each renewal, and with it the ETag.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Note {
    holder: String,
    token: String,
    renewals: u64,
    renewed_at: Option<Timestamp>,
    released: bool,
}

/// The note as it lies in the store.
struct Found {
    note: Note,
    version: UpdateVersion,
    /// In milliseconds since 1970, by the store's clock.
    written: i64,
}

/// A moment by both of this machine's clocks.
#[derive(Debug, Clone, Copy)]
struct Moment(Instant, SystemTime);

impl Moment {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    /// By the clock that says more; one that was set back says nothing.
    fn age(self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }
}

impl Lease {
    pub(super) fn new(times: LeaseTimes) -> Self {
        Self { times, held: Mutex::new(None) }
    }

    /// Takes the lease if it is free, was given back, or nobody has renewed it in time.
    pub(super) async fn take(&self, store: &dyn ObjectStore, holder: String) -> Result<Taken> {
        let token = format!("{:016x}", fastrand::u64(..));
        let note = Note { holder, token, renewed_at: Some(Timestamp::now()), ..Note::default() };
        let mode = match look(store).await? {
            None => PutMode::Create,
            Some(found) if found.note.released || self.is_over(store, &found).await? => {
                PutMode::Update(found.version)
            }
            Some(found) => return Ok(Taken::Held(found.note.in_words())),
        };
        let renewed = Moment::now();
        let version = match put(store, &note, mode.clone()).await {
            Ok(version) => version,
            Err(Error::NotImplemented { .. }) => return Ok(Taken::Unconditional),
            Err(error) if is_refused(&error) => match look(store).await? {
                // Ours after all: the first answer was lost, and the store was asked again.
                Some(found) if found.note.token == note.token => found.version,
                found => {
                    return Ok(Taken::Held(found.map_or_else(String::new, |found| found.note.in_words())));
                }
            },
            Err(error) => return Err(error),
        };
        // The condition does not hold any more: a store that writes all the same would let in everyone.
        match put(store, &note, mode).await {
            Err(error) if is_refused(&error) => {}
            Err(error) => return Err(error),
            Ok(_) => return Ok(Taken::Unconditional),
        }
        *self.held.lock().await = Some(Held { note, version, renewed, lost: false });
        Ok(Taken::Ours)
    }

    /// Whether a write may begin now: true also for one who never took the lease.
    pub(super) async fn holds(&self, store: &dyn ObjectStore) -> Result<bool> {
        let mut held = self.held.lock().await;
        let Some(held) = held.as_mut() else { return Ok(true) };
        let half = self.times.valid / 2;
        if !held.lost && held.renewed.age() >= half {
            held.renew(store).await?;
        }
        Ok(!held.lost && held.renewed.age() < half)
    }

    /// Renews the lease until told to stop, and then gives it back.
    pub(super) async fn keep(self: Arc<Self>, store: Arc<dyn ObjectStore>, mut stop: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                _ = &mut stop => break,
                () = tokio::time::sleep(self.times.renew) => {}
            }
            let mut held = self.held.lock().await;
            let Some(held) = held.as_mut().filter(|held| !held.lost) else { continue };
            match held.renew(&store).await {
                Ok(()) if held.lost => tracing::warn!("another run has taken the lake over"),
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(%error, "the lease of the lake could not be renewed; trying again")
                }
            }
        }
        let held = self.held.lock().await.take();
        if let Some(held) = held.filter(|held| !held.lost) {
            let note = Note { released: true, ..held.note };
            // A lease that cannot be given back is over in a minute.
            let _ = put(&store, &note, PutMode::Update(held.version)).await;
        }
    }

    async fn is_over(&self, store: &dyn ObjectStore, found: &Found) -> Result<bool> {
        let clock = layout::clock();
        store.put(&clock, Vec::new().into()).await?;
        let now = store.head(&clock).await?.last_modified;
        // Another who looks at the same time may have done so already.
        let _ = store.delete(&clock).await;
        let age = Duration::try_from_secs_f64((now.timestamp_millis() - found.written) as f64 / 1000.0);
        Ok(age.is_ok_and(|age| age >= self.times.valid))
    }
}

impl Held {
    /// Renews it, or finds that it is lost.
    async fn renew(&mut self, store: &dyn ObjectStore) -> Result<()> {
        // Twice: where an answer was lost, the note is ours under a version that we do not know yet.
        for _ in 0..2 {
            let note = Note {
                renewals: self.note.renewals + 1,
                renewed_at: Some(Timestamp::now()),
                ..self.note.clone()
            };
            let sent = Moment::now();
            match put(store, &note, PutMode::Update(self.version.clone())).await {
                Ok(version) => {
                    *self = Self { note, version, renewed: sent, lost: false };
                    return Ok(());
                }
                Err(error) if is_refused(&error) => match look(store).await? {
                    Some(found) if found.note.token == self.note.token => {
                        self.note = found.note;
                        self.version = found.version;
                    }
                    _ => {
                        self.lost = true;
                        return Ok(());
                    }
                },
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Note {
    fn in_words(&self) -> String {
        match self.renewed_at {
            Some(at) => format!("{}, last heard of at {}", self.holder, at.strftime("%H:%M:%S UTC")),
            None => self.holder.clone(),
        }
    }
}

async fn look(store: &dyn ObjectStore) -> Result<Option<Found>> {
    let found = match store.get(&layout::lock()).await {
        Ok(found) => found,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
    let written = found.meta.last_modified.timestamp_millis();
    // A note that nobody can read is somebody's all the same.
    let note = serde_json::from_slice(&found.bytes().await?).unwrap_or_default();
    Ok(Some(Found { note, version, written }))
}

async fn put(store: &dyn ObjectStore, note: &Note, mode: PutMode) -> Result<UpdateVersion> {
    let key: Key = layout::lock();
    let text = serde_json::to_vec_pretty(note)
        .map_err(|source| Error::Generic { store: "lease", source: Box::new(source) })?;
    Ok(store.put_opts(&key, text.into(), mode.into()).await?.into())
}

/// Whether a write was refused because its condition did not hold.
pub(super) fn is_refused(error: &Error) -> bool {
    matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. })
}
