//! Messages between pool and worker over a stream socket: `header length, body length` (u32, little endian), a JSON header, raw bytes.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg,
    sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tribunal_media::{Limits, PartHeader, Probe, Recipe, Report};

use super::fault::Fault;

/// The longest JSON header either side accepts, in bytes.
pub(super) const MAX_HEADER: usize = 1 << 20;

/// Length of the frame's prefix in bytes.
pub(super) const PREFIX: usize = 8;

/// Most bytes of parts that a worker holds back. The pool reads this much at once.
pub(super) const HELD: usize = 64 << 10;

/// What a worker is asked for. The input descriptor travels beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// Make parts.
    Normalise { len: u64, recipes: Vec<Recipe>, limits: Limits },
    /// Look, and make the same parts for nobody.
    Probe { len: u64, recipes: Vec<Recipe>, limits: Limits },
    /// Misbehave; see [`Fault`].
    Fault(Fault),
}

/// What a worker says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one at a time, and never kept")]
pub(super) enum Reply {
    /// Locked down and waiting; the locks that could not be had.
    Ready { missing: Vec<String> },
    /// One finished part; its bytes are the body.
    Part { header: PartHeader },
    /// So many system calls for files and sockets were refused during this job; its end follows. Not sent for none.
    Refused { calls: u64 },
    /// The end of a job.
    Done { report: Report, cpu_ms: f64 },
    /// The end of a probe.
    Probed { probe: Probe },
    /// The end of a job that the decoders refused.
    Failed { reason: String, message: String },
}
/// What the keeper asks the zygote for; the worker's end of its socket pair travels beside it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fork {
    /// `RLIMIT_CPU` of the worker, in seconds.
    pub(super) cpu_seconds: u64,
    /// `RLIMIT_DATA` of the worker, in bytes.
    pub(super) data_bytes: u64,
}

/// What the zygote says; the worker's pidfd travels beside `Forked`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Born {
    /// Initialised and single-threaded.
    Hello,
    /// A worker lives.
    Forked { pid: i32 },
    /// No worker, or no zygote.
    Failed { message: String },
}

/// The worker's blocking end.
#[derive(Debug)]
pub(super) struct Channel {
    socket: OwnedFd,
    /// Small messages that wait for the next one: each send wakes the pool, and most jobs have one small part.
    held: Vec<u8>,
}

impl Channel {
    pub(super) const fn new(socket: OwnedFd) -> Self {
        Self { socket, held: Vec::new() }
    }

    /// Sends one message and its body, after all that is held.
    pub(super) fn send<T: Serialize>(&mut self, message: &T, body: &[u8]) -> io::Result<()> {
        let (prefix, json) = frame(message, body.len())?;
        send_all(self.socket.as_fd(), &[&self.held, &prefix, &json, body], None)?;
        self.held.clear();
        Ok(())
    }

    /// Holds one message until the next send; sends it when it is not small.
    pub(super) fn hold<T: Serialize>(&mut self, message: &T, body: &[u8]) -> io::Result<()> {
        if self.held.len() + body.len() > HELD {
            return self.send(message, body);
        }
        let (prefix, json) = frame(message, body.len())?;
        for piece in [prefix.as_slice(), &json, body] {
            self.held.extend_from_slice(piece);
        }
        Ok(())
    }

    /// Sends bytes as they are. For tests.
    pub(super) fn send_raw(&self, bytes: &[u8]) -> io::Result<()> {
        send_all(self.socket.as_fd(), &[bytes], None)
    }

    /// Sends a message that announces a body of `length` bytes and has none. For tests.
    pub(super) fn send_lying<T: Serialize>(&self, message: &T, length: usize) -> io::Result<()> {
        let (prefix, json) = frame(message, length)?;
        send_all(self.socket.as_fd(), &[&prefix, &json], None)
    }

    /// Waits for the next message; `None` when the other side hung up.
    pub(super) fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Option<OwnedFd>)>> {
        let mut prefix = [0; PREFIX];
        let (first, fd) = receive_some(self.socket.as_fd(), &mut prefix, RecvFlags::WAITALL)?;
        match first {
            0 => return Ok(None),
            PREFIX => {}
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        let (header, _) = lengths(prefix)?;
        let mut json = vec![0; header];
        let (read, _) = receive_some(self.socket.as_fd(), &mut json, RecvFlags::WAITALL)?;
        if read < header {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some((serde_json::from_slice(&json)?, fd)))
    }
}

/// Header and body length from a prefix; an error when the header is longer than anyone sends.
pub(super) fn lengths(prefix: [u8; PREFIX]) -> io::Result<(usize, usize)> {
    let both = u64::from_le_bytes(prefix);
    let (header, body) = ((both & u64::from(u32::MAX)) as usize, (both >> 32) as usize);
    if header == 0 || header > MAX_HEADER {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a header of {header} bytes")));
    }
    Ok((header, body))
}

/// Sends one message without a body, and a descriptor beside it.
pub(super) fn send<T: Serialize>(socket: BorrowedFd<'_>, message: &T, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let (prefix, json) = frame(message, 0)?;
    send_all(socket, &[&prefix, &json], fd)
}

/// The prefix and the JSON of a message with a body of `length` bytes.
fn frame<T: Serialize>(message: &T, length: usize) -> io::Result<([u8; PREFIX], Vec<u8>)> {
    let json = serde_json::to_vec(message)?;
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "message too long");
    let (header, body) = (u32::try_from(json.len()).map_err(too_long)?, u32::try_from(length).map_err(too_long)?);
    Ok(((u64::from(header) | u64::from(body) << 32).to_le_bytes(), json))
}

fn send_all(socket: BorrowedFd<'_>, pieces: &[&[u8]], fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut slices = slices.as_mut_slice();
    let mut fd = fd;
    while slices.iter().any(|slice| !slice.is_empty()) {
        let sent = send_some(socket, slices, fd)?;
        fd = None; // it left with the first byte
        IoSlice::advance_slices(&mut slices, sent);
    }
    Ok(())
}

/// One `sendmsg` with at most one descriptor; a peer that is gone is an error, never a signal.
pub(super) fn send_some(socket: BorrowedFd<'_>, slices: &[IoSlice<'_>], fd: Option<BorrowedFd<'_>>) -> io::Result<usize> {
    let fds = fd.map(|fd| [fd]);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if let Some(fds) = &fds {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    loop {
        match sendmsg(socket, slices, &mut control, SendFlags::NOSIGNAL) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

/// One `recvmsg` with at most one descriptor. 0 means that the peer hung up.
pub(super) fn receive_some(socket: BorrowedFd<'_>, buffer: &mut [u8], flags: RecvFlags) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        match recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags | RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            result => break result?,
        }
    };
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "more descriptors than expected"));
    }
    let fd = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Ok((received.bytes, fd))
}
