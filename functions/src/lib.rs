//! Labelcast's domain: its functions, and the ports through which they act.

pub mod api;
pub mod asyncapi;
pub mod audit;
pub mod backoff;
pub mod budget;
pub mod contract;
pub mod error;
pub mod images;
pub mod imaging;
pub mod limits;
pub mod live;
pub mod model;
pub mod ports;
pub mod protocol;
pub mod query;
pub mod rest;
pub mod settings;
pub mod signing;
pub mod size;
pub mod system;
pub mod token;
pub mod wiring;
