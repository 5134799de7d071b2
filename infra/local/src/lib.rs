//! Labelcast on one machine: the ports embedded, the gateway, the command line.

pub mod audit;
pub mod backup;
pub mod cli;
pub mod data;
pub mod database;
pub mod detector;
pub mod fsck;
pub mod gateway;
pub mod jobs;
pub mod memory;
pub mod objects;
mod permissions;
pub mod progress;
pub mod serve;
pub mod server;
pub mod sign_in;
pub mod signature;
pub mod store;
pub mod translator;
pub mod users;
