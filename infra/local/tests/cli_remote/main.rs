//! `watch`, `upload`, `search` and `login` against a server that follows a script, over real sockets: for what a healthy server
//! cannot be brought to do.

mod frames;
mod login;
mod privacy;
mod renewal;
mod running;
mod search;
mod server;
mod upload;
mod watch;
