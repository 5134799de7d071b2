//! Lists objects by prefix.

use std::fs;
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use labelcast_functions::ports::{ListedObject, MAX_LISTED};

/// The folders of the bucket. Nothing else is a key.
pub(super) const PLACES: [&str; 5] = ["new", "processed", "original", "thumbnail", "rejected"];

/// See [`labelcast_functions::ports::Objects::list`].
pub(super) fn list(root: &Path, prefix: &str, after: Option<&str>) -> io::Result<Vec<ListedObject>> {
    let mut keys = Vec::new();
    // What stands before the last slash is a folder, unless it is none of ours.
    if let Some((folder, _)) = prefix.rsplit_once('/')
        && PLACES.contains(&folder.split('/').next().unwrap_or_default())
        && !folder.split('/').any(|part| part.starts_with('.'))
    {
        collect(root, folder, &|key| key.starts_with(prefix) && after.is_none_or(|after| key > after), &mut keys)?;
    }
    keys.sort_unstable();
    keys.truncate(MAX_LISTED);
    let modified = |key: String| match fs::metadata(root.join(&key)).and_then(|metadata| metadata.modified()) {
        Ok(modified) => Some(Ok(ListedObject { key, modified: DateTime::<Utc>::from(modified) })),
        // Deleted since.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(error)),
    };
    keys.into_iter().filter_map(modified).collect()
}

fn collect(root: &Path, folder: &str, wanted: &dyn Fn(&str) -> bool, keys: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // A name that is not UTF-8 is none of ours.
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let key = format!("{folder}/{name}");
        if entry.file_type()?.is_dir() {
            collect(root, &key, wanted, keys)?;
        } else if wanted(&key) {
            keys.push(key);
        }
    }
    Ok(())
}
