//! The limits of a connection that nobody sets. They are API Gateway's own, or follow from what it does, so that a client meets
//! the same ones at both backends. What an operator sets stands in [`settings`](crate::settings).

use std::time::Duration;

use chrono::TimeDelta;

/// Bytes of a frame, in both directions, posts included.
pub const FRAME_BYTES: usize = 32 * 1024;
/// Bytes of a message that a client sends, which may come in several frames.
pub const MESSAGE_BYTES: usize = 128 * 1024;
/// How long one message may be handled: API Gateway's longest integration. `serverless.yml` gives the functions the same. A
/// replay may take longer while it makes progress, and waits as long for a reader that takes nothing.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(29);
/// Messages that a client may send at once, in seconds' worth of its rate.
pub const BURST_SECONDS: u32 = 2;
/// A connection that is quiet for this long is closed. Messages in either direction count, and a client's own pings; the
/// server's pings and their pongs do not.
pub const IDLE_TIMEOUT: Duration = Duration::from_mins(10);
/// Maximum age of a connection.
pub const CONNECTION_TTL: Duration = Duration::from_hours(2);
/// How long after its token's end a connection is served at most.
pub const TOKEN_GRACE: TimeDelta = TimeDelta::seconds(25);
/// After this much of the grace a backend that can, closes the connection: nothing is sent at its very end.
pub const TOKEN_GRACE_UNTIL_CLOSED: TimeDelta = TimeDelta::seconds(22);

const _: () = assert!(FRAME_BYTES <= MESSAGE_BYTES);
const _: () = assert!(TOKEN_GRACE_UNTIL_CLOSED.num_seconds() < TOKEN_GRACE.num_seconds());
