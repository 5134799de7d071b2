//! The payloads that Lambda hands to functions, read into the functions' typed requests, and their answers written back.
//!
//! No SDK and no I/O: `infra/aws` reads what arrives, and the local backend can read the same payloads when a recorded event
//! is replayed. The recorded samples of AWS are this crate's tests.

mod error;
pub mod websocket;

pub use error::EventError;
