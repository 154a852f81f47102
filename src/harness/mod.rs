//! Bridges to and from text harnesses.
