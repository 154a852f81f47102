//! One binary for all integration tests: the real program on real files, judges and databases.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

mod agree;
mod architecture;
mod bad_input;
mod batch_bench;
mod batch_files;
mod batch_trouble;
mod batches;
mod broken_wire;
mod clips;
mod clocks;
mod comparison;
mod crash;
mod damage;
mod escape;
mod full_disk;
mod gone;
mod judges;
mod mock;
mod mock_process;
mod mutated;
mod odd;
mod odd_ends;
mod odd_said;
mod other_uses;
mod paths;
mod price_steps;
mod probes;
mod relay;
mod rig;
mod sandbox;
mod scale;
mod score;
mod secrets;
mod sentinel;
mod signals;
mod store;
mod strategies;
mod support;
mod tables;
mod threads;
mod two_judges;
