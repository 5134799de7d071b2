//! placeholder
use crate::model::{LabelName, Position};
/// p
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query;
/// p
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conjunction;
/// p
pub struct Candidates<T> {
    /// p
    pub found: Vec<(Position, T)>,
    /// p
    pub looked_until: Option<Position>,
}
/// p
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Filing {
    /// p
    Label(LabelName),
    /// p
    Beginning(String),
    /// p
    Everything,
}
