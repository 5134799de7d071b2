//! The bounds of the gateway that are its own, and why. Those that it shares with API Gateway stand in
//! [`labelcast_functions::limits`].

use std::time::Duration;

use labelcast_functions::settings::table::PING_SECONDS;

/// How often the server pings, unless the operator says otherwise: often enough for proxies that close what is quiet for
/// 60 s (nginx, HAProxy, load balancers).
pub(super) const PING_EVERY: Duration = Duration::from_secs(PING_SECONDS.default as u64);
/// Anything must arrive within this time after a ping.
pub(super) const PONG_TIMEOUT: Duration = Duration::from_secs(20);
/// The same for a reader that was slow a moment ago: the ping waits behind what the system still holds for it, about 128 KB
/// on either side.
pub(super) const SLOW_PONG_TIMEOUT: Duration = Duration::from_mins(2);
/// What may wait for a connection that reads slowly: about what a browser tab in the background misses in a minute.
/// Frames are shared by their receivers, so this is not memory of its own for each.
pub(super) const WAITING_BYTES: usize = 1024 * 1024;
/// The same limit in frames.
pub(super) const WAITING_FRAMES: usize = 2048;
/// A replay goes on once less than this waits.
pub(super) const ROOM_BYTES: usize = WAITING_BYTES / 4;
/// The same limit in frames.
pub(super) const ROOM_FRAMES: usize = 256;
/// What may be left of a part of a replay when the next is read.
pub(super) const WRITTEN_BYTES: usize = 4 * 1024;
/// How long a closing connection may take to read what is left and respond to the close. Then it is reset, which gives back
/// what the system holds for it.
pub(super) const CLOSING: Duration = Duration::from_secs(5);
/// What the system may hold for one connection, in bytes. Linux doubles it for its own bookkeeping. Unbounded it would be up to
/// 4 MB for one that does not read; smaller, and a client 100 ms away gets less than 300 KB a second.
pub(super) const SEND_BUFFER: usize = 32 * 1024;
/// Maximum number of concurrent handshakes; further ones get 429. API Gateway's limit is a quota of the account.
pub(super) const HANDSHAKES: usize = 1_024;
/// Sockets flushed before other tasks have their turn.
pub(super) const FLUSH_BATCH: usize = 128;
/// Sockets queued to before the first of them are flushed.
pub(super) const QUEUE_BATCH: usize = 1_024;
