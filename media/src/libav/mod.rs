//! The one room that touches libav's C interface. The main types are `Input`, `Decoder` and `Scaler`.

mod allow;
mod decoder;
mod frame;
mod input;
mod io;
mod listing;
mod log;
mod luma;
mod packet;
mod pixel;
mod samples;
mod scaler;
mod sound;
mod still;

pub(crate) use decoder::{Decoder, Held, Signal, Step};
pub(crate) use frame::Frame;
pub(crate) use input::{Input, Kind, Probing, Stream};
pub(crate) use listing::Listed;
pub(crate) use log::{Heard, heard};
pub(crate) use packet::{Attached, Packet};
pub(crate) use scaler::{Field, Scaler};
pub(crate) use still::{StillPicture, decode_still};

use crate::Error;

/// Loads libheif when there is one, registers libav's error texts and listens to its log, which would carry text of the file to stderr.
///
/// Call once before the first decode, in the process that forks the workers.
pub fn init() {
    crate::memory::keep_at_hand();
    // It only fails on versions so old that this crate does not build against them.
    let _ = ffmpeg_next::init();
    log::listen();
    crate::heif::load();
}

/// What a negative return code of libav means; `doing` is for people.
fn failure(code: libc::c_int, doing: &str) -> Error {
    match ffmpeg_next::Error::from(code) {
        ffmpeg_next::Error::Other { errno: libc::ENOMEM } if has_memory() => {
            Error::Malformed(format!("{doing}: more memory is asked for than such a file can need"))
        }
        ffmpeg_next::Error::Other { errno: libc::ENOMEM } => Error::OutOfMemory,
        ffmpeg_next::Error::Other { errno: libc::EINVAL | libc::ENOSYS } | ffmpeg_next::Error::PatchWelcome => {
            Error::Unsupported(format!("{doing}: not on the list of what is decoded here"))
        }
        error => Error::Malformed(format!("{doing}: {error}")),
    }
}

/// Headers of containers and of codecs need no more memory than this.
const ENOUGH: usize = 64 << 20;

/// Whether there is enough memory left: then who wanted more was misled by what a damaged header claims.
fn has_memory() -> bool {
    Vec::<u8>::new().try_reserve_exact(ENOUGH).is_ok()
}

#[cfg(test)]
mod tests {
    use super::failure;
    use crate::Error;

    #[test]
    fn want_of_memory_where_there_is_some_is_a_false_claim() {
        let said = failure(-libc::ENOMEM, "opening the container");
        assert!(matches!(&said, Error::Malformed(why) if why.starts_with("opening the container")), "{said:?}");
    }
}
