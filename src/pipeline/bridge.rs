//! CPU pool -> byte permits -> one lane a judge -> async judges: how work crosses from rayon to tokio.
//!
//! A permit (in KiB) is taken before an item is decoded, trimmed to what its parts weigh, and rides with its jobs until the last reply, so that
//! memory is bounded in bytes however long the run is. Where one judge is slow and another has nothing to do, the slow one's jobs wait
//! on disk and hold no memory: permits never starve decoding.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use rayon::iter::{ParallelBridge as _, ParallelIterator as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::lanes::{Freight, Lanes, Waiting, permits};
use super::stop::StopFlag;
use super::study::Settings;

/// How wide the bridge is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    /// Threads that prepare.
    pub(super) threads: usize,
    /// Lanes: a job waits for those of its own lane only.
    pub(super) lanes: usize,
    /// Jobs under way at once, in each lane.
    pub(super) concurrency: usize,
    /// Bytes that parts may take in all.
    pub(super) memory_bytes: u64,
}

impl Width {
    /// As the settings say, with a lane for each of `lanes` judges.
    pub(super) fn of(settings: &Settings, lanes: usize) -> Self {
        Self { threads: settings.threads, lanes, concurrency: settings.concurrency, memory_bytes: settings.memory_bytes }
    }
}

/// Of the memory, what parked parts may take when their turn has come: of their own, since whoever waits for a lane must not hold what it needs to go on.
const UNPARKED_SHARE: u32 = 4;

/// The way of one item's jobs.
pub(super) struct Crossing<'c, J> {
    lanes: &'c Lanes,
    handle: &'c tokio::runtime::Handle,
    stop: &'c StopFlag,
    sender: &'c mpsc::UnboundedSender<Waiting<J>>,
    /// Shared by the jobs that were sent.
    memory: RefCell<Arc<OwnedSemaphorePermit>>,
}

/// Takes `items` one by one, prepares them on a rayon pool and runs the jobs they give on `runtime`, `concurrency` at a time in each lane.
///
/// `size` bounds the bytes of one item while it is prepared; `prepare` runs on rayon threads, may block, and sends each job over its second argument.
pub(super) fn cross<I, J, Done>(
    runtime: &tokio::runtime::Runtime,
    width: Width,
    stop: &StopFlag,
    items: impl Iterator<Item = I> + Send,
    size: impl Fn(&I) -> u64 + Send + Sync,
    prepare: impl Fn(I, &Crossing<'_, J>) + Send + Sync,
    run: impl Fn(J) -> Done,
) where
    I: Send,
    J: Freight,
    Done: Future<Output = ()>,
{
    let total = permits(width.memory_bytes).max(1);
    // A single lane has nobody to wait for, and parks nothing.
    let unparked = if width.lanes > 1 { (total / UNPARKED_SHARE).max(1) } else { 0 };
    let most = total.saturating_sub(unparked).max(1);
    let memory = Arc::new(Semaphore::new(most as usize));
    let lanes = Lanes::new(width, unparked);
    let (sender, receiver) = mpsc::unbounded_channel::<Waiting<J>>();
    let (handle, memory, size, prepare, lanes) = (runtime.handle(), &memory, &size, &prepare, &lanes);
    // Owns the sender: the consumer learns that nothing more comes when the last item is done and this is dropped.
    let produce = move |item: I| {
        if stop.is_raised() {
            return;
        }
        let wanted = permits(size(&item)).clamp(1, most);
        // A closed semaphore cannot happen: nobody closes it.
        let Ok(permit) = handle.block_on(Arc::clone(memory).acquire_many_owned(wanted)) else { return };
        prepare(item, &Crossing { lanes, handle, stop, sender: &sender, memory: RefCell::new(Arc::new(permit)) });
    };
    let threads = width.threads.max(1);
    std::thread::scope(|scope| {
        let producer = scope.spawn(move || {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|n| format!("prepare-{n}")).build();
            match pool {
                Ok(pool) => pool.install(|| items.par_bridge().for_each(produce)),
                Err(error) => stop.raise(format!("no threads to prepare with: {error}")),
            }
        });
        runtime.block_on(lanes.consume(stop, receiver, run));
        // A producer that waits for a place must learn that nobody takes jobs any more.
        lanes.close();
        if producer.join().is_err() {
            stop.raise("a preparing thread panicked; this is a bug");
        }
    });
}

impl<J: Freight> Crossing<'_, J> {
    /// Says how many bytes the item's parts really take, now that they are there. The rest of what was held for it is free again.
    pub(super) fn weighs(&self, bytes: u64) {
        if let Some(permit) = Arc::get_mut(&mut self.memory.borrow_mut()) {
            drop(permit.split(permit.num_permits().saturating_sub(permits(bytes) as usize)));
        }
    }

    /// Blocks until there is a place in the job's lane. `false`: the run is stopping, prepare nothing more.
    pub(super) fn send(&self, job: J) -> bool {
        let placed = if self.stop.is_raised() { None } else { self.lanes.place(self.handle, job, &self.memory.borrow()) };
        placed.is_some_and(|waiting| self.sender.send(waiting).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use super::{Freight, StopFlag, Width, cross};

    /// In memory, or parked.
    struct Crate {
        lane: usize,
        number: u64,
        parked: bool,
    }

    impl Freight for Crate {
        fn lane(&self) -> usize {
            self.lane
        }

        fn park(&mut self) -> Option<u64> {
            self.parked = true;
            Some(1024)
        }

        fn unpark(&mut self) -> Result<(), String> {
            Ok(())
        }
    }

    fn light(number: u64) -> Crate {
        Crate { lane: 0, number, parked: false }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    }

    #[test]
    fn every_item_crosses_and_memory_stays_bounded() {
        let (alive, peak, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicUsize::new(0));
        let width = Width { threads: 4, lanes: 1, concurrency: 8, memory_bytes: 64 * 1024 };
        let stop = StopFlag::default();
        cross(
            &runtime(),
            width,
            &stop,
            0..400u64,
            |_| 16 * 1024,
            |item, crossing| {
                let now = alive.fetch_add(1, Ordering::SeqCst) + 1;
                peak.fetch_max(now, Ordering::SeqCst);
                assert!(crossing.send(light(item)));
            },
            |_item| async {
                tokio::task::yield_now().await;
                alive.fetch_sub(1, Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
            },
        );
        assert_eq!(done.load(Ordering::SeqCst), 400);
        // `alive` falls just before the permit is returned, so one more than 64 / 16 can never be seen.
        assert!(peak.load(Ordering::SeqCst) <= 4, "{peak:?}");
    }

    #[test]
    fn a_stop_ends_the_run_and_an_oversized_item_does_not_hang_it() {
        let stop = StopFlag::default();
        let ran = AtomicUsize::new(0);
        let width = Width { threads: 2, lanes: 1, concurrency: 2, memory_bytes: 8 * 1024 };
        cross(
            &runtime(),
            width,
            &stop,
            0..1000u64,
            |_| u64::MAX,
            |item, crossing| {
                crossing.send(light(item));
            },
            |item| {
                let (stop, ran) = (stop.clone(), &ran);
                async move {
                    ran.fetch_add(1, Ordering::SeqCst);
                    if item.number == 20 {
                        stop.raise("enough");
                    }
                }
            },
        );
        assert_eq!(stop.reason().as_deref(), Some("enough"));
        assert!(ran.load(Ordering::SeqCst) < 100, "{ran:?}");
    }

    #[test]
    fn a_slow_lane_holds_nobody_else_up_and_memory_stays_bounded() {
        // Lane 0 moves only when lane 1 is through; there is memory for three items while they are prepared.
        let gate = tokio::sync::Semaphore::new(0);
        let (done, parked) = ([AtomicUsize::new(0), AtomicUsize::new(0)], AtomicUsize::new(0));
        let width = Width { threads: 2, lanes: 2, concurrency: 2, memory_bytes: 64 * 1024 };
        cross(
            &runtime(),
            width,
            &StopFlag::default(),
            0..200u64,
            |_| 16 * 1024,
            |number, crossing| {
                crossing.weighs(1024);
                assert!((0..2).all(|lane| crossing.send(Crate { lane, number, parked: false })));
            },
            |job| {
                let (gate, done, parked) = (&gate, &done, &parked);
                async move {
                    if job.lane == 0 {
                        gate.acquire().await.unwrap().forget();
                    }
                    parked.fetch_add(usize::from(job.parked), Ordering::SeqCst);
                    if done[job.lane].fetch_add(1, Ordering::SeqCst) == 199 && job.lane == 1 {
                        gate.add_permits(200);
                    }
                }
            },
        );
        assert_eq!(done.map(AtomicUsize::into_inner), [200, 200]);
        assert!(parked.into_inner() >= 190, "all but those that waited in memory");
    }
}
