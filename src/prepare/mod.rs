//! One asset -> payloads, one per recipe: open beneath the root, hash, decode in a worker, digest the parts.

mod open;
mod payload;
mod settings;

pub use open::{COPY_LIMIT, Rejected};
pub(crate) use payload::sha256;
pub use payload::{Part, Payload, Prepared, Shelf, prepare, prepare_onto, probe};
pub use settings::{Settings, most_jpeg_bytes};
