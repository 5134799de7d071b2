use serde::Serialize;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// SQLite finds the database damaged.
    DamagedDatabase,
    /// A file that no image uses.
    LeftOverFile,
    /// An image of which files are missing or too short.
    MissingFile,
    /// A file that Labelcast would never have made there.
    UnknownFile,
    /// What was being written when a process was killed.
    UnfinishedFile,
    /// An object that a form made, and nothing works on it.
    ObjectWithoutJob,
}

impl Kind {
    /// What was found, in words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::DamagedDatabase => "damaged database",
            Self::LeftOverFile => "left-over file",
            Self::MissingFile => "missing file",
            Self::UnknownFile => "unknown file",
            Self::UnfinishedFile => "unfinished file",
            Self::ObjectWithoutJob => "object without job",
        }
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What kind of trouble it is.
    pub kind: Kind,
    /// A path in the data directory.
    pub path: String,
    /// What it means, and what to do.
    pub detail: String,
    /// Whether it is as it should be by now.
    pub repaired: bool,
}
