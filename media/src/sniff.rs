//! Magic bytes -> format. The name of a file is never asked.

use crate::Modality;

/// A recognised format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Short name, e.g. `jpeg`, `mp4`, `wav`, `text`.
    pub name: &'static str,
    /// What it is by default; a container may turn out to hold sound only.
    pub modality: Modality,
}

/// Recognises a format by the first bytes of a file (4 KiB are enough). `None`: no medium that we know.
pub fn sniff(head: &[u8]) -> Option<Format> {
    todo!("{head:?}")
}
