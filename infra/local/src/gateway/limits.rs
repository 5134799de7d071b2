//! The bounds of the gateway, and why.

use std::time::Duration;

/// API Gateway's limit for a frame, in bytes; a larger one closes with 1009.
pub(super) const MAX_FRAME: usize = 32 * 1024;
/// API Gateway's limit for a message, in bytes.
pub(super) const MAX_MESSAGE: usize = 128 * 1024;
/// Idle connections are closed after this, in milliseconds. Any frame in either direction counts, pings too.
pub(super) const IDLE: i64 = 10 * 60 * 1000;
/// No connection lives longer, in milliseconds.
pub(super) const AGE: i64 = 2 * 60 * 60 * 1000;
/// API Gateway's longest integration.
pub(super) const MESSAGE_TIME: Duration = Duration::from_secs(29);
/// What may wait for a connection that reads slowly: about what a browser tab in the background misses in a minute.
/// Frames are shared by their receivers, so this is not memory of its own for each.
pub(super) const WAITING_BYTES: usize = 1024 * 1024;
/// The same in frames.
pub(super) const WAITING_FRAMES: usize = 2048;
/// A replay goes on once less than this waits.
pub(super) const ROOM_BYTES: usize = WAITING_BYTES / 4;
/// The same in frames.
pub(super) const ROOM_FRAMES: usize = 256;
/// A replay to somebody who reads nothing at all is given up after this.
pub(super) const ROOM_TIME: Duration = Duration::from_secs(30);
/// How long a closing connection may take to read what is left and answer the close, in milliseconds.
pub(super) const CLOSING: i64 = 5_000;
/// Handshakes under way at once; further ones are told 429. API Gateway's own figure is a quota of the account.
pub(super) const HANDSHAKES: usize = 1_024;
/// Closes a connection this long after its token's end: before the grace of 25 s is over.
pub(super) const EXPIRY_GRACE_SECONDS: i64 = 22;
/// Sockets flushed before other tasks have their turn.
pub(super) const FLUSHED_AT_ONCE: usize = 128;
/// Sockets queued to before the first of them are flushed.
pub(super) const QUEUED_AT_ONCE: usize = 1_024;
