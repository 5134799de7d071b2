//! Words of other languages, translated to the English of the labels by a glossary.

mod folding;
mod glossary;

pub use glossary::Glossary;
