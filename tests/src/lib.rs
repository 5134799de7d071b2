//! Shared by the end-to-end tests: the real binary, real sockets, generated pictures.

pub mod aws;
pub mod contract;
pub mod emulator;
pub mod interleave;
pub mod limit;
pub mod machine;
pub mod picture;
pub mod raw;
pub mod schemas;
pub mod server;
pub mod socket;
pub mod stand_in;
pub mod uploads;

pub use limit::MemoryLimit;
pub use machine::TestMachine;
pub use server::Server;
pub use socket::Socket;
