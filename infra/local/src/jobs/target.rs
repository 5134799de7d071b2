use std::time::Duration;

use labelcast_functions::model::JobRequest;
use strum::{EnumString, IntoStaticStr};

use super::Kind;

/// The function that takes a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Target {
    /// `ingest`
    Ingest,
    /// `analyze`
    Analyze,
    /// `index`
    Index,
    /// `notify`
    Notify,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Analyze, Self::Index, Self::Notify];

    /// The largest [`Target::batch`].
    pub const MAX_BATCH: usize = 1024;

    /// Who takes this request.
    pub const fn of(request: &JobRequest) -> Self {
        match request {
            JobRequest::Ingest(_) => Self::Ingest,
            JobRequest::Analyze(_) => Self::Analyze,
            JobRequest::Index(_) => Self::Index,
            JobRequest::Notify(_) => Self::Notify,
        }
    }

    /// As it stands in the table, in metrics and logs.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What it counts as in the backlog.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Ingest | Self::Analyze | Self::Index => Kind::Pictures,
            Self::Notify => Kind::Notifications,
        }
    }

    /// Jobs that run at once. How many pictures are decoded at once is bound by the cores and the memory budget: while
    /// some are decoded, others are read, written and synced. Notifications go one after the other, since their order is
    /// what subscribers see.
    pub const fn concurrency(self) -> usize {
        match self {
            Self::Ingest | Self::Analyze | Self::Index => 4,
            Self::Notify => 1,
        }
    }

    /// Jobs dispatched together at most. Notifications that wait are written and pushed together: as many as are published
    /// with a few commits, so that they are notified as fast as they are accepted.
    pub const fn batch(self) -> usize {
        match self {
            Self::Ingest | Self::Analyze | Self::Index => 1,
            Self::Notify => Self::MAX_BATCH,
        }
    }

    /// Whether no job may pass one that was accepted before it, not even while that one is tried again.
    pub const fn in_order(self) -> bool {
        matches!(self, Self::Notify)
    }

    /// How long an attempt may take. A detector that hangs is cut off here.
    pub const fn time_out(self) -> Duration {
        match self {
            Self::Ingest => Duration::from_mins(1),
            Self::Analyze | Self::Index | Self::Notify => Duration::from_secs(30),
        }
    }

    /// How long an attempt may get nowhere. Short where others wait behind it: what gets on has its whole time.
    pub const fn timeout(self) -> Duration {
        match self {
            Self::Ingest | Self::Analyze | Self::Index => self.time_out(),
            Self::Notify => Duration::from_secs(2),
        }
    }
}
