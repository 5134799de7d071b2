//! From a picture to the numbers that a network takes.

mod resize;
mod steps;
mod tensor;
#[cfg(test)]
mod tests;

pub(crate) use steps::{Extent, Normalization, Resample, Resize, Steps, Target};
pub(crate) use tensor::{Channels, Layout, Tensor};
