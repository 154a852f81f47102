//! One lane a judge: where jobs wait, in memory or on disk, and how they are run.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use super::bridge::Width;
use super::stop::StopFlag;

/// A job on its way.
pub(super) trait Freight: Send {
    /// Its lane, from 0.
    fn lane(&self) -> usize;
    /// Puts its parts on disk; the result is how many bytes that freed, `None` when they stay where they are.
    fn park(&mut self) -> Option<u64>;
    /// Takes them back. The error, in words, stops the run.
    fn unpark(&mut self) -> Result<(), String>;
}

/// One KiB of permit.
const PERMIT_BYTES: u64 = 1024;
/// Parked jobs of one lane: what they keep in memory is their prompts.
const PARKED: usize = 1024;
/// After a stop, replies already paid for are awaited this long.
const DRAIN: std::time::Duration = std::time::Duration::from_mins(2);

/// A job in its lane.
pub(super) struct Waiting<J> {
    job: J,
    hold: Hold,
    /// Its place among those that wait.
    place: OwnedSemaphorePermit,
}

/// What a job holds while it waits.
enum Hold {
    /// The memory of its item's parts; free when the last job that shares it is done.
    Memory(#[expect(dead_code, reason = "held until it is dropped")] Arc<OwnedSemaphorePermit>),
    /// Nothing, but it will need so many bytes.
    Disk(u64),
}

/// The places of those that wait in one lane.
struct Places {
    near: Arc<Semaphore>,
    parked: Arc<Semaphore>,
}

/// The lanes of one crossing.
pub(super) struct Lanes {
    places: Vec<Places>,
    /// Jobs under way in each.
    busy: Vec<AtomicUsize>,
    concurrency: usize,
    /// Told when a lane could take more than it gets.
    hungry: Notify,
    /// Memory for what comes back from disk, in permits.
    unparked: Semaphore,
    most_unparked: u32,
}

impl Lanes {
    pub(super) fn new(width: Width, unparked: u32) -> Self {
        let concurrency = width.concurrency.max(1);
        let places = || Places { near: Arc::new(Semaphore::new(concurrency)), parked: Arc::new(Semaphore::new(PARKED)) };
        Self {
            places: std::iter::repeat_with(places).take(width.lanes.max(1)).collect(),
            busy: std::iter::repeat_with(AtomicUsize::default).take(width.lanes.max(1)).collect(),
            concurrency,
            hungry: Notify::new(),
            unparked: Semaphore::new(unparked as usize),
            most_unparked: unparked.max(1),
        }
    }

    pub(super) fn close(&self) {
        self.places.iter().flat_map(|places| [&places.near, &places.parked]).for_each(|places| places.close());
    }

    /// Waits for a place in the job's lane, or parks it when another lane has nobody waiting; `None` when nobody takes jobs any more.
    pub(super) fn place<J: Freight>(
        &self,
        handle: &tokio::runtime::Handle,
        mut job: J,
        memory: &Arc<OwnedSemaphorePermit>,
    ) -> Option<Waiting<J>> {
        let (places, mut may_park) = (self.places.get(job.lane())?, true);
        loop {
            let hungry = self.hungry.notified();
            if may_park
                && places.near.available_permits() == 0
                && self.somebody_else_hungers(job.lane())
                && let Ok(place) = Arc::clone(&places.parked).try_acquire_owned()
            {
                match job.park() {
                    Some(bytes) => return Some(Waiting { job, hold: Hold::Disk(bytes), place }),
                    // What failed once is not tried at every turn.
                    None => may_park = false,
                }
            }
            let near = Arc::clone(&places.near).acquire_owned();
            let place = handle.block_on(async {
                tokio::select! {
                    biased;
                    place = near => Some(place),
                    () = hungry => None,
                }
            });
            if let Some(place) = place {
                return Some(Waiting { job, hold: Hold::Memory(Arc::clone(memory)), place: place.ok()? });
            }
        }
    }

    /// Whether a lane has room, and nobody waiting for it.
    fn hungers(&self, lane: usize) -> bool {
        self.busy[lane].load(Ordering::Acquire) < self.concurrency && self.places[lane].near.available_permits() == self.concurrency
    }

    fn somebody_else_hungers(&self, lane: usize) -> bool {
        (0..self.places.len()).any(|other| other != lane && self.hungers(other))
    }

    pub(super) async fn consume<J: Freight, Done: Future<Output = ()>>(
        &self,
        stop: &StopFlag,
        mut receiver: mpsc::UnboundedReceiver<Waiting<J>>,
        run: impl Fn(J) -> Done,
    ) {
        let run = &run;
        let mut waiting: Vec<VecDeque<Waiting<J>>> = self.places.iter().map(|_| VecDeque::new()).collect();
        let (mut under_way, mut open) = (FuturesUnordered::new(), true);
        while open || !under_way.is_empty() {
            tokio::select! {
                biased;
                () = stop.raised() => break,
                Some(lane) = under_way.next(), if !under_way.is_empty() => {
                    let busy: &AtomicUsize = &self.busy[lane];
                    busy.fetch_sub(1, Ordering::AcqRel);
                }
                next = receiver.recv(), if open => match next {
                    Some(next) => waiting[next.job.lane()].push_back(next),
                    None => open = false,
                },
            }
            for (lane, (waiting, busy)) in waiting.iter_mut().zip(&self.busy).enumerate() {
                while busy.load(Ordering::Acquire) < self.concurrency
                    && let Some(Waiting { job, hold, place }) = waiting.pop_front()
                {
                    busy.fetch_add(1, Ordering::AcqRel);
                    drop(place);
                    under_way.push(async move {
                        self.start(job, hold, stop, run).await;
                        lane
                    });
                }
                if self.hungers(lane) {
                    self.hungry.notify_waiters();
                }
            }
        }
        let drained = async { while under_way.next().await.is_some() {} };
        // What does not answer in time stays open in the ledger, and is counted as ambiguous on resume.
        let _ = tokio::time::timeout(DRAIN, drained).await;
    }

    /// Runs a job once its parts are in memory.
    async fn start<J: Freight, Done: Future<Output = ()>>(&self, mut job: J, hold: Hold, stop: &StopFlag, run: impl Fn(J) -> Done) {
        let _memory = match hold {
            Hold::Memory(_) => None,
            Hold::Disk(bytes) => Some(self.unparked.acquire_many(permits(bytes).clamp(1, self.most_unparked)).await),
        };
        match job.unpark() {
            Ok(()) => run(job).await,
            Err(problem) => stop.raise(problem),
        }
    }
}

/// Bytes in permits.
pub(super) fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS.min(u32::MAX as usize) as u32)
}
