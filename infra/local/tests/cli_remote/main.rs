//! `watch`, `upload` and `search` against a server that follows a script, over real sockets: for what a healthy server
//! cannot be brought to do.

mod frames;
mod privacy;
mod running;
mod search;
mod server;
mod upload;
mod watch;
