//! A compressed packet.

#![expect(unsafe_code, reason = "owns an AVPacket")]

use ffmpeg_next::ffi;

use crate::Error;

/// One packet; reused from read to read.
pub(crate) struct Packet(*mut ffi::AVPacket);

/// What a demuxer hands out once, with the first packet that it holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attached {
    /// Colours by number.
    Palette,
    /// Parameter sets in the place of those of the header.
    Configuration,
}

impl Attached {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Palette, Self::Configuration];

    const fn kind(self) -> ffi::AVPacketSideDataType {
        match self {
            Self::Palette => ffi::AVPacketSideDataType::AV_PKT_DATA_PALETTE,
            Self::Configuration => ffi::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA,
        }
    }
}

impl Packet {
    /// An empty packet.
    pub(crate) fn new() -> Result<Self, Error> {
        // SAFETY: plain allocation, checked.
        let packet = unsafe { ffi::av_packet_alloc() };
        if packet.is_null() { Err(Error::OutOfMemory) } else { Ok(Self(packet)) }
    }

    pub(super) const fn as_ptr(&self) -> *const ffi::AVPacket {
        self.0
    }

    pub(super) const fn as_mut_ptr(&mut self) -> *mut ffi::AVPacket {
        self.0
    }

    const fn get(&self) -> &ffi::AVPacket {
        // SAFETY: valid from `new` to `drop`; all fields are plain numbers and pointers.
        unsafe { &*self.0 }
    }

    /// Which stream it belongs to.
    pub(crate) fn stream(&self) -> usize {
        usize::try_from(self.get().stream_index).unwrap_or(usize::MAX)
    }

    /// Presentation timestamp in ticks of the stream.
    pub(crate) fn pts(&self) -> Option<i64> {
        stamp(self.get().pts)
    }

    /// Decoding timestamp in ticks of the stream.
    pub(crate) fn dts(&self) -> Option<i64> {
        stamp(self.get().dts)
    }

    /// Ticks that it lasts; 0 when unknown.
    pub(crate) fn duration(&self) -> i64 {
        self.get().duration.max(0)
    }

    /// Byte offset in the file; -1 when unknown.
    pub(crate) const fn pos(&self) -> i64 {
        self.get().pos
    }

    /// Bytes.
    pub(crate) fn size(&self) -> u32 {
        u32::try_from(self.get().size).unwrap_or(0)
    }

    /// The bytes themselves.
    pub(crate) fn bytes(&self) -> &[u8] {
        let data = self.get().data;
        // SAFETY: libav vouches for `size` bytes at `data` until the packet is emptied, which takes exclusive access.
        if data.is_null() { &[] } else { unsafe { std::slice::from_raw_parts(data, self.size() as usize) } }
    }

    /// Whether decoding can start here, by the container.
    pub(crate) const fn is_key(&self) -> bool {
        self.get().flags & ffi::AV_PKT_FLAG_KEY != 0
    }

    /// Whether the container held fewer bytes of it than it promised.
    pub(crate) const fn is_short(&self) -> bool {
        self.get().flags & ffi::AV_PKT_FLAG_CORRUPT != 0
    }

    /// Whether it is decoded but not displayed (edit lists).
    pub(crate) const fn is_discard(&self) -> bool {
        self.get().flags & ffi::AV_PKT_FLAG_DISCARD != 0
    }

    /// Whether its bytes are encrypted (ISO/IEC 23001-7).
    pub(crate) fn is_encrypted(&self) -> bool {
        // SAFETY: the packet is valid; nobody asks for the size.
        unsafe {
            !ffi::av_packet_get_side_data(self.0, ffi::AVPacketSideDataType::AV_PKT_DATA_ENCRYPTION_INFO, std::ptr::null_mut()).is_null()
        }
    }

    /// What the demuxer attached.
    pub(crate) fn attached(&self, what: Attached) -> Option<&[u8]> {
        let mut size = 0;
        // SAFETY: the packet is valid; libav vouches for `size` bytes, as in `bytes`.
        unsafe {
            let data = ffi::av_packet_get_side_data(self.0, what.kind(), &raw mut size);
            (!data.is_null()).then(|| std::slice::from_raw_parts(data, size))
        }
    }

    /// Attaches these bytes, in the place of any of their kind.
    pub(crate) fn attach(&mut self, what: Attached, bytes: &[u8]) -> Result<(), Error> {
        // SAFETY: the packet is valid and exclusive; libav allocates as many bytes and owns them.
        unsafe {
            let data = ffi::av_packet_new_side_data(self.0, what.kind(), bytes.len());
            if data.is_null() {
                return Err(Error::OutOfMemory);
            }
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len());
        }
        Ok(())
    }

    /// Takes in the bytes of another one behind its own.
    pub(crate) fn append(&mut self, other: &Self) -> Result<(), Error> {
        let (before, more) = (self.size() as usize, other.bytes());
        // SAFETY: both are valid, this one exclusively; libav makes room for as many bytes behind those of before.
        unsafe {
            if ffi::av_grow_packet(self.0, other.get().size) < 0 {
                return Err(Error::OutOfMemory);
            }
            std::ptr::copy_nonoverlapping(more.as_ptr(), (*self.0).data.add(before), more.len());
        }
        Ok(())
    }

    /// Overwrites the timestamps, so that the frames of this packet can be recognised by theirs.
    pub(crate) const fn stamp(&mut self, pts: i64) {
        // SAFETY: as in `get`, and exclusive.
        unsafe {
            (*self.0).pts = pts;
            (*self.0).dts = pts;
        }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`, freed once.
        unsafe { ffi::av_packet_free(&raw mut self.0) }
    }
}

/// `None` for libav's "no timestamp".
pub(super) fn stamp(ticks: i64) -> Option<i64> {
    (ticks != ffi::AV_NOPTS_VALUE).then_some(ticks)
}
