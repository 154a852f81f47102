//! Freed memory stays at hand: decoders ask for the same few megabytes for each picture, and getting them from the kernel each time
//! cost a quarter of decoding small images.

#![cfg_attr(all(target_os = "linux", target_env = "gnu"), expect(unsafe_code, reason = "sets two numbers of the C library's allocator"))]

/// Makes the allocator keep up to 64 MiB, and take blocks of up to 32 MiB (the most it allows) from there. More goes back at once, since a
/// worker's memory is watched. Other C libraries than glibc have their own ways and are left alone.
pub(crate) fn keep_at_hand() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: plain numbers; values out of range are refused and change nothing.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 64 << 20);
    }
}
