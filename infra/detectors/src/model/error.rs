//! Why a model is not used.

use std::fmt;
use std::path::{Path, PathBuf};

/// A model cannot be used: in which file of its directory the fault is, in which field, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelError {
    file: PathBuf,
    field: Option<String>,
    problem: String,
    cure: String,
}

impl ModelError {
    /// A fault of a file as a whole. `problem` and `cure` are sentences without a full stop.
    pub(crate) fn of_file(file: &Path, problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { file: file.to_owned(), field: None, problem: problem.into(), cure: cure.into() }
    }

    /// A fault of one of its fields.
    pub(crate) fn of_field(file: &Path, field: &str, problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::of_file(file, problem, cure) }
    }

    /// The file that is wrong or missing.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The field in it that is wrong or missing, if it is one.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// What to do, without a full stop.
    pub fn cure(&self) -> &str {
        &self.cure
    }
}

impl std::error::Error for ModelError {}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(field) = &self.field {
            write!(f, ", `{field}`")?;
        }
        write!(f, ": {}. {}", self.problem, self.cure)
    }
}
