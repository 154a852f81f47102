//! SIGINT and SIGTERM, on a thread of their own.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Calls `act` with the signal's name and whether it is the first one.
pub(crate) fn on_signal(act: impl Fn(&str, bool) + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let listen = move || {
        runtime.block_on(async {
            let mut first = true;
            loop {
                let name = tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                };
                act(name, first);
                first = false;
            }
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
    Ok(())
}
