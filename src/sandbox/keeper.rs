//! The thread that starts the zygote, asks it for workers and starts another when it dies.
//!
//! A process that asks to die with its parent dies with the parent's *thread* that started it; so the zygote is started
//! from a thread that lives exactly as long as the pool.

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, socketpair};
use rustix::process::Pid;

use super::wire::{Born, Fork, receive_some, send_some};
use super::worker::Worker;
use super::zygote::MAX_CONTROL;

/// How long the zygote may take to start or to fork, and a worker to read a request: far more than a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(30);

type Order = SyncSender<Result<Worker, String>>;

/// Owner of the zygote's thread.
#[derive(Debug)]
pub(super) struct Keeper {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    facts: Arc<Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    zygote: AtomicU32,
    restarts: AtomicU64,
}

impl Keeper {
    /// Starts the thread and the zygote, and waits until it serves.
    pub(super) fn start(command: Vec<OsString>, fork: Fork) -> Result<Self, String> {
        let (orders, inbox) = channel();
        let (started, outcome) = sync_channel(1);
        let facts = Arc::new(Facts::default());
        let shared = Arc::clone(&facts);
        let body = move || match Zygote::start(&command) {
            Ok(zygote) => {
                let mut nursery = Nursery { command, fork, zygote, facts: shared };
                nursery.publish();
                let _ = started.send(Ok(()));
                nursery.serve(&inbox);
            }
            Err(error) => drop(started.send(Err(error.to_string()))),
        };
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(body).map_err(|error| error.to_string())?;
        let keeper = Self { orders: Some(orders), thread: Some(thread), facts };
        outcome.recv().map_err(|_| "the sandbox thread ended".to_owned())??;
        Ok(keeper)
    }

    /// One more worker, not yet known to be ready.
    pub(super) fn worker(&self) -> Result<Worker, String> {
        let ended = || "the sandbox thread ended".to_owned();
        let (reply, worker) = sync_channel(1);
        self.orders.as_ref().ok_or_else(ended)?.send(reply).map_err(|_| ended())?;
        worker.recv().map_err(|_| ended())?
    }

    /// Process id of the zygote that serves now.
    pub(super) fn zygote(&self) -> u32 {
        self.facts.zygote.load(Ordering::Relaxed)
    }

    /// How often a dead zygote was replaced.
    pub(super) fn restarts(&self) -> u64 {
        self.facts.restarts.load(Ordering::Relaxed)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
struct Nursery {
    command: Vec<OsString>,
    fork: Fork,
    zygote: Zygote,
    facts: Arc<Facts>,
}

impl Nursery {
    fn serve(&mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            let worker = self.zygote.fork(self.fork).or_else(|_| self.restart());
            let _ = order.send(worker.map_err(|error| format!("no worker could be started: {error}")));
        }
    }

    /// A new zygote, and a worker from it.
    fn restart(&mut self) -> io::Result<Worker> {
        self.zygote = Zygote::start(&self.command)?;
        self.facts.restarts.fetch_add(1, Ordering::Relaxed);
        self.publish();
        self.zygote.fork(self.fork)
    }

    fn publish(&self) {
        self.facts.zygote.store(self.zygote.child.id(), Ordering::Relaxed);
    }
}

/// A running zygote; killed and reaped when dropped.
struct Zygote {
    child: Child,
    control: OwnedFd,
}

impl Zygote {
    fn start(command: &[OsString]) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or_else(|| io::Error::other("no program to start as the zygote"))?;
        let (control, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&control, Timeout::Recv, Some(PATIENCE))?;
        set_socket_timeout(&control, Timeout::Send, Some(PATIENCE))?;
        let mut builder = Command::new(program);
        builder.args(arguments).env_clear().stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null());
        let child = builder.spawn().map_err(|error| io::Error::other(format!("{}: {error}", program.display())))?;
        drop(builder); // it holds the other end of the socket
        let zygote = Self { child, control };
        match zygote.hear()? {
            (Born::Hello, _) => Ok(zygote),
            (Born::Failed { message }, _) => Err(io::Error::other(message)),
            (Born::Forked { .. }, _) => Err(io::Error::other("the zygote answered what nobody asked")),
        }
    }

    fn fork(&self, fork: Fork) -> io::Result<Worker> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&ours, Timeout::Send, Some(PATIENCE))?;
        send_some(self.control.as_fd(), &[IoSlice::new(&serde_json::to_vec(&fork)?)], Some(theirs.as_fd()))?;
        drop(theirs);
        match self.hear()? {
            (Born::Forked { pid }, Some(pidfd)) => {
                let pid = Pid::from_raw(pid).ok_or_else(|| io::Error::other("the zygote named no process"))?;
                Ok(Worker::new(pid, pidfd, ours))
            }
            (Born::Failed { message }, _) => Err(io::Error::other(message)),
            (Born::Forked { .. } | Born::Hello, _) => Err(io::Error::other("the zygote answered what nobody asked")),
        }
    }

    fn hear(&self) -> io::Result<(Born, Option<OwnedFd>)> {
        let mut buffer = [0; MAX_CONTROL];
        let (length, fd) = receive_some(self.control.as_fd(), &mut buffer, RecvFlags::empty())?;
        if length == 0 {
            return Err(io::Error::other("the zygote ended; does the program know its hidden subcommand?"));
        }
        Ok((serde_json::from_slice(&buffer[..length])?, fd))
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        let _ = self.child.kill(); // an error means that it is gone already
        let _ = self.child.wait();
    }
}
