//! The frames of the WebSocket: one enum per direction.

mod client;
pub mod event;
mod image;
mod server;
mod subprotocol;

pub use client::{ClientFrame, FrameError, MAX_REFERENCE, Refresh, SetNotifyList, Subscribe, Unsubscribe, read};
pub use image::ImageView;
pub use server::{ClosingCode, ErrorCode, NotificationFrame, NotificationTopic, ServerFrame, SubscribedTopic};
pub use subprotocol::{SUBPROTOCOL, choose_subprotocol};
