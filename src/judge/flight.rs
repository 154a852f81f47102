//! Equal requests are asked once: those who come while one is on its way wait for its end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OnceCell;
use tribunal_media::Digest;

use super::Outcome;

/// How one request ended, for all who ask it at the same time.
pub(super) type Flight = Arc<OnceCell<Outcome>>;

/// Ended flights are forgotten when so many are kept; the ledger still knows them.
const KEPT: usize = 1024;

/// The requests on their way, by verdict id.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<BTreeMap<[u8; 32], Weak<OnceCell<Outcome>>>>);

impl Flights {
    /// The flight of that id: one on its way, or a new one.
    pub(super) fn join(&self, verdict_id: Digest) -> Flight {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(verdict_id.as_bytes()).and_then(Weak::upgrade) {
            return flight;
        }
        if flights.len() >= KEPT {
            flights.retain(|_, flight| flight.strong_count() > 0);
        }
        let flight = Flight::default();
        flights.insert(*verdict_id.as_bytes(), Arc::downgrade(&flight));
        flight
    }
}
