//! The worker: locks itself down, then one job after another until the pool hangs up.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::time::{ClockId, clock_gettime};
use tribunal_media::{Error, PartHeader, PartSink, SinkClosed, Source, normalise, probe};

use super::fault;
use super::lock::{Filters, lock_down};
use super::sys;
use super::wire::{Channel, Fork, Reply, Request};

/// Runs the worker. Never returns into code that belongs to the zygote.
pub(super) fn serve(channel: &mut Channel, filters: &Filters, fork: Fork, test_faults: bool) -> ! {
    // Whatever unwinds here must not reach the zygote's frames, of which this process has a copy.
    let outcome = catch_unwind(AssertUnwindSafe(|| work(channel, filters, fork, test_faults)));
    sys::exit_now(i32::from(!matches!(outcome, Ok(Ok(())))))
}

fn work(channel: &mut Channel, filters: &Filters, fork: Fork, test_faults: bool) -> std::io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let _ = cpu_ms(); // the first use of the clock looks for the vDSO, with calls that are not allowed later
    let missing = lock_down(filters, fork)?;
    channel.send(&Reply::Ready { missing }, &[])?;
    while let Some((request, input)) = channel.receive()? {
        let (before, refused) = (cpu_ms(), sys::refused_calls());
        let result = catch_unwind(AssertUnwindSafe(|| answer(request, input, channel, test_faults)));
        let reply = match result.unwrap_or_else(|_| Err(Error::Panic("outside the decoders".to_owned()))) {
            Ok(Reply::Done { report, .. }) => Reply::Done { report, cpu_ms: cpu_ms() - before },
            Ok(reply) => reply,
            Err(error) => Reply::Failed { reason: error.reason_code().to_owned(), message: error.to_string() },
        };
        if let calls @ 1.. = sys::refused_calls() - refused {
            channel.hold(&Reply::Refused { calls }, &[])?;
        }
        channel.send(&reply, &[])?;
    }
    Ok(())
}

fn answer(request: Request, input: Option<OwnedFd>, channel: &mut Channel, test_faults: bool) -> Result<Reply, Error> {
    let source = |len| match input {
        Some(input) => Ok(Source::file(File::from(input), len)),
        None => Err(Error::Io("no input came with the job".to_owned())),
    };
    match request {
        Request::Normalise { len, recipes, limits } => {
            let report = normalise(&source(len)?, &recipes, &limits, &mut Stream { channel })?;
            Ok(Reply::Done { report, cpu_ms: 0.0 })
        }
        Request::Probe { len, recipes, limits } => Ok(Reply::Probed { probe: probe(&source(len)?, &recipes, &limits)? }),
        Request::Fault(wanted) if test_faults => Ok(Reply::Done { report: fault::commit(wanted, channel)?, cpu_ms: 0.0 }),
        Request::Fault(_) => Err(Error::Unsupported("faults are for tests".to_owned())),
    }
}

/// Sends parts as they are finished.
struct Stream<'a> {
    channel: &'a mut Channel,
}

impl PartSink for Stream<'_> {
    fn part(&mut self, header: PartHeader, bytes: Vec<u8>) -> Result<(), SinkClosed> {
        self.channel.hold(&Reply::Part { header }, &bytes).map_err(|_| SinkClosed)
    }
}

/// CPU time of this thread so far, in milliseconds: all of a worker's. The clock of a process goes by ticks, and so loses most of a short job, where the
/// process has a limit of CPU time.
pub(super) fn cpu_ms() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}
