//! What holds for this process from its first moment on.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// A file that may grow no further (`ulimit -f`) is a full disk: the write fails, and says so, instead of ending the process.
#[expect(unsafe_code, reason = "sets the disposition of a signal")]
pub(crate) fn outlive_file_limits() {
    // SAFETY: no handler runs; called before there is a second thread.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// A core dump would hold the key.
pub(crate) fn leave_no_core() {
    // Neither fails for a process of its own.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
