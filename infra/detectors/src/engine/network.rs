//! A network, whatever computes it.

use crate::preprocess::Tensor;

/// What a network takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// Numbers of 32 bits with a fraction.
    pub(crate) is_float: bool,
    /// Its sides, where `None` is one of any length; `None` if it does not say.
    pub(crate) sides: Option<Vec<Option<usize>>>,
}

/// One of the outputs of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) shape: Vec<usize>,
    pub(crate) numbers: Vec<f32>,
}

/// An opened network. Runs may panic, take any time and any memory.
pub(crate) trait Network: Send + Sync {
    fn inputs(&self) -> &[Input];

    /// The names of the outputs.
    fn outputs(&self) -> &[String];

    /// Computes the output of this number. The only input is this tensor.
    fn run(&self, tensor: Tensor, output: usize) -> Result<Answer, String>;
}
