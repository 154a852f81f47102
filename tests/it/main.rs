//! Integration tests, in one binary.

mod sandbox;
