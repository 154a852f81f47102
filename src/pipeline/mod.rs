//! The only room that knows rayon, tokio and the worker pool together.
