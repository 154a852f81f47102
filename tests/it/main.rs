//! One binary for all integration tests: the real program on real files, judges and databases.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

mod agree;
mod architecture;
mod bad_input;
mod batch_bench;
mod batch_files;
mod batch_trouble;
mod batches;
mod comparison;
mod damage;
mod judges;
mod mock;
mod mock_process;
mod odd;
mod other_uses;
mod probes;
mod relay;
mod sandbox;
mod score;
mod sentinel;
mod strategies;
mod support;
