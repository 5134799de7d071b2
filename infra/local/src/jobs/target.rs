use std::time::Duration;

use labelcast_functions::model::JobRequest;
use strum::{EnumString, IntoStaticStr};

use super::Kind;

/// The function that runs a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Target {
    /// Checks and stores an uploaded picture.
    Ingest,
    /// Runs the detector.
    Analyze,
    /// Stores results and removes images.
    Index,
    /// Appends notifications to history and pushes them.
    Notify,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Analyze, Self::Index, Self::Notify];

    /// The largest [`Target::batch`].
    pub const MAX_BATCH: usize = 1024;

    /// The target of this request.
    pub const fn of(request: &JobRequest) -> Self {
        match request {
            JobRequest::Ingest(_) => Self::Ingest,
            JobRequest::Analyze(_) => Self::Analyze,
            JobRequest::Index(_) => Self::Index,
            JobRequest::Notify(_) => Self::Notify,
        }
    }

    /// Its name in the table, metrics and logs.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The kind under which its jobs count in the backlog.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Ingest | Self::Analyze | Self::Index => Kind::Pictures,
            Self::Notify => Kind::Notifications,
        }
    }

    /// Maximum number of jobs running at once. Concurrent decodes are limited by the cores and the memory budget: while
    /// some are decoded, others are read, written and synced. Notifications go one after the other, since their order is
    /// what subscribers see.
    pub const fn concurrency(self) -> usize {
        match self {
            Self::Ingest | Self::Analyze | Self::Index => 4,
            Self::Notify => 1,
        }
    }

    /// Maximum number of jobs dispatched together. Waiting notifications are written and pushed together, as many as a few
    /// commits publish, so that pushing keeps up with publishing.
    pub const fn batch(self) -> usize {
        match self {
            Self::Ingest | Self::Analyze | Self::Index => 1,
            Self::Notify => Self::MAX_BATCH,
        }
    }

    /// Whether jobs keep their order, even while an earlier one is retried.
    pub const fn in_order(self) -> bool {
        matches!(self, Self::Notify)
    }

    /// Timeout of an attempt. A hanging detector is cut off here.
    pub const fn time_out(self) -> Duration {
        match self {
            Self::Ingest => Duration::from_mins(1),
            Self::Analyze | Self::Index | Self::Notify => Duration::from_secs(30),
        }
    }

    /// How long an attempt may go without progress. It is short where others wait behind it.
    pub const fn timeout(self) -> Duration {
        match self {
            Self::Ingest | Self::Analyze | Self::Index => self.time_out(),
            Self::Notify => Duration::from_secs(2),
        }
    }
}
