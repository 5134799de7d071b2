//! Where the network is in a model's directory, and where the models are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::ModelError;

/// The network under its usual names, or the only file of its kind.
pub(super) fn network(directory: &Path) -> Result<PathBuf, ModelError> {
    let within = directory.join("onnx");
    for usual in [directory.join("model.onnx"), within.join("model.onnx")] {
        if usual.is_file() {
            return Ok(usual);
        }
    }
    let mut found = networks(directory).map_err(|error| unreadable(directory, &error))?;
    if within.is_dir() {
        found.extend(networks(&within).map_err(|error| unreadable(&within, &error))?);
    }
    let expected = directory.join("model.onnx");
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(ModelError::of_file(
            &expected,
            "there is no such file",
            "Put the network there in ONNX; Hugging Face's `optimum-cli export onnx` makes one of most of its models",
        )),
        several => Err(ModelError::of_file(
            &expected,
            format!("there is no such file, and {} others that end in .onnx", several.len()),
            "Rename the one to use to model.onnx",
        )),
    }
}

fn networks(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "onnx") && path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

fn unreadable(directory: &Path, error: &io::Error) -> ModelError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            ModelError::of_file(directory, "there is no such directory", "Name the directory that the model is in")
        }
        _ => ModelError::of_file(
            directory,
            format!("it cannot be read: {error}"),
            "Give the user that runs Labelcast the right to read it",
        ),
    }
}

/// The directories of models in a directory, by name. What begins with a dot is none, nor is what has no network and no
/// description.
pub fn directories(models: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(models)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let path = entry.path();
        if !hidden && path.is_dir() && looks_like_a_model(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn looks_like_a_model(directory: &Path) -> bool {
    let described = ["detector.toml", "config.json"].iter().any(|name| directory.join(name).exists());
    // One whose files may not be read is named and refused, rather than passed over.
    described || network(directory).map_or_else(|error| error.file() == directory, |_| true)
}
