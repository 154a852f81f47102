//! SIGINT, SIGTERM and SIGHUP, on a thread of their own.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

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

/// Calls `act` with the signal's name and whether it is the first one.
pub(crate) fn on_signal(act: impl Fn(&str, bool) + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate, mut hangup) = {
        let _inside = runtime.enter();
        let hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, hangup)
    };
    let listen = move || {
        runtime.block_on(async {
            let mut first = true;
            loop {
                let name = tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                    Some(()) = received(hangup.as_mut()) => "SIGHUP",
                };
                act(name, first);
                first = false;
            }
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
    Ok(())
}

async fn received(signal: Option<&mut Signal>) -> Option<()> {
    signal?.recv().await
}

/// Whether whoever started this process (nohup) has it live on after the terminal is gone.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}
