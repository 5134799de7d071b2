//! A query as a tree in canonical form: equal trees have equal texts.

use std::fmt::{self, Display};

use super::image_fields::{Coverage, ImageFields};
use super::lexer::is_plain;
use crate::model::{Confidence, LabelName};

/// Words that mean something else before a colon.
pub(super) const KEYWORDS: [&str; 2] = ["is", "by"];

/// A label or a beginning of labels, with or without a confidence of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub pattern: Pattern,
    /// `None` where the query does not say.
    pub at_least: Option<Confidence>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    Whole(LabelName),
    /// Folded and bounded as a name is, though it need not be one.
    Prefix(LabelName),
}

/// Built by [`all`](Self::all), [`any`](Self::any) and [`not`](Self::not), which keep it canonical: no `All` directly
/// within an `All`, no `Any` within an `Any`, no `Not` within a `Not`, no `Any` of fewer than two, and no `All` of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    Term(Term),
    Offensive,
    Mine,
    Not(Box<Expression>),
    /// Of nothing, which only stands at the top: everything.
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

impl Expression {
    pub fn all(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| if let Self::All(inner) = part { inner } else { vec![part] });
        only_one(flat.collect()).unwrap_or_else(Self::All)
    }

    /// Of at least one.
    pub fn any(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| if let Self::Any(inner) = part { inner } else { vec![part] });
        only_one(flat.collect()).unwrap_or_else(Self::Any)
    }

    pub fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    pub fn matches(&self, fields: &ImageFields) -> bool {
        match self {
            Self::Term(term) => term.coverage().finds(fields.labels),
            Self::Offensive => fields.offensive,
            Self::Mine => fields.mine,
            Self::Not(inner) => !inner.matches(fields),
            Self::All(parts) => parts.iter().all(|part| part.matches(fields)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(fields)),
        }
    }

    pub fn uses_offensive(&self) -> bool {
        match self {
            Self::Offensive => true,
            Self::Term(_) | Self::Mine => false,
            Self::Not(inner) => inner.uses_offensive(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::uses_offensive),
        }
    }

    /// The same with other terms.
    pub fn map_terms(&self, change: &mut impl FnMut(&Term) -> Term) -> Self {
        match self {
            Self::Term(term) => Self::Term(change(term)),
            Self::Offensive => Self::Offensive,
            Self::Mine => Self::Mine,
            Self::Not(inner) => Self::Not(Box::new(inner.map_terms(change))),
            Self::All(parts) => Self::All(parts.iter().map(|part| part.map_terms(change)).collect()),
            Self::Any(parts) => Self::Any(parts.iter().map(|part| part.map_terms(change)).collect()),
        }
    }
}

/// The only part, or all of them.
fn only_one(mut parts: Vec<Expression>) -> Result<Expression, Vec<Expression>> {
    if parts.len() == 1 { Ok(parts.remove(0)) } else { Err(parts) }
}

impl Term {
    pub fn coverage(&self) -> Coverage<'_> {
        let (name, whole) = match &self.pattern {
            Pattern::Whole(name) => (name, true),
            Pattern::Prefix(name) => (name, false),
        };
        Coverage { text: name.as_str(), whole, at_least: self.at_least.unwrap_or(Confidence::ZERO) }
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term(term) => term.fmt(f),
            Self::Offensive => f.write_str("is:offensive"),
            Self::Mine => f.write_str("by:me"),
            Self::Not(inner) if matches!(**inner, Self::All(_) | Self::Any(_)) => write!(f, "-({inner})"),
            Self::Not(inner) => write!(f, "-{inner}"),
            Self::All(parts) => joined(f, parts, " "),
            Self::Any(parts) => joined(f, parts, " OR "),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expression], between: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        // An `All` within an `Any` needs no parentheses: AND binds tighter.
        if matches!(part, Expression::Any(_)) { write!(f, "({part})")? } else { part.fmt(f)? }
    }
    Ok(())
}

impl Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Coverage { text, whole, .. } = self.coverage();
        let like_keyword = whole && self.at_least.is_some() && KEYWORDS.contains(&text);
        if text.chars().all(is_plain) && !text.starts_with('-') && !like_keyword {
            f.write_str(text)?;
        } else {
            write!(f, "\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))?;
        }
        if !whole {
            f.write_str("*")?;
        }
        self.at_least.map_or(Ok(()), |confidence| write!(f, ":{}", confidence.percent()))
    }
}
