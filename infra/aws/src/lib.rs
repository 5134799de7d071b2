//! Labelcast on AWS: the ports on the SDK, and the one `bootstrap` of all functions.

pub mod backend;
pub mod bus;
mod deadline;
pub mod detector;
pub mod dynamodb;
pub mod environment;
pub mod functions;
pub mod jwks;
pub mod objects;
mod provider;
pub mod pusher;
pub mod queue;
pub mod queued_uploads;
pub mod sdk;
pub mod telemetry;
pub mod translator;
