//! The deployed stack, from outside: the packaged bootstrap behind the emulator's gateways, buckets, queues and bus.
//! `make test-deployed` deploys it and says where it is.

mod edge_cases;
mod endpoints;
mod exhausted;
mod live;
mod many_receivers;
mod operator;
mod pictures;
mod settings;
mod stack;
mod sweep;
