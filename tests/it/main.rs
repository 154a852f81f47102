//! One binary for all integration tests: the real program on real files, judges and databases.

mod architecture;
mod bad_input;
mod mock;
mod odd;
mod other_uses;
mod sandbox;
mod score;
mod support;
