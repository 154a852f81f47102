//! Equal requests are asked once: those who come while one is on its way wait for its end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OnceCell, OwnedMutexGuard};
use tribunal_media::Digest;

use super::Outcome;

/// How one request ended, for all tasks of a judge that ask it at the same time: they read the reply by the same rules.
pub(super) type Flights = ByRequest<OnceCell<Outcome>>;
/// Held by the one of all judges that asks: the others read its reply by their own rules, once it is in the ledger.
pub(super) type Alone = ByRequest<tokio::sync::Mutex<()>>;
/// As long as this is held, no other judge asks the same.
pub(super) type OnItsWay = OwnedMutexGuard<()>;

/// Those that ended are forgotten when so many are kept; the ledger still knows them.
const KEPT: usize = 1024;

/// What those share who ask equal requests at the same time, by verdict id.
#[derive(Debug)]
pub(super) struct ByRequest<T>(Mutex<BTreeMap<[u8; 32], Weak<T>>>);

impl<T: Default> ByRequest<T> {
    /// What those share who ask that by now, or a new one.
    pub(super) fn join(&self, verdict_id: Digest) -> Arc<T> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shared.get(verdict_id.as_bytes()).and_then(Weak::upgrade) {
            return known;
        }
        if shared.len() >= KEPT {
            shared.retain(|_, known| known.strong_count() > 0);
        }
        let new = Arc::<T>::default();
        shared.insert(*verdict_id.as_bytes(), Arc::downgrade(&new));
        new
    }
}

impl<T> Default for ByRequest<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
