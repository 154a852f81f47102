//! How to reach a judge: one exchange per call.

/// The view of media that a judge wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// JPEG, WAV and UTF-8 parts.
    Parts,
    /// The embedded classifier's 224 x 224 tensor.
    Tensor,
}
