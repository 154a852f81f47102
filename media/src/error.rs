//! Why a source could not be normalised, by cause.

/// Every way in which normalising can fail. The message is for people, [`Error::reason_code`] for records.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no medium that we know (or empty).
    #[error("not a medium: {0}")]
    NotMedia(String),
    /// A known format, codec or feature that is not decoded here.
    #[error("{0}")]
    Unsupported(String),
    /// The bytes claim a format and break its rules.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The bytes end before the medium does, and too little is left to use.
    #[error("truncated: {0}")]
    Truncated(String),
    /// The modality asked for is not the one found.
    #[error("expected {expected}, found {found}")]
    Contradiction {
        /// What the manifest says.
        expected: crate::Modality,
        /// What the bytes hold.
        found: String,
    },
    /// A size is over its limit; checked before allocation.
    #[error("{what} is {value}, over the limit of {limit}")]
    Limit {
        /// What was measured, with its unit.
        what: &'static str,
        /// The value found.
        value: u64,
        /// The limit it broke.
        limit: u64,
    },
    /// The decoder asked for memory and did not get it: no frame after this can be trusted.
    #[error("the decoder ran out of memory")]
    OutOfMemory,
    /// The medium tried to open another file or address.
    #[error("the file refers to other files or addresses; nothing was opened")]
    NestedOpen,
    /// The container opened, but no frame or sample came out.
    #[error("nothing to decode: {0}")]
    Empty(String),
    /// Reading the source failed.
    #[error("reading failed: {0}")]
    Io(String),
    /// A decoder panicked.
    #[error("the decoder panicked: {0}")]
    Panic(String),
    /// The receiver of parts hung up.
    #[error("the receiver of parts hung up")]
    SinkClosed,
}

impl Error {
    /// The stable code kept in ledgers and reports.
    pub const fn reason_code(&self) -> &'static str {
        match self {
            Self::NotMedia(_) => "not_media",
            Self::Unsupported(_) => "unsupported",
            Self::Malformed(_) => "malformed",
            Self::Truncated(_) => "truncated",
            Self::Contradiction { .. } => "modality_mismatch",
            Self::Limit { .. } => "over_limit",
            Self::OutOfMemory => "out_of_memory",
            Self::NestedOpen => "nested_open",
            Self::Empty(_) => "empty",
            Self::Io(_) => "io",
            Self::Panic(_) => "panic",
            Self::SinkClosed => "sink_closed",
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}
