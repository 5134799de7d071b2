//! The payloads that Lambda hands to functions, read into the functions' typed requests, and their responses written back.
//!
//! No SDK and no I/O: `infra/aws` reads what arrives, and the local backend can read the same payloads when a recorded event
//! is replayed. The recorded samples of AWS are this crate's tests.

mod bus;
mod error;
mod failures;
mod objects;
mod queue;
mod schedule;
pub mod websocket;

pub use bus::{read_event, read_index_request};
pub use error::EventError;
pub use failures::read_exhausted;
pub use objects::read_new_objects;
pub use queue::{Batch, read_analysis_jobs, read_deliveries, read_failures};
pub use schedule::read_schedule;
