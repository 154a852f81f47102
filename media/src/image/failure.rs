//! The decoders' failures by our causes.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use image::ImageError;
use image::error::ParameterErrorKind;

use crate::{Error, Limits};

/// Our error for a decoder's. `limits` are those that the decoder was opened with.
pub(super) fn refuse(error: &ImageError, limits: &Limits) -> Error {
    match error {
        ImageError::IoError(error) => by_kind(error),
        ImageError::Decoding(error) => {
            let inner = error.source().and_then(|source| source.downcast_ref::<io::Error>());
            match inner {
                Some(inner) if inner.kind() == ErrorKind::UnexpectedEof => Error::Truncated(error.to_string()),
                _ if tells_of_an_early_end(&error.to_string()) => Error::Truncated(error.to_string()),
                _ => Error::Malformed(error.to_string()),
            }
        }
        ImageError::Limits(_) => Error::Limit {
            what: "memory that the decoder asks for in bytes, at least",
            value: limits.decode_bytes.saturating_add(1),
            limit: limits.decode_bytes,
        },
        ImageError::Unsupported(error) => Error::Unsupported(error.to_string()),
        ImageError::Parameter(error) if error.kind() == ParameterErrorKind::NoMoreData => Error::Empty("no frame".to_owned()),
        ImageError::Parameter(error) => Error::Malformed(error.to_string()),
        ImageError::Encoding(error) => Error::Malformed(error.to_string()),
    }
}

/// Decoders report broken data as I/O errors of these kinds; every other kind is a failed read.
fn by_kind(error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => Error::Truncated(error.to_string()),
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other => Error::Malformed(error.to_string()),
        _ => Error::Io(error.to_string()),
    }
}

/// Some decoders say only in words that the data ended.
fn tells_of_an_early_end(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["exhausted data", "unexpected end", "unexpected eof", "no more bytes", "not enough bytes"].iter().any(|words| message.contains(words))
}
