//! HEIC and AVIF: libheif reads the container when it is installed, libav decodes what is in it. The main type is `HeifPicture`.

mod api;
mod codec;
mod picture;

pub(crate) use picture::HeifPicture;

use api::Api;

/// Loads libheif, which workers cannot do any more once they are locked. Later calls only look.
pub(crate) fn load() {
    let _ = api::loaded();
}

/// The version of libheif, e.g. `1.15.1`. `Err` says why HEIC and AVIF cannot be read here, and what to install.
pub fn heif_version() -> Result<String, String> {
    api::loaded().map(Api::version).map_err(str::to_owned)
}
