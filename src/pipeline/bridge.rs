//! CPU pool -> byte permits -> bounded channel -> async judges: how work crosses from rayon to tokio.
//!
//! A permit (in KiB) is taken before an item is decoded and rides with its jobs until the last reply, so that memory is
//! bounded in bytes however long the run is.

use std::future::Future;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rayon::iter::{ParallelBridge as _, ParallelIterator as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::stop::StopFlag;

/// Memory held by one item's parts; freed when the last job that shares it is done.
pub(super) type Permit = Arc<OwnedSemaphorePermit>;

/// How wide the bridge is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    /// Threads that prepare.
    pub(super) threads: usize,
    /// Jobs under way at once.
    pub(super) concurrency: usize,
    /// Bytes that parts may take in all.
    pub(super) memory_bytes: u64,
}

/// One KiB of permit.
const PERMIT_BYTES: u64 = 1024;
/// After a stop, replies already paid for are awaited this long.
const DRAIN: std::time::Duration = std::time::Duration::from_mins(2);

/// Prepares `items` on a rayon pool and runs the jobs they give on `runtime`, `concurrency` at a time.
///
/// `size` bounds the bytes of one item's parts; `prepare` runs on rayon threads, may block, and hands each job to its
/// second argument (`false`: the run is stopping, prepare nothing more).
pub(super) fn cross<I, J, Done>(
    runtime: &tokio::runtime::Runtime,
    width: Width,
    stop: &StopFlag,
    items: Vec<I>,
    size: impl Fn(&I) -> u64 + Send + Sync,
    prepare: impl Fn(I, &dyn Fn(J) -> bool) + Send + Sync,
    run: impl Fn(J) -> Done,
) where
    I: Send,
    J: Send,
    Done: Future<Output = ()>,
{
    let total = permits(width.memory_bytes).max(1);
    let memory = Arc::new(Semaphore::new(total as usize));
    let (sender, mut receiver) = mpsc::channel::<(J, Permit)>(width.concurrency.max(1));
    let (handle, memory, size, prepare) = (runtime.handle(), &memory, &size, &prepare);
    // Owns the sender: the consumer learns that nothing more comes when the last item is done and this is dropped.
    let produce = move |item: I| {
        if stop.is_raised() {
            return;
        }
        let wanted = permits(size(&item)).clamp(1, total);
        // A closed semaphore cannot happen: nobody closes it.
        let Ok(permit) = handle.block_on(Arc::clone(memory).acquire_many_owned(wanted)) else { return };
        let permit = Arc::new(permit);
        prepare(item, &|job| !stop.is_raised() && sender.blocking_send((job, Arc::clone(&permit))).is_ok());
    };
    let threads = width.threads.max(1);
    std::thread::scope(|scope| {
        let producer = scope.spawn(move || {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|n| format!("prepare-{n}")).build();
            match pool {
                Ok(pool) => pool.install(|| items.into_iter().par_bridge().for_each(produce)),
                Err(error) => stop.raise(format!("no threads to prepare with: {error}")),
            }
        });
        runtime.block_on(consume(width.concurrency.max(1), stop, &mut receiver, run));
        // A producer that waits for room must learn that nobody takes jobs any more.
        drop(receiver);
        if producer.join().is_err() {
            stop.raise("a preparing thread panicked; this is a bug");
        }
    });
}

async fn consume<J, Done: Future<Output = ()>>(
    concurrency: usize,
    stop: &StopFlag,
    receiver: &mut mpsc::Receiver<(J, Permit)>,
    run: impl Fn(J) -> Done,
) {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            () = stop.raised() => break,
            Some(()) = under_way.next(), if !under_way.is_empty() => {}
            next = receiver.recv(), if under_way.len() < concurrency => match next {
                Some((job, permit)) => {
                    let done = run(job);
                    under_way.push(async move { done.await; drop(permit); });
                }
                None => break,
            },
        }
    }
    let drained = async { while under_way.next().await.is_some() {} };
    if stop.is_raised() {
        // What does not answer in time stays open in the ledger, and is counted as ambiguous on resume.
        let _ = tokio::time::timeout(DRAIN, drained).await;
    } else {
        let mut drained = std::pin::pin!(drained);
        tokio::select! {
            () = &mut drained => {}
            () = stop.raised() => { let _ = tokio::time::timeout(DRAIN, drained).await; }
        }
    }
}

fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS.min(u32::MAX as usize) as u32)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use super::{StopFlag, Width, cross};

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    }

    #[test]
    fn every_item_crosses_and_memory_stays_bounded() {
        let (alive, peak, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicUsize::new(0));
        let width = Width { threads: 4, concurrency: 8, memory_bytes: 64 * 1024 };
        let stop = StopFlag::default();
        cross(
            &runtime(),
            width,
            &stop,
            (0..400u64).collect(),
            |_| 16 * 1024,
            |item, send| {
                let now = alive.fetch_add(1, Ordering::SeqCst) + 1;
                peak.fetch_max(now, Ordering::SeqCst);
                assert!(send(item));
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
        let width = Width { threads: 2, concurrency: 2, memory_bytes: 8 * 1024 };
        cross(
            &runtime(),
            width,
            &stop,
            (0..1000u64).collect(),
            |_| u64::MAX,
            |item, send| {
                send(item);
            },
            |item| {
                let (stop, ran) = (stop.clone(), &ran);
                async move {
                    ran.fetch_add(1, Ordering::SeqCst);
                    if item == 20 {
                        stop.raise("enough");
                    }
                }
            },
        );
        assert_eq!(stop.reason().as_deref(), Some("enough"));
        assert!(ran.load(Ordering::SeqCst) < 100, "{ran:?}");
    }
}
