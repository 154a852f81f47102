//! Sampling strategies compared: observations in, comparison out.
