//! The few system calls without a safe wrapper. The only unsafe code of the sandbox.
#![expect(unsafe_code, reason = "raw clone, taking over descriptor 0, signal handlers, _exit and the faults of tests have no safe wrapper")]

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

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

/// System calls of this process that its filter refused by a signal.
static REFUSED_CALLS: AtomicU64 = AtomicU64::new(0);

/// How many system calls were refused and counted so far in this process.
pub(super) fn refused_calls() -> u64 {
    REFUSED_CALLS.load(Ordering::Relaxed)
}

/// Counts the calls that the filter answers with a signal, and refuses them as if it had answered EPERM. Call before the filter is there.
#[cfg(target_arch = "x86_64")]
pub(super) fn count_refused_calls() -> io::Result<()> {
    /// `si_code` of a signal that a filter sent (`SYS_SECCOMP` of asm-generic/siginfo.h).
    const BY_A_FILTER: libc::c_int = 1;

    extern "C" fn refuse(_signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        // SAFETY: the kernel hands both to a handler with SA_SIGINFO. The thread stands behind the call that was not made, and goes on with what
        // is in its registers; nothing here allocates, locks or makes a call.
        unsafe {
            if (*info).si_code == BY_A_FILTER {
                let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
                registers[libc::REG_RAX as usize] = i64::from(-libc::EPERM);
                REFUSED_CALLS.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    // SAFETY: all zeros is a valid `sigaction`, whose fields that matter are set; the handler has the form that SA_SIGINFO asks for.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = refuse as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut())
    };
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

/// Asks to become another program. For tests.
pub(super) fn execute() {
    // SAFETY: no path and no arguments: without the filter the call fails.
    unsafe { libc::syscall(libc::SYS_execve, 0_usize, 0_usize, 0_usize) };
}

/// Asks to be traced. For tests.
pub(super) fn trace() {
    // SAFETY: without the filter this process would be traced by its parent, which ends with it.
    unsafe { libc::syscall(libc::SYS_ptrace, libc::PTRACE_TRACEME as usize, 0_usize, 0_usize, 0_usize) };
}

/// Asks for a second process. For tests; succeeding is the fault.
pub(super) fn fork() -> io::Result<()> {
    match clone_sibling()? {
        Side::New => exit_now(0),
        Side::Caller(_) => Ok(()),
    }
}
