//! A data directory as one file, made while it is served.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::Connection;
use tar::{Builder, Header};

use crate::data::DataDirectory;
use crate::database;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It would be overwritten.
    #[error("{0} is there already; choose another name")]
    Exists(std::path::PathBuf),
    /// The file system refused.
    #[error("the backup could not be written: {0}")]
    Io(#[from] io::Error),
    /// The database refused.
    #[error("the database could not be copied: {0}")]
    Database(#[from] rusqlite::Error),
}

/// Files of a directory beside the database and the objects.
const SECRETS: [&str; 3] = ["signing-key.pem", "credentials", "identity"];

/// Writes a tar file for its owner alone: a consistent snapshot of the database, the secrets, then the objects. An object
/// is there before the row that names it, so what the snapshot names is found later on; what was deleted meanwhile is
/// left out. To restore it, unpack it into an empty directory.
pub fn write(directory: &DataDirectory, file: &Path) -> Result<(), BackupError> {
    if file.exists() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let output = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    let mut archive = Builder::new(output);
    archive.follow_symlinks(false);
    snapshot(directory, &mut archive)?;
    for name in SECRETS {
        add(&mut archive, directory.path(), &directory.path().join(name))?;
    }
    add_folder(&mut archive, directory.path(), &directory.objects())?;
    let output = archive.into_inner()?;
    output.sync_all()?;
    fs::rename(&part, file)?;
    Ok(())
}

fn snapshot(directory: &DataDirectory, archive: &mut Builder<File>) -> Result<(), BackupError> {
    let copy = tempfile::NamedTempFile::new_in(directory.path())?;
    let source = Connection::open(directory.path().join(database::FILE_NAME))?;
    source.backup("main", copy.path(), None::<fn(rusqlite::backup::Progress)>)?;
    let mut opened = File::open(copy.path())?;
    archive.append_file(database::FILE_NAME, &mut opened)?;
    Ok(())
}

fn add_folder(archive: &mut Builder<File>, root: &Path, folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != "parts" {
            add_folder(archive, root, &entry.path())?;
        } else if kind.is_file() {
            add(archive, root, &entry.path())?;
        }
    }
    Ok(())
}

fn add(archive: &mut Builder<File>, root: &Path, path: &Path) -> io::Result<()> {
    let mut opened = match File::open(path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut header = Header::new_gnu();
    header.set_metadata(&opened.metadata()?);
    let name = path.strip_prefix(root).map_err(io::Error::other)?;
    archive.append_data(&mut header, name, &mut opened)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Secrets, SystemRandom};
    use crate::database::Database;

    #[tokio::test]
    async fn what_is_unpacked_elsewhere_is_what_was_backed_up() {
        let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let directory = DataDirectory::open(place.path()).unwrap();
        let secrets = Secrets::of(&directory, &SystemRandom).unwrap();
        let open = Database::open(directory.path()).unwrap();
        let insert = "INSERT INTO settings VALUES ('a', 'b')";
        open.write(|group| group.execute(insert, []).map(drop)).await.unwrap();
        let object = directory.objects().join("original/ab/abcd");
        fs::create_dir_all(object.parent().unwrap()).unwrap();
        fs::write(&object, b"bytes").unwrap();
        let file = elsewhere.path().join("backup.tar");
        write(&directory, &file).unwrap();
        assert!(matches!(write(&directory, &file), Err(BackupError::Exists(_))));
        let restored = elsewhere.path().join("restored");
        tar::Archive::new(File::open(&file).unwrap()).unpack(&restored).unwrap();
        let directory = DataDirectory::existing(&restored).unwrap();
        assert_eq!(Secrets::of(&directory, &SystemRandom).unwrap().client_id, secrets.client_id);
        assert_eq!(fs::read(directory.objects().join("original/ab/abcd")).unwrap(), b"bytes");
        let open = Database::open(directory.path()).unwrap();
        let select = "SELECT value FROM settings WHERE name = 'a'";
        let value = open.read(|connection| connection.query_row(select, [], |row| row.get::<_, String>(0)));
        assert_eq!(value.await.unwrap(), "b");
    }
}
