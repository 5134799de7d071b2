//! The fields of a description, read so that a fault is found with its name.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ModelError;

/// The largest description. The names of 100,000 classes fit.
const MAX_BYTES: u64 = 16 << 20;

/// A file's fields, or those of a table in it.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    file: PathBuf,
    within: Option<&'static str>,
    values: Map<String, Value>,
}

impl Fields {
    /// Of a JSON file; `None` if there is none.
    pub(super) fn of_json(file: &Path) -> Result<Option<Self>, ModelError> {
        Self::read(file, |text| serde_json::from_str(text).map_err(|error| error.to_string()))
    }

    /// Of a TOML file; `None` if there is none.
    pub(super) fn of_toml(file: &Path) -> Result<Option<Self>, ModelError> {
        // The reason alone: its error goes on with the line, marked below, which does not fit into a sentence.
        Self::read(file, |text| toml::from_str(text).map_err(|error| in_one_line(text, &error)))
    }

    fn read(
        file: &Path,
        parse: impl FnOnce(&str) -> Result<Map<String, Value>, String>,
    ) -> Result<Option<Self>, ModelError> {
        let Some(text) = text_of(file)? else { return Ok(None) };
        let values =
            parse(&text).map_err(|why| ModelError::of_file(file, format!("it cannot be read: {why}"), "Correct it"))?;
        Ok(Some(Self { file: file.to_owned(), within: None, values }))
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The value of a field; `None` if it is missing or null. `form` says how it should be: "a number from 1 to 4096".
    pub(super) fn get<T: DeserializeOwned>(&self, field: &str, form: &str) -> Result<Option<T>, ModelError> {
        match self.values.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                serde_json::from_value(value.clone()).map(Some).map_err(|_| self.wrong(field, &shown(value), form))
            }
        }
    }

    /// The same, with what holds where it is missing.
    pub(super) fn get_or<T: DeserializeOwned>(&self, field: &str, form: &str, default: T) -> Result<T, ModelError> {
        Ok(self.get(field, form)?.unwrap_or(default))
    }

    /// The fields within a field; `None` if it is missing.
    pub(super) fn within(&self, field: &'static str) -> Result<Option<Self>, ModelError> {
        let values = self.get(field, "a table of fields")?;
        Ok(values.map(|values| Self { file: self.file.clone(), within: Some(field), values }))
    }

    /// All of them, in alphabetical order.
    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.values.iter()
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.values.get(field).is_some_and(|value| !value.is_null())
    }

    /// Refuses a field that is not among these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ModelError> {
        let unknown = self.values.keys().find(|field| !known.contains(&field.as_str()));
        unknown.map_or(Ok(()), |field| {
            Err(self.fault(field, "there is no such field", &format!("Remove it, or use one of {}", known.join(", "))))
        })
    }

    /// A value that is none of what the field takes.
    pub(super) fn wrong(&self, field: &str, value: &str, form: &str) -> ModelError {
        self.fault(field, &format!("{value} makes no sense here"), &format!("Write {form}"))
    }

    pub(super) fn fault(&self, field: &str, problem: &str, cure: &str) -> ModelError {
        let field = self.within.map_or_else(|| field.to_owned(), |table| format!("{table}.{field}"));
        ModelError::of_field(&self.file, &field, problem, cure)
    }
}

/// A file's text; `None` if there is no such file.
pub(super) fn text_of(file: &Path) -> Result<Option<String>, ModelError> {
    let unreadable = |error: std::io::Error| {
        ModelError::of_file(
            file,
            format!("it cannot be read: {error}"),
            "Give the user that runs Labelcast the right to read it",
        )
    };
    let size = match fs::metadata(file) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if size > MAX_BYTES {
        return Err(ModelError::of_file(file, "it is larger than 16 MiB", "Check that it is what its name says"));
    }
    let bytes = fs::read(file).map_err(unreadable)?;
    let no_text = |_| ModelError::of_file(file, "it is no UTF-8 text", "Save it as UTF-8");
    String::from_utf8(bytes).map(Some).map_err(no_text)
}

fn in_one_line(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    line.map_or_else(|| error.message().to_owned(), |line| format!("{} in line {line}", error.message()))
}

/// A value as it stands in JSON, in at most some forty characters.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
