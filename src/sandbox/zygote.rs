//! The zygote: one thread, everything loaded, nothing open; forks a locked-down worker per request until its socket closes.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::process::ExitCode;

use rustix::net::RecvFlags;
use rustix::process::{PidfdFlags, Signal, pidfd_open, set_parent_process_death_signal};

use super::child;
use super::lock::Filters;
use super::sys::{self, Side};
use super::wire::{Born, Channel, Fork, receive_some, send_some};

/// The longest request or answer on the control socket, in bytes.
pub(super) const MAX_CONTROL: usize = 4096;

/// The hidden subcommand: becomes the zygote and serves forks over the socket on standard input until it closes.
///
/// `test_faults` lets workers misbehave when a test asks them to. Call it first thing in `main`, before any thread exists.
pub fn serve_zygote(test_faults: bool) -> ExitCode {
    let control = sys::take_stdin();
    // A decoder's panic is an answer, not a text on stderr; and the default hook asks for calls that are not allowed.
    std::panic::set_hook(Box::new(|_| {}));
    let born = match sys::close_inherited().and_then(|()| warm_up()) {
        Ok(()) => Born::Hello,
        Err(error) => Born::Failed { message: error.to_string() },
    };
    if say(&control, &born, None).is_err() || matches!(born, Born::Failed { .. }) {
        return ExitCode::FAILURE;
    }
    match serve(control, test_faults) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn warm_up() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if let Some(outdated) = tribunal_media::libav_outdated() {
        return Err(io::Error::other(outdated));
    }
    tribunal_media::init();
    // A raw clone copies one thread and every lock that another thread held.
    let status = std::fs::read_to_string("/proc/self/status")?;
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")).map(str::trim);
    if threads == Some("1") {
        Ok(())
    } else {
        Err(io::Error::other(format!("the zygote has {} threads", threads.unwrap_or("no known number of"))))
    }
}

fn serve(control: OwnedFd, test_faults: bool) -> io::Result<()> {
    let filters = Filters::compile();
    let mut buffer = [0; MAX_CONTROL];
    loop {
        let (length, socket) = receive_some(control.as_fd(), &mut buffer, RecvFlags::empty())?;
        if length == 0 {
            return Ok(());
        }
        let fork: Fork = serde_json::from_slice(&buffer[..length])?;
        let socket = socket.ok_or(io::ErrorKind::InvalidInput)?;
        match sys::clone_sibling() {
            Ok(Side::New) => {
                drop(control); // a worker that could speak for the zygote would be believed
                child::serve(&mut Channel::new(socket), &filters, fork, test_faults);
            }
            Ok(Side::Caller(pid)) => match pidfd_open(pid, PidfdFlags::empty()) {
                Ok(pidfd) => say(&control, &Born::Forked { pid: pid.as_raw_nonzero().get() }, Some(pidfd.as_fd()))?,
                Err(error) => say(&control, &Born::Failed { message: format!("pidfd_open: {error}") }, None)?,
            },
            Err(error) => say(&control, &Born::Failed { message: format!("clone: {error}") }, None)?,
        }
    }
}

fn say(control: &OwnedFd, born: &Born, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    send_some(control.as_fd(), &[IoSlice::new(&serde_json::to_vec(born)?)], fd).map(drop)
}
