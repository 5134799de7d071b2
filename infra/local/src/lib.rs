//! Labelcast on one machine: the ports embedded, the gateway, the command line.

pub mod database;
pub mod store;
