//! Bridges to and from text harnesses.

mod parts_folder;

pub use parts_folder::PartsFolder;
