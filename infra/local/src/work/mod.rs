//! The asynchronous steps: created objects, queue messages and bus deliveries, each a row until it is done. What was
//! accepted is done, or ends as a dead letter that can be listed and redriven (promise 1).

mod bus;
mod dispatcher;
mod lane;
mod queue;
mod retry;
mod table;
mod target;
mod waiting;

pub use bus::LocalBus;
pub use dispatcher::{Dispatcher, Outcome, Steps};
pub use queue::LocalQueue;
pub use table::{DeadLetter, Job, Redriven, WorkTable};
pub use target::Target;
pub use waiting::keys_with_job;
