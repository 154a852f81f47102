//! One binary for all integration tests: the real program on real files, judges and databases.

mod architecture;
mod mock;
mod score;
mod support;
