//! The few system calls without a safe wrapper. The only unsafe code of the sandbox.
#![expect(unsafe_code, reason = "raw clone, taking over descriptor 0, _exit and the faults of tests have no safe wrapper")]

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

use rustix::process::Pid;

/// Which side of [`clone_sibling`] this is.
pub(super) enum Side {
    /// The process that called; `Pid` is the new one.
    Caller(Pid),
    /// The new process.
    New,
}

/// Forks a process that is a child of *our parent*: who started the zygote can wait for its workers and see how they end.
///
/// Skips the C library's fork handlers, so it is for processes that never had a second thread.
pub(super) fn clone_sibling() -> io::Result<Side> {
    let flags = libc::c_long::from(libc::CLONE_PARENT | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and a stack this is fork; the caller is single-threaded (checked in `zygote`), so no lock
    // is held by a thread that does not exist in the copy.
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) };
    match i32::try_from(result).ok().filter(|pid| *pid >= 0).map(Pid::from_raw) {
        None => Err(io::Error::last_os_error()),
        Some(None) => Ok(Side::New),
        Some(Some(pid)) => Ok(Side::Caller(pid)),
    }
}

/// Takes over descriptor 0. Call once, in a process that does not use `std::io::stdin`.
pub(super) fn take_stdin() -> OwnedFd {
    // SAFETY: the zygote is started with the control socket as descriptor 0, and this is its only user.
    unsafe { OwnedFd::from_raw_fd(0) }
}

/// Closes every descriptor from 3 up: those that other libraries of the starting process left inheritable.
pub(super) fn close_inherited() -> io::Result<()> {
    // SAFETY: called first thing in the zygote, when this process has opened nothing itself above 2.
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3_usize, u32::MAX as usize, 0_usize) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Leaves at once: no exit handlers, no flushing of buffers copied from the zygote.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Dies of SIGSEGV. For tests.
pub(super) fn segfault() {
    // SAFETY: none: a wild store, on purpose. Page zero is never mapped, so the kernel ends the process here.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) }
}

/// Asks for a system call that no list has. For tests.
pub(super) fn forbidden_call() {
    // SAFETY: `getpriority` has no side effect; the filter ends the process here.
    unsafe { libc::syscall(libc::SYS_getpriority, 0_usize, 0_usize) };
}
