//! From a network's numbers to probabilities.

/// How far beyond 0 and 1 a probability may be, since networks compute with few digits.
const TOLERANCE: f64 = 0.001;

/// What makes probabilities of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// One class is right.
    Softmax,
    /// Any may be.
    Sigmoid,
    /// They are probabilities already.
    None,
}

/// The numbers are no answer.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub(crate) enum OutputError {
    /// NaN, or without bound.
    #[error("it answered {0} for class {1}")]
    NotFinite(f32, usize),
    /// It was said that they are probabilities.
    #[error("it answered {0} for class {1}, which is no probability")]
    NoProbability(f32, usize),
}

impl Activation {
    /// Each class's probability, from 0 to 1.
    pub(crate) fn probabilities(self, numbers: &[f32]) -> Result<Vec<f64>, OutputError> {
        if let Some((class, number)) = numbers.iter().enumerate().find(|(_, number)| !number.is_finite()) {
            return Err(OutputError::NotFinite(*number, class));
        }
        let wide = numbers.iter().map(|number| f64::from(*number));
        match self {
            Self::Softmax => {
                // Less the largest: e to the power of a large number is infinite.
                let largest = wide.clone().fold(f64::NEG_INFINITY, f64::max);
                let raised: Vec<f64> = wide.map(|number| (number - largest).exp()).collect();
                let sum: f64 = raised.iter().sum();
                Ok(raised.into_iter().map(|raised| raised / sum).collect())
            }
            Self::Sigmoid => Ok(wide.map(|number| 1.0 / (1.0 + (-number).exp())).collect()),
            Self::None => wide.enumerate().map(|(class, number)| already(number, class)).collect(),
        }
    }
}

fn already(number: f64, class: usize) -> Result<f64, OutputError> {
    let near = (-TOLERANCE..=1.0 + TOLERANCE).contains(&number);
    #[expect(clippy::cast_possible_truncation, reason = "it was made of one of 32 bits")]
    near.then(|| number.clamp(0.0, 1.0)).ok_or(OutputError::NoProbability(number as f32, class))
}
