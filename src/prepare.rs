//! One asset -> payloads, one per recipe: open beneath the root, hash, decode in a worker, digest the parts.

use std::path::Path;

use bytes::Bytes;
use tribunal_media::{Digest, PartHeader, Recipe, Report};

use crate::manifest::Asset;
use crate::sandbox::Pool;

/// One finished part with its digests.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it shows.
    pub header: PartHeader,
    /// The bytes that a judge gets.
    pub bytes: Bytes,
    /// BLAKE3 of the bytes.
    pub blake3: Digest,
    /// SHA-256 of the bytes, 64 hex digits: the public digest of a part.
    pub sha256: String,
}

/// The ordered parts of one instance under one recipe.
#[derive(Debug, Clone)]
pub struct Payload {
    /// `blake3(recipe id, media id)`.
    pub parts_id: Digest,
    /// In presentation order; shared parts share their bytes.
    pub parts: Vec<Part>,
}

/// One asset after decoding.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// BLAKE3 of the asset's bytes.
    pub media_id: Digest,
    /// One per recipe, in the order given.
    pub payloads: Vec<Payload>,
    /// What the decoders saw.
    pub report: Report,
    /// CPU time in the worker, in milliseconds.
    pub cpu_ms: f64,
}

/// Why an asset gives no payload.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Rejected {
    /// Stable code: a media reason code, a worker's, or `missing`, `changed`, `outside`.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// Decodes one asset once for all `recipes`.
pub fn prepare(root: &Path, asset: &Asset, recipes: &[Recipe], pool: &Pool) -> Result<Prepared, Rejected> {
    todo!("{root:?} {asset:?} {recipes:?} {pool:?}")
}
