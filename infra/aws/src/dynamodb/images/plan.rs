//! Which postings a search walks.

use labelcast_functions::model::Audience;
use labelcast_functions::ports::PortResult;
use labelcast_functions::query::Conjunction;

use super::counts;
use super::term::Term;
use crate::dynamodb::Table;

/// A label of so few images is looked through in a page or two, whatever else is demanded.
const FEW: u64 = 1_000;

/// The most selective term of those demanded, as far as is known cheaply: labels are counted, the others are not. None if
/// nothing can match.
pub(super) async fn term<'a>(
    table: &Table,
    conjunction: &'a Conjunction,
    audience: Audience<'a>,
) -> PortResult<Option<Term<'a>>> {
    let names = conjunction.required.iter().map(|term| &term.name);
    let label = counts::rarest(table, names, audience).await?;
    let mine = conjunction.mine == Some(true);
    Ok(match (label, audience.user()) {
        (Some((0, _)), _) => None,
        (_, None) if mine => None,
        (Some((count, name)), _) if count <= FEW => Some(Term::Label(name)),
        (_, Some(user)) if mine => Some(Term::Uploader(user)),
        _ if conjunction.offensive == Some(true) => Some(Term::Offensive),
        (Some((_, name)), _) => Some(Term::Label(name)),
        (None, _) => {
            let prefix = conjunction.prefixes.iter().find_map(|term| Term::prefix(&term.prefix));
            Some(prefix.unwrap_or(Term::Everything))
        }
    })
}
