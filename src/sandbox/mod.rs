//! Worker processes that run the media crate on one open descriptor at a time. The main type is [`Pool`].
//!
//! ```text
//! Pool -- Keeper (thread) --exec--> zygote --clone--> worker      one socket pair each to the pool
//! ```

mod check;
mod child;
mod fault;
mod job;
mod keeper;
mod lock;
mod pool;
mod settings;
mod sys;
mod watch;
mod wire;
mod worker;
mod zygote;

#[doc(hidden)]
pub use fault::Fault;
pub use job::{Done, Failure, Job, JobSink, StartError};
pub use pool::{Counts, Pool};
pub use settings::{Isolation, Settings};
pub use zygote::serve_zygote;
