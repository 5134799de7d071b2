//! The deployed stack, from outside: the packaged bootstrap behind the emulator's gateways, buckets, queues and bus.
//! `make test-deployed` deploys it and says where it is.

mod doors;
mod live;
mod pictures;
mod settings;
mod stack;
