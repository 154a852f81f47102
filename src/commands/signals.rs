//! SIGINT, SIGTERM and SIGHUP, on a thread of their own.

use std::io;
use std::sync::OnceLock;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tribunal::pipeline::StopFlag;

use super::context::{Exit, Failure};
use super::output;

/// What is done once a signal came, and in words; without it nothing is waited for.
static DRAIN: OnceLock<(StopFlag, &'static str)> = OnceLock::new();

/// From now on signals end the program with the exit code of a run that was stopped: a later one at once, and so does the first before [`drain`].
pub(crate) fn heed(json: bool) -> Result<(), Failure> {
    let act = move |name: &str, first: bool| match DRAIN.get().filter(|(stop, _)| stop.has_begun()) {
        Some((stop, doing)) if first => {
            output::remark(&format!("{name}: {doing}; once more to stop at once"));
            stop.raise(format!("{name} received"));
        }
        Some(_) => std::process::exit(i32::from(Exit::Stopped as u8)),
        None => {
            output::fail(json, &format!("stopped early: {name} received; the same command begins again"), Exit::Stopped);
            std::process::exit(i32::from(Exit::Stopped as u8));
        }
    };
    on_signal(act).map_err(|error| Failure::usage(format!("signals cannot be handled: {error}")))
}

/// From now on the first signal raises `stop`, and says what is `doing` until it has its effect. Whatever was written stands either way.
pub(crate) fn drain(stop: &StopFlag, doing: &'static str) {
    // Each command has one thing to stop.
    let _ = DRAIN.set((stop.clone(), doing));
}

/// What is still under way when a run is stopped.
pub(crate) const REPLIES: &str = "waiting for replies already paid for";

/// Calls `act` with the signal's name and whether it is the first one.
fn on_signal(act: impl Fn(&str, bool) + Send + 'static) -> io::Result<()> {
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
