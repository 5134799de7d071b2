//! The jobs: requests for functions that nobody waits for, each a row until it is done. What was accepted is done, or
//! ends as a dead letter that can be listed and redriven (`docs/guarantees.md#nothing-accepted-is-lost`).
//!
//! The [`table`] is the queue. A worker takes a [`lease`] on as many rows as it runs at once, and only when it is about to
//! run them; [`attempt`] runs them, and [`running`] remembers on the disk, without waiting for it, which were under way, so
//! that a job that kills the process is found. Why it is so: `docs/decisions/0014-jobs-leases-and-suspects.md`.

mod attempt;
mod backlog;
mod bus;
mod dispatcher;
mod lease;
pub(crate) mod payload;
mod queue;
mod retry;
mod running;
mod shared;
mod table;
mod target;
#[cfg(test)]
mod tests;
mod unfinished;
mod waiting;
mod worker;

pub use attempt::{Cause, Failure, JobHandler, Outcome};
pub use backlog::{Kind, Reservation};
pub use bus::LocalBus;
pub use dispatcher::Dispatcher;
pub use payload::{NewJob, PayloadError};
pub use queue::LocalQueue;
pub use table::{DeadLetter, Job, JobTable, Redriven};
pub use target::Target;
pub use unfinished::UnfinishedJobs;
pub use waiting::keys_with_job;
