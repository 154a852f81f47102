//! Worker processes that run the media crate on one open descriptor at a time. The main type is [`Pool`].

mod pool;

pub use pool::{Done, Failure, Isolation, Job, Pool, Settings, StartError, serve_zygote};
