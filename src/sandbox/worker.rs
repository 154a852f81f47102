//! The pool's handle of one worker: send a job, receive frames under watch, and bury it.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use super::job::Failure;
use super::watch::{TICK, Watch, can_see};
use super::wire::{HELD, PREFIX, Reply, Request, lengths, send};

/// How long a worker that closed its socket may take to die by itself; freeing memory takes tens of milliseconds.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// What may happen to a worker instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mishap {
    /// It died.
    Crashed(String),
    /// It had to be killed: CPU or wall time.
    TimedOut(String),
    /// It had to be killed: memory.
    OverMemory(String),
    /// It said something that cannot be true.
    Protocol(String),
    /// Its parts are more than one job may have.
    TooMuch,
    /// Nobody takes its parts any more.
    Closed,
    /// There was none to be had.
    NoWorker(String),
}

impl From<Mishap> for Failure {
    fn from(mishap: Mishap) -> Self {
        match mishap {
            Mishap::Crashed(how) => Self::new("crashed", format!("the decoder crashed: {how}")),
            Mishap::TimedOut(how) => Self::new("timed_out", format!("the decoder was stopped: {how}")),
            Mishap::OverMemory(how) => Self::new("over_memory", format!("the decoder was stopped: {how}")),
            Mishap::Protocol(how) => Self::new("protocol", format!("the worker broke the protocol: {how}")),
            Mishap::TooMuch => Self::over_reply(),
            Mishap::Closed => tribunal_media::Error::SinkClosed.into(),
            Mishap::NoWorker(how) => Self::new("no_worker", how),
        }
    }
}

/// A worker process; killed and reaped when dropped.
#[derive(Debug)]
pub(super) struct Worker {
    pid: Pid,
    pidfd: OwnedFd,
    socket: OwnedFd,
    /// Received and not yet consumed.
    pending: Vec<u8>,
    scratch: Box<[u8]>,
    /// Jobs given to it so far.
    pub(super) jobs: u32,
}

impl Worker {
    pub(super) fn new(pid: Pid, pidfd: OwnedFd, socket: OwnedFd) -> Self {
        Self { pid, pidfd, socket, pending: Vec::new(), scratch: vec![0; HELD].into_boxed_slice(), jobs: 0 }
    }

    /// Why its memory and its time cannot be watched, if so.
    pub(super) fn unseen(&self) -> Option<String> {
        (!can_see(self.pid))
            .then(|| "limits of memory and time: /proc does not show this program its workers (is it mounted with hidepid?)".to_owned())
    }

    /// Hands it a job.
    pub(super) fn send(&mut self, request: &Request, input: Option<BorrowedFd<'_>>) -> Result<(), Mishap> {
        self.jobs += 1;
        send(self.socket.as_fd(), request, input).map_err(|error| self.lost(&error))
    }

    /// The next message and its body, which may have at most `room` bytes.
    pub(super) fn receive(&mut self, room: u64, watch: &mut Watch) -> Result<(Reply, Vec<u8>), Mishap> {
        let prefix = self.take(PREFIX, watch)?;
        let prefix = prefix.try_into().map_err(|_| Mishap::Protocol("a short prefix".to_owned()))?;
        let (header, body) = lengths(prefix).map_err(|error| Mishap::Protocol(error.to_string()))?;
        let json = self.take(header, watch)?;
        let reply: Reply = serde_json::from_slice(&json).map_err(|error| Mishap::Protocol(error.to_string()))?;
        if body as u64 > room {
            return Err(Mishap::TooMuch);
        }
        Ok((reply, self.take(body, watch)?))
    }

    /// Whether it said more than it was asked.
    pub(super) const fn is_quiet(&self) -> bool {
        self.pending.is_empty()
    }

    /// Exactly `count` bytes. Memory grows with what arrives, not with what was announced.
    fn take(&mut self, count: usize, watch: &mut Watch) -> Result<Vec<u8>, Mishap> {
        while self.pending.len() < count {
            self.fill(watch)?;
        }
        let rest = self.pending.split_off(count);
        Ok(std::mem::replace(&mut self.pending, rest))
    }

    /// Receives what is there, or waits for at most a tick.
    fn fill(&mut self, watch: &mut Watch) -> Result<(), Mishap> {
        watch.look(self.pid)?;
        match recv(&self.socket, &mut self.scratch[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => Err(self.lost(&io::ErrorKind::UnexpectedEof.into())),
            Ok((count, _)) => {
                self.pending.extend_from_slice(&self.scratch[..count]);
                Ok(())
            }
            Err(rustix::io::Errno::INTR) => Ok(()),
            Err(rustix::io::Errno::AGAIN) => {
                wait(self.socket.as_fd(), TICK);
                Ok(())
            }
            Err(error) => Err(self.lost(&error.into())),
        }
    }

    /// The socket is of no more use: how did the worker end?
    fn lost(&self, error: &io::Error) -> Mishap {
        // The socket closes before the process can be waited for.
        if !wait(self.pidfd.as_fd(), LAST_BREATH) {
            return Mishap::Protocol(format!("it hung up and lived on ({error})"));
        }
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED).ok().flatten();
        Mishap::Crashed(match status.as_ref().map(|status| (status.terminating_signal(), status.exit_status())) {
            Some((Some(signal), _)) => signal_name(signal),
            Some((None, Some(code))) => format!("exit status {code} without an answer"),
            _ => "its end is unknown".to_owned(),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Errors mean that it was waited for already, or that this machine refuses the call: then it ends with its socket, unless it hangs.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        let _ = shutdown(&self.socket, Shutdown::Both);
        wait(self.pidfd.as_fd(), LAST_BREATH);
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    }
}

/// Waits until `fd` is readable; false when the time is over first.
fn wait(fd: BorrowedFd<'_>, time: Duration) -> bool {
    let timeout = Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
    matches!(poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)), Ok(ready) if ready > 0)
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        libc::SIGFPE => "SIGFPE",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGKILL => "SIGKILL, perhaps by the kernel for want of memory",
        libc::SIGSYS => "SIGSYS, a system call that workers may not make",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}
