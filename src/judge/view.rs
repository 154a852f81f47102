//! The views of media that judges want.

/// The view of media that a judge wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// JPEG, WAV and UTF-8 parts.
    Parts,
    /// The same with pictures of at most so many pixels along their long edge: the judge takes no larger ones.
    Small(u32),
    /// The embedded classifier's 224 x 224 tensor.
    Tensor,
}

impl View {
    /// Its name in an experiment's recipes.
    pub fn name(self) -> String {
        match self {
            Self::Parts => "parts".to_owned(),
            Self::Small(edge) => format!("parts<={edge}"),
            Self::Tensor => "tensor".to_owned(),
        }
    }
}
