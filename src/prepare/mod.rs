//! One asset -> payloads, one per recipe: open beneath the root, hash, decode in a worker, digest the parts.

mod open;
mod payload;
mod settings;

pub use open::{COPY_LIMIT, Rejected};
pub use payload::{Part, Payload, Prepared, prepare, probe};
pub use settings::Settings;
