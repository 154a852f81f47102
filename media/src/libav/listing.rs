//! What a container's own index says of its packets.

#![expect(unsafe_code, reason = "reads libav's table of index entries")]

use std::ptr::null_mut;

use ffmpeg_next::ffi;
use libc::c_int;

use super::Input;

/// A packet by the index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed {
    /// Byte offset, as the container counts.
    pub pos: i64,
    /// Bytes.
    pub size: u32,
    /// Timestamp in ticks.
    pub ticks: i64,
    /// Whether decoding can start here.
    pub key: bool,
}

impl Input<'_> {
    /// Whether the container's own index names bytes of a stream at or after `len`: the file was cut.
    pub(crate) fn points_past(&self, index: usize, len: u64) -> bool {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        self.listed(index).any(|entry| entry.pos.saturating_add(entry.size.into()) > len)
    }

    /// What the container's own index says of a stream, in its order.
    pub(crate) fn listed(&self, index: usize) -> impl Iterator<Item = Listed> {
        let stream = self.format.stream(index).map_or(null_mut(), |stream| {
            // SAFETY: the stream is valid while the container is open.
            unsafe { stream.as_ptr().cast_mut() }
        });
        // SAFETY: as above.
        let count = if stream.is_null() { 0 } else { unsafe { ffi::avformat_index_get_entries_count(stream) } };
        (0..count).filter_map(move |at| {
            // SAFETY: entries below the count exist, and while this borrows the container nothing changes the index.
            let entry = unsafe { ffi::avformat_index_get_entry(stream, at).as_ref() }?;
            let key = entry.flags() & ffi::AVINDEX_KEYFRAME as c_int != 0;
            Some(Listed { pos: entry.pos, size: u32::try_from(entry.size()).unwrap_or(0), ticks: entry.timestamp, key })
        })
    }
}
