//! Labelcast on AWS: the ports on the SDK, and the one `bootstrap` of all functions.

pub mod bus;
pub mod dynamodb;
pub mod objects;
pub mod queue;
