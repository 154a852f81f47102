//! Ways for a worker to misbehave on purpose. A worker obeys only when its zygote was started with `--test-faults`,
//! which nothing but a test does: no file, manifest or setting can ask for one.

use std::fs::File;
use std::net::UdpSocket;

use rustix::event::{PollFd, poll};
use serde::{Deserialize, Serialize};
use tribunal_media::{Detail, Encoding, Error, PartHeader, Report};

use super::sys;
use super::wire::{Channel, Reply};

/// One kind of misbehaviour.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Does nothing and says so.
    None,
    /// Writes to page zero.
    Segfault,
    /// Calls `abort`.
    Abort,
    /// Panics.
    Panic,
    /// Computes for ever.
    Spin,
    /// Waits for ever.
    Hang,
    /// Touches ever more memory.
    Allocate,
    /// Answers with bytes that are no message.
    Garbage,
    /// Sends a part for a recipe that nobody asked for.
    LieIndex,
    /// Announces a part of 4 GiB.
    LieLength,
    /// Leaves without an answer.
    Leave,
    /// Tries to open a file; succeeding is the fault.
    OpenFile,
    /// Tries to open a socket; succeeding is the fault.
    OpenSocket,
    /// Asks for a system call outside all lists.
    ForbiddenCall,
    /// Asks to become another program.
    Execute,
    /// Asks to be traced.
    Trace,
    /// Asks for a second process; getting it is the fault.
    Fork,
    /// Asks for a second thread; getting it is the fault.
    Thread,
    /// Reserves more memory than its limit of data; getting it is the fault.
    Reserve,
    /// Opens ever more descriptors; getting a hundred is the fault.
    Descriptors,
}

/// More bytes than the least limit of data, 2 GiB, and less than any machine refuses by itself.
const RESERVED: usize = 3 << 30;

/// Misbehaves. `Ok` and `Err` are answers like any job's.
pub(super) fn commit(fault: Fault, channel: &mut Channel) -> Result<Report, Error> {
    match fault {
        Fault::None => return Ok(Report::default()),
        Fault::Segfault => sys::segfault(),
        Fault::Abort => std::process::abort(),
        Fault::Panic => std::panic::panic_any("on purpose"),
        Fault::Spin => loop {
            std::hint::spin_loop();
        },
        Fault::Hang => loop {
            let _ = poll(&mut [] as &mut [PollFd<'_>], None);
        },
        Fault::Allocate => allocate(),
        Fault::Garbage => drop(channel.send_raw(&[0xff; 64])),
        Fault::LieIndex => drop(channel.send(&false_part(), b"hi")),
        Fault::LieLength => drop(channel.send_lying(&false_part(), u32::MAX as usize)),
        Fault::Leave => sys::exit_now(0),
        Fault::OpenFile => return refused(File::open("/dev/null").map(drop)),
        Fault::OpenSocket => return refused(UdpSocket::bind("127.0.0.1:0").map(drop)),
        Fault::ForbiddenCall => sys::forbidden_call(),
        Fault::Execute => sys::execute(),
        Fault::Trace => sys::trace(),
        Fault::Fork => return refused(sys::fork()),
        Fault::Thread => return refused(std::thread::Builder::new().spawn(|| ()).map(drop)),
        Fault::Reserve => return refused(Vec::<u8>::new().try_reserve_exact(RESERVED).map_err(std::io::Error::other)),
        Fault::Descriptors => {
            let copies: std::io::Result<Vec<_>> = (0..100).map(|_| Ok(rustix::io::dup(std::io::stderr())?)).collect();
            return refused(copies.map(drop));
        }
    }
    Ok(Report::default())
}

fn false_part() -> Reply {
    Reply::Part { header: PartHeader { recipes: vec![7], encoding: Encoding::Utf8, detail: Detail::Text { characters: 2 } } }
}

fn allocate() -> ! {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(vec![1; 1 << 20]);
        std::hint::black_box(&hoard);
    }
}

fn refused(result: std::io::Result<()>) -> Result<Report, Error> {
    match result {
        Ok(()) => Ok(Report::default()),
        Err(error) => Err(Error::Io(error.to_string())),
    }
}
