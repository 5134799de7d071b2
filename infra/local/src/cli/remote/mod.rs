//! Talks to a running server, local or on AWS.

mod address;
mod api;
mod backoff;
mod call;
mod credentials;
pub(super) mod oauth;
mod reason;
mod service;
mod socket;
pub(super) mod store;

pub(super) use address::Privacy;
pub(super) use api::{Api, BegunUpload, ImageLine};
pub(super) use backoff::Backoff;
pub(super) use call::ApiError;
pub(super) use reason::reason;
pub(super) use service::{Service, Settings, client};
pub(super) use socket::{ConnectError, Incoming, Socket};
