//! Flags over tribunal.toml over defaults.
