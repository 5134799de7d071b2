//! The normal form: a query as a few lists of plain demands, any of which is enough. It is what stores search by and
//! what filters are indexed by.

use super::expression::{Expression, Pattern, Term};
use super::image_fields::{Coverage, ImageFields};
use crate::model::{Audience, Confidence, Image, LabelName};

/// A query's disjunctive normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Normal {
    /// What matches one of these matches the query; none for a query that nothing can match. At most
    /// [`Normal::MAX_CONJUNCTIONS`]; none is contained in another. Equal queries have them in the same order.
    Conjunctions(Vec<Conjunction>),
    /// It, or a part of it, would have more than that. A search then looks through everything, which is what
    /// [`Conjunction::default`] matches, and asks [`Query::matches`](super::Query::matches) of each image.
    TooMany,
}

impl Normal {
    /// A filter that would have more is evaluated for every image.
    pub const MAX_CONJUNCTIONS: usize = 16;

    pub(super) fn of(expression: &Expression) -> Self {
        normal(expression, true).map_or(Self::TooMany, |alternatives| Self::Conjunctions(alternatives.0))
    }
}

/// Demands that hold together. They do not contradict each other, and none follows from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conjunction {
    /// The image has each of these; in alphabetical order, no name twice.
    pub required: Vec<LabelTerm>,
    /// For each of these the image has a label that begins so; in alphabetical order.
    pub prefixes: Vec<PrefixTerm>,
    /// The image has none of these.
    pub prohibited: Vec<Prohibited>,
    /// `is:offensive`, or its contrary.
    pub offensive: Option<bool>,
    /// `by:me`, or its contrary.
    pub mine: Option<bool>,
}

/// A label with at least a confidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelTerm {
    /// The whole name of the label, in lower case.
    pub name: LabelName,
    /// Zero where the query does not say.
    pub at_least: Confidence,
}

/// Any label with that beginning, with at least a confidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrefixTerm {
    /// Folded as names are; 1 to 100 characters.
    pub prefix: String,
    /// Zero where the query does not say.
    pub at_least: Confidence,
}

/// What an image must not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prohibited {
    /// This label with this confidence or a higher one.
    Label(LabelTerm),
    /// Every label with this beginning and this confidence or a higher one.
    Prefix(PrefixTerm),
}

impl Conjunction {
    /// Whether the image meets every demand of this audience's.
    pub fn finds(&self, image: &Image, audience: Audience<'_>) -> bool {
        audience.sees(image) && ImageFields::of(image, audience).is_some_and(|fields| self.matches(&fields))
    }

    /// Whether the image meets every demand.
    pub fn matches(&self, fields: &ImageFields) -> bool {
        self.wanted().all(|coverage| coverage.finds(fields.labels))
            && !self.excluded().any(|coverage| coverage.finds(fields.labels))
            && self.offensive.is_none_or(|offensive| offensive == fields.offensive)
            && self.mine.is_none_or(|mine| mine == fields.mine)
    }

    fn of_term(term: &Term, wanted: bool) -> Self {
        let at_least = term.at_least.unwrap_or(Confidence::ZERO);
        let mut only = Self::default();
        match &term.pattern {
            Pattern::Whole(name) => {
                let term = LabelTerm { name: name.clone(), at_least };
                if wanted { only.required.push(term) } else { only.prohibited.push(Prohibited::Label(term)) }
            }
            Pattern::Prefix(prefix) => {
                let term = PrefixTerm { prefix: prefix.as_str().to_owned(), at_least };
                if wanted { only.prefixes.push(term) } else { only.prohibited.push(Prohibited::Prefix(term)) }
            }
        }
        only
    }

    /// Both at once; `None` if they contradict each other.
    fn and(&self, other: &Self) -> Option<Self> {
        let both = Self {
            required: [&*self.required, &*other.required].concat(),
            prefixes: [&*self.prefixes, &*other.prefixes].concat(),
            prohibited: [&*self.prohibited, &*other.prohibited].concat(),
            offensive: agreed(self.offensive, other.offensive)?,
            mine: agreed(self.mine, other.mine)?,
        };
        let contradictory = both.wanted().any(|wanted| both.excluded().any(|excluded| wanted.lies_within(excluded)));
        (!contradictory).then(|| both.without_repetition())
    }

    /// Leaves out every demand that follows from another, as `sun*` from `sunset`, or `-sunset` from `-sun*`.
    fn without_repetition(mut self) -> Self {
        // Once equal ones are gone, no demand follows from one that follows from it.
        self.required.sort();
        self.required.dedup();
        self.prefixes.sort();
        self.prefixes.dedup();
        self.prohibited.sort();
        self.prohibited.dedup();
        let wanted_follows =
            |coverage: Coverage| self.wanted().filter(|wanted| wanted.lies_within(coverage)).count() > 1;
        let removal_requested_follows =
            |coverage: Coverage| self.excluded().filter(|excluded| coverage.lies_within(*excluded)).count() > 1;
        Self {
            required: self.required.iter().filter(|term| !wanted_follows(term.coverage())).cloned().collect(),
            prefixes: self.prefixes.iter().filter(|term| !wanted_follows(term.coverage())).cloned().collect(),
            prohibited: self
                .prohibited
                .iter()
                .filter(|term| !removal_requested_follows(term.coverage()))
                .cloned()
                .collect(),
            ..self
        }
    }

    /// Whether whatever matches this matches the other too.
    fn implies(&self, other: &Self) -> bool {
        other.wanted().all(|wider| self.wanted().any(|narrower| narrower.lies_within(wider)))
            && other.excluded().all(|narrower| self.excluded().any(|wider| narrower.lies_within(wider)))
            && (other.offensive.is_none() || other.offensive == self.offensive)
            && (other.mine.is_none() || other.mine == self.mine)
    }

    fn wanted(&self) -> impl Iterator<Item = Coverage<'_>> {
        self.required.iter().map(LabelTerm::coverage).chain(self.prefixes.iter().map(PrefixTerm::coverage))
    }

    fn excluded(&self) -> impl Iterator<Item = Coverage<'_>> {
        self.prohibited.iter().map(Prohibited::coverage)
    }
}

impl LabelTerm {
    fn coverage(&self) -> Coverage<'_> {
        Coverage { text: self.name.as_str(), whole: true, at_least: self.at_least }
    }
}

impl PrefixTerm {
    fn coverage(&self) -> Coverage<'_> {
        Coverage { text: &self.prefix, whole: false, at_least: self.at_least }
    }
}

impl Prohibited {
    fn coverage(&self) -> Coverage<'_> {
        match self {
            Self::Label(term) => term.coverage(),
            Self::Prefix(term) => term.coverage(),
        }
    }
}

/// What both say, where they say anything; `None` if they say different things.
#[expect(clippy::option_option, reason = "the inner one is a demand that need not be made")]
fn agreed(one: Option<bool>, other: Option<bool>) -> Option<Option<bool>> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => None,
        _ => Some(one.or(other)),
    }
}

/// Conjunctions of which one is enough: never more than [`Normal::MAX_CONJUNCTIONS`], none of which implies another.
#[derive(Default)]
struct Alternatives(Vec<Conjunction>);

impl Alternatives {
    /// `None` if they become too many.
    fn with(mut self, new: Conjunction) -> Option<Self> {
        if !self.0.iter().any(|known| new.implies(known)) {
            self.0.retain(|known| !known.implies(&new));
            self.0.push(new);
        }
        (self.0.len() <= Normal::MAX_CONJUNCTIONS).then_some(self)
    }
}

/// The expression, or its contrary, in normal form; `None` if a part of it has too many alternatives. Every part is
/// bounded, so that no step builds more than 16 times 16, whatever the whole would come to.
fn normal(expression: &Expression, wanted: bool) -> Option<Alternatives> {
    let only = |conjunction| Alternatives::default().with(conjunction);
    match (expression, wanted) {
        (Expression::Term(term), _) => only(Conjunction::of_term(term, wanted)),
        (Expression::Offensive, _) => only(Conjunction { offensive: Some(wanted), ..Conjunction::default() }),
        (Expression::Mine, _) => only(Conjunction { mine: Some(wanted), ..Conjunction::default() }),
        (Expression::Not(inner), _) => normal(inner, !wanted),
        (Expression::Any(parts), true) | (Expression::All(parts), false) => one_of(parts, wanted),
        (Expression::All(parts), true) | (Expression::Any(parts), false) => each_of(parts, wanted),
    }
}

fn one_of(parts: &[Expression], wanted: bool) -> Option<Alternatives> {
    parts.iter().try_fold(Alternatives::default(), |sum, part| {
        normal(part, wanted)?.0.into_iter().try_fold(sum, Alternatives::with)
    })
}

fn each_of(parts: &[Expression], wanted: bool) -> Option<Alternatives> {
    let mut factors = parts.iter().map(|part| normal(part, wanted)).collect::<Option<Vec<_>>>()?;
    // Plain demands first: they contradict alternatives before those multiply.
    factors.sort_by_key(|factor| factor.0.len());
    let everything = Alternatives(vec![Conjunction::default()]);
    factors.iter().try_fold(everything, |product, factor| {
        let pairs = product.0.iter().flat_map(|one| factor.0.iter().filter_map(|other| one.and(other)));
        pairs.collect::<Vec<_>>().into_iter().try_fold(Alternatives::default(), Alternatives::with)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    /// Each conjunction as a query of its own.
    fn normal(text: &str) -> Option<Vec<String>> {
        let Normal::Conjunctions(conjunctions) = Query::parse(text).unwrap().normalized() else { return None };
        Some(conjunctions.iter().map(written).collect())
    }

    fn written(conjunction: &Conjunction) -> String {
        let label = |term: &LabelTerm| format!("{}:{}", term.name, term.at_least.percent());
        let prefix = |term: &PrefixTerm| format!("{}*:{}", term.prefix, term.at_least.percent());
        let flag = |flag: Option<bool>, text: &str| flag.map(|yes| format!("{}{text}", if yes { "" } else { "-" }));
        let mut parts: Vec<_> = conjunction.required.iter().map(label).collect();
        parts.extend(conjunction.prefixes.iter().map(prefix));
        parts.extend(conjunction.prohibited.iter().map(|prohibited| match prohibited {
            Prohibited::Label(term) => format!("-{}", label(term)),
            Prohibited::Prefix(term) => format!("-{}", prefix(term)),
        }));
        parts.extend(flag(conjunction.offensive, "is:offensive"));
        parts.extend(flag(conjunction.mine, "by:me"));
        parts.join(" ").replace(":0", "")
    }

    fn assert_normal(text: &str, expected: &[&str]) {
        assert_eq!(normal(text).as_deref(), Some(&*expected.iter().map(ToString::to_string).collect::<Vec<_>>()));
    }

    #[test]
    fn and_distributes_over_or() {
        assert_normal("x (a OR b)", &["a x", "b x"]);
        assert_normal("-(a (b OR by:me))", &["-a", "-b -by:me"]);
        assert_normal("", &[""]);
    }

    #[test]
    fn contradictions_are_dropped() {
        assert_normal("a -a", &[]);
        assert_normal("sunset -sun*", &[]);
        assert_normal("a:95 -a:90", &[]);
        assert_normal("by:me -by:me", &[]);
        assert_normal("(a OR b) -a", &["b -a"]);
        assert_normal("a:80 -a:95", &["a:80 -a:95"]);
        assert_normal("sun* -sunset", &["sun* -sunset"]);
    }

    #[test]
    fn implied_terms_are_dropped() {
        assert_normal("a a:90 A", &["a:90"]);
        assert_normal("-a -a:90", &["-a"]);
        assert_normal("sunset sun* s* sun*:90", &["sunset sun*:90"]);
        assert_normal("-sunset -sun* -s*:90", &["-s*:90 -sun*"]);
        assert_normal("a OR A OR a b", &["a"]);
        assert_normal("(a OR b) (a OR c)", &["a", "b c"]);
    }

    #[test]
    fn more_than_sixteen_alternatives_are_not_expanded() {
        let alternatives = |count: u8| (0..count).map(|n| format!("l{n}")).collect::<Vec<_>>().join(" OR ");
        assert_eq!(normal(&alternatives(16)).map(|conjunctions| conjunctions.len()), Some(16));
        assert_eq!(normal(&alternatives(17)), None);
        assert_eq!(normal(&format!("-({})", alternatives(17))).map(|conjunctions| conjunctions.len()), Some(1));
    }

    #[test]
    fn an_exponential_expansion_is_abandoned_immediately() {
        let pairs: Vec<_> = (0..32).map(|n| format!("(a{n} OR b{n})")).collect();
        assert_eq!(normal(&pairs.join(" ")), None, "2^32 alternatives");
    }
}
