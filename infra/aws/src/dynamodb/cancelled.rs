//! Why a transaction was cancelled.

use aws_sdk_dynamodb::types::CancellationReason;

/// Why a transaction was not made: a reason an action, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cancelled {
    pub(crate) reasons: Vec<Reason>,
}

/// Why an action stopped its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It did not.
    None,
    /// Its condition does not hold.
    Condition,
    /// Somebody else writes the row at this moment, or too many do: the whole can be tried again.
    Conflict,
    /// A request that is refused.
    Other,
}

impl Reason {
    pub(super) fn of(reason: &CancellationReason) -> Self {
        match reason.code() {
            None | Some("None") => Self::None,
            Some("ConditionalCheckFailed") => Self::Condition,
            Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded") => Self::Conflict,
            Some(_) => Self::Other,
        }
    }
}

impl Cancelled {
    /// Whether this action's condition did not hold.
    pub(crate) fn condition_of(&self, action: usize) -> bool {
        self.reasons.get(action) == Some(&Reason::Condition)
    }
}
