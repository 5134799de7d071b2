use std::str::FromStr;
use std::time::Duration;

/// The function that takes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// An S3 event.
    Ingest,
    /// The body of a queue message.
    Analyze,
    /// An event of the bus.
    Index,
    /// An event of the bus.
    Notify,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Analyze, Self::Index, Self::Notify];

    /// As it stands in the table, in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Analyze => "analyze",
            Self::Index => "index",
            Self::Notify => "notify",
        }
    }

    /// Steps that run at once. How many pictures are decoded at once is bound by the cores and the memory budget: while
    /// some are decoded, others are read, written and synced. Notifications go one after the other, since their order is
    /// what subscribers see.
    pub const fn concurrency(self) -> usize {
        match self {
            Self::Ingest | Self::Analyze | Self::Index => 4,
            Self::Notify => 1,
        }
    }

    /// Steps handed over together at most. Notifications that wait are written and pushed together.
    pub const fn batch(self) -> usize {
        match self {
            Self::Ingest | Self::Analyze | Self::Index => 1,
            Self::Notify => 64,
        }
    }

    /// How long one attempt may take. A detector that hangs is cut off here.
    pub const fn time_out(self) -> Duration {
        match self {
            Self::Ingest | Self::Notify => Duration::from_mins(1),
            Self::Analyze | Self::Index => Duration::from_secs(30),
        }
    }
}

impl FromStr for Target {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|target| target.name() == name).ok_or(())
    }
}
