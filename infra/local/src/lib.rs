//! Labelcast on one machine: the ports embedded, the gateway, the command line.

pub mod database;
pub mod detector;
pub mod gateway;
pub mod store;
pub mod translator;
pub mod work;
