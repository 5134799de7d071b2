//! The deployed stack, from outside: the packaged bootstrap behind the emulator's gateways, buckets, queues and bus.
//! `make test-deployed` deploys it and says where it is.

mod crowds;
mod endpoints;
mod exhausted;
mod live;
mod operator;
mod pictures;
mod seldom;
mod settings;
mod stack;
mod sweeping;
