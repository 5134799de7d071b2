//! API Gateway's WebSocket API: its authorizer, `$connect`, messages and `$disconnect`.

mod authorizer;
mod context;
mod routes;

pub use authorizer::{AuthorizerEvent, AuthorizerResponse, PolicyDocument, Statement, authorize};
pub use routes::{connect, disconnect, message};
