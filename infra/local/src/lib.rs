//! Labelcast on one machine: the functions with everything they need embedded.

pub mod detector;
pub mod translator;
