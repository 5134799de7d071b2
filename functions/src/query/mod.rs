//! The search language: what one types into a search box, and what one leaves running as a filter.

/// A query that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    text: String,
}
