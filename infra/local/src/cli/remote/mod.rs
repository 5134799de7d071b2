//! A running server, on this machine or on AWS.

mod address;
mod api;
mod backoff;
mod service;
mod socket;

pub(super) use api::{Api, ApiError, BegunUpload, ImageLine};
pub(super) use backoff::Backoff;
pub(super) use service::Service;
pub(super) use socket::{ConnectError, Incoming, Socket};
