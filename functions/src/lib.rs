//! The functions of Labelcast: what they decide, and the ports through which they act.

pub mod imaging;
pub mod model;
pub mod ports;
pub mod protocol;
pub mod query;
pub mod signing;
pub mod token;
